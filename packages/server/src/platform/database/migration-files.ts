import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Migration {
  number: number;
  name: string;
  /** Number of the oldest migration whose code may still run on the database after this one. */
  worksWith: number;
  /** SHA-256 of the text with \n line ends, hex. */
  checksum: string;
  text: string;
}

/** Beside src and dist alike. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../migrations/', import.meta.url));

/**
 * The migrations of this code, in order.
 * @throws Error for a file without `-- works-with: 000N` or a gap in the numbers: a fault of the release
 */
export async function readMigrations(folder = MIGRATIONS_FOLDER): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(names.map((name, index) => readMigration(folder, name, index + 1)));
}

async function readMigration(folder: string, file: string, number: number): Promise<Migration> {
  if (!file.startsWith(`${fourDigits(number)}_`)) {
    throw new Error(`Migration ${file} should be number ${fourDigits(number)}`);
  }
  const text = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
  const header = /^-- works-with: (\d{4})$/m.exec(text);
  const worksWith = Number(header?.[1] ?? 0);
  if (worksWith < 1 || worksWith > number) {
    throw new Error(`Migration ${file} needs a line "-- works-with: 000N", N from 1 to its own number`);
  }
  const checksum = createHash('sha256').update(text).digest('hex');
  return { number, name: file.slice(0, -'.sql'.length), worksWith, checksum, text };
}

export function fourDigits(number: number): string {
  return String(number).padStart(4, '0');
}
