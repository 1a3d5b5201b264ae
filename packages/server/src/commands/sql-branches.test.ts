import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

function read(folder: string, ending: string): string {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/node_modules|[/\\]dist[/\\]/.test(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
}

const rows = readFileSync(join(root, 'docs/sql-branches.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| function'))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));

it('[STB6] every branch in docs/sql-branches.md names a function and a test that exist', () => {
  const tests = read('packages', '.test.ts') + read('packages/conformance/src', '.ts');
  const migrations = read('packages/server/migrations', '.sql');
  expect(rows.length).toBeGreaterThan(20);
  for (const [name, , title] of rows) {
    expect(migrations).toContain(`create function ${name}(`);
    expect(tests.includes(`'${title}'`) || tests.includes(`"${title}"`), title).toBe(true);
  }
});
