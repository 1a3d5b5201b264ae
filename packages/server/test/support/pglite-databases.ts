import { createHash } from 'node:crypto';
import { constants, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataFolderError, type FolderLock, lockFolder } from '../../src/platform/database/folder-lock.js';
import { migrate } from '../../src/platform/database/migrate.js';
import { readMigrations } from '../../src/platform/database/migration-files.js';
import { type OpenedPglite, openPglite } from '../../src/platform/database/pglite.js';
import { holdCompiledEngine } from './compiled-engine.js';
import { testDeps } from './deps.js';

const CACHE = fileURLToPath(new URL('../../../../node_modules/.cache/bongsu/', import.meta.url));

/** A data folder with a cluster in it, empty or with all migrations: a copy, as initdb takes seconds. */
export async function createPgliteFolder(migrated: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-pglite-'));
  await fillPgliteFolder(folder, migrated);
  return folder;
}

/** The same in a folder that the caller chose. */
export async function fillPgliteFolder(folder: string, migrated: boolean): Promise<void> {
  copyFolder(await templateFolder(migrated), folder);
}

/** `fs.cp` looks at each of a thousand files again and again: 350 ms of CPU, where this takes 50. */
function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyFolder(source, copy);
    else copyFileSync(source, copy, constants.COPYFILE_FICLONE);
  }
}

export interface TestPgliteOptions {
  /** Closing flushes nothing, as the folder will be removed. True unless told. */
  throwAway?: boolean;
  onFatal?: (error: Error) => void;
}

export async function openTestPglite(
  dataDir: string,
  options: TestPgliteOptions = {},
): Promise<OpenedPglite> {
  const { throwAway = true, onFatal = () => {} } = options;
  await holdCompiledEngine();
  return openPglite({ dataDir, nodeName: 'test', throwAway }, { ...testDeps(), onFatal });
}

async function templateFolder(migrated: boolean): Promise<string> {
  const migrations = await readMigrations();
  const engine = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const hash = createHash('sha256')
    .update(engine)
    .update(String((await stat(engine)).size));
  if (migrated) hash.update(migrations.map((migration) => migration.checksum).join());
  const name = `pglite-${migrated ? 'migrated' : 'empty'}-${hash.digest('hex').slice(0, 16)}`;
  const template = join(CACHE, name);
  if (await exists(template)) return template;
  await mkdir(CACHE, { recursive: true });
  const lock = await waitForLock(join(CACHE, `${name}.lock`));
  try {
    if (!(await exists(template))) await build(template, migrated ? migrations : []);
  } finally {
    await lock.release();
  }
  return template;
}

async function build(template: string, migrations: Awaited<ReturnType<typeof readMigrations>>) {
  const draft = `${template}.new`;
  await rm(draft, { recursive: true, force: true });
  const { database } = await openTestPglite(draft, { throwAway: false });
  if (migrations.length > 0) await migrate(database, migrations, testDeps());
  await database.close();
  await rename(draft, template);
}

async function waitForLock(folder: string): Promise<FolderLock> {
  const { clock } = testDeps();
  for (;;) {
    try {
      return await lockFolder(folder, { node: 'test template' }, clock);
    } catch (error) {
      if (!(error instanceof DataFolderError && error.reason === 'in-use')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
