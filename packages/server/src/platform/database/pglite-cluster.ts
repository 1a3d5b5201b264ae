import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compiledEntry } from './compiled-entry.js';
import { DataFolderError } from './folder-lock.js';

/** Inside of a data folder. */
export const CLUSTER_FOLDER = 'pglite';
/** Of the PostgreSQL inside PGlite 0.5. */
const POSTGRES_VERSION = '18';
const STDERR_KEPT = 4_000;

/**
 * The cluster inside a data folder that this process has locked; made when it is not there.
 * @returns its folder
 * @throws DataFolderError
 */
export async function prepareCluster(dataDir: string): Promise<string> {
  const cluster = join(dataDir, CLUSTER_FOLDER);
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) {
    await createCluster(dataDir, cluster);
  } else if (version.trim() !== POSTGRES_VERSION) {
    throw new DataFolderError(
      'version',
      `The data in ${cluster} is of PostgreSQL ${version.trim()}, this version of Bongsu needs ${POSTGRES_VERSION}`,
    );
  }
  // PGlite makes its files for everybody, whatever the umask is; DATA_DIR itself may be anybody's.
  await chmod(cluster, 0o700);
  // Left by a killed process. Nobody else is here, as the folder's lock is ours.
  await rm(join(cluster, 'postmaster.pid'), { force: true });
  return cluster;
}

/** In a process of its own: initdb peaks at some 780 MB, which a thread would leave in this one. */
async function createCluster(dataDir: string, cluster: string): Promise<void> {
  const draft = join(dataDir, 'pglite.new');
  await rm(draft, { recursive: true, force: true });
  const child = fork(compiledEntry('./pglite-initdb', import.meta.url), [draft], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors = (errors + chunk).slice(-STDERR_KEPT);
  });
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) {
    await rm(draft, { recursive: true, force: true });
    const reason = errors.trim() || `initdb ended with ${signal ?? code}`;
    throw new DataFolderError('unusable', `The database in ${dataDir} could not be made: ${reason}`);
  }
  await rename(draft, cluster);
}
