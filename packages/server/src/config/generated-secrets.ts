import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder } from '../platform/ensure-folder.js';
import { randomToken } from '../platform/ids.js';
import { type SettingName, type Settings, SettingsSchema } from './schema.js';

type Generated = 'JWT_SECRET' | 'PII_KEYS';

const makers: Record<Generated, { file: string; make: () => string }> = {
  JWT_SECRET: { file: 'jwt-secret', make: () => randomToken(64) },
  // A kid of its own, so that data of another folder is refused by name instead of failing to decrypt.
  PII_KEYS: {
    file: 'pii-keys',
    make: () => `g${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64')}`,
  },
};

/** A file of generated secrets that was damaged. A new one must not silently take its place. */
export class GeneratedSecretError extends Error {
  override readonly name = 'GeneratedSecretError';
  constructor(
    readonly path: string,
    setting: SettingName,
    message: string,
  ) {
    super(`${path} (the generated ${setting}) ${message}. Restore it from a backup, or set ${setting}.`);
  }
}

/** Makes the file whole or not at all; of two starters at once one wins and both read its file. */
async function createOnce(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomToken(6)}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

async function readOrCreate(folder: string, setting: Generated): Promise<string> {
  const { file, make } = makers[setting];
  const path = join(folder, file);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await ensureFolder(folder);
  await createOnce(path, make());
  return readFile(path, 'utf8');
}

async function complete<Name extends Generated>(
  settings: Settings,
  name: Name,
): Promise<NonNullable<Settings[Name]>> {
  const given = settings[name];
  if (given !== undefined) return given as NonNullable<Settings[Name]>;
  const folder = join(settings.DATA_DIR, 'secrets');
  const result = SettingsSchema.shape[name].safeParse((await readOrCreate(folder, name)).trim());
  if (result.success && result.data !== undefined) return result.data as NonNullable<Settings[Name]>;
  const message = result.error?.issues[0]?.message ?? 'is empty';
  throw new GeneratedSecretError(join(folder, makers[name].file), name, message);
}

/** All that the server runs with. */
export type Config = Readonly<
  Settings & { JWT_SECRET: NonNullable<Settings['JWT_SECRET']>; PII_KEYS: NonNullable<Settings['PII_KEYS']> }
>;

/**
 * Adds the secrets that were not given: read from DATA_DIR/secrets, made there by chance on first use, readable by this
 * user only. @throws GeneratedSecretError, or the file system's error when DATA_DIR cannot be written
 */
export async function withGeneratedSecrets(settings: Settings): Promise<Config> {
  const [jwtSecret, piiKeys] = [await complete(settings, 'JWT_SECRET'), await complete(settings, 'PII_KEYS')];
  return Object.freeze({ ...settings, JWT_SECRET: jwtSecret, PII_KEYS: piiKeys });
}
