import pg from 'pg';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Database, HeldLock } from './database.js';
import { type FolderOwner, lockFolder } from './folder-lock.js';
import { prepareCluster } from './pglite-cluster.js';
import { PgliteHost } from './pglite-host.js';
import { PgliteStream } from './pglite-stream.js';
import { PgliteUpkeep } from './pglite-upkeep.js';
import { valueParsers } from './sql-values.js';
import { WireDatabase } from './wire-database.js';

export interface PgliteConfig {
  /** DATA_DIR: holds `bongsu.lock` and `pglite/`. */
  dataDir: string;
  nodeName: string;
  /** Path of the control socket, told to others by the lock file. */
  controlSocket?: string;
  /** How long a caller waits for the one connection. */
  connectMs?: number;
  statementMs?: number;
  /** Of tests: the folder is removed afterwards, so closing flushes nothing. */
  throwAway?: boolean;
}

export interface PgliteDeps {
  clock: Clock;
  log: Log;
  /** The engine cannot be kept running: the process should end with 1. */
  onFatal: (error: Error) => void;
}

export interface OpenedPglite {
  database: Database;
  /** The owner before, if it did not stop cleanly. */
  leftBy: FolderOwner | undefined;
  /** What `leftBy` means for the data was seen to. Until then closing leaves it on record. */
  settle: () => void;
  /** For tests: ends the engine's thread as a crash would. */
  killWorker: () => Promise<void>;
}

const CONNECT_MS = 10_000;
const STATEMENT_MS = 30_000;
const ABANDONED_MS = 5_000;

/** @throws DataFolderError @throws DatabaseError */
export async function openPglite(config: PgliteConfig, deps: PgliteDeps): Promise<OpenedPglite> {
  const { dataDir, nodeName: node, controlSocket } = config;
  const folder = await lockFolder(dataDir, { node, ...(controlSocket ? { controlSocket } : {}) }, deps.clock);
  let host: PgliteHost | undefined;
  try {
    const cluster = await prepareCluster(dataDir);
    host = new PgliteHost({ cluster, throwAway: config.throwAway ?? false }, deps);
    await host.start();
    const started = host;
    let upkeep: PgliteUpkeep | undefined;
    const database = connectPglite(config, deps, started, async () => {
      upkeep?.stop();
      await folder.release(await started.close());
    });
    await database.start();
    upkeep = new PgliteUpkeep(database, deps.clock, deps.log);
    upkeep.start();
    return {
      database,
      leftBy: folder.leftBy,
      settle: () => folder.settle(),
      killWorker: () => started.kill(),
    };
  } catch (error) {
    await folder.release(host ? await host.close() : true);
    throw error;
  }
}

/** The database that a started host serves; `start` it. The host lives on when it is closed, after which `onClosed` is called. */
export function connectPglite(
  config: Pick<PgliteConfig, 'connectMs' | 'statementMs'>,
  deps: Pick<PgliteDeps, 'clock' | 'log'>,
  host: PgliteHost,
  onClosed: () => Promise<void>,
): WireDatabase {
  const pool = new pg.Pool({
    stream: () => new PgliteStream(host),
    // Named, so that PGHOST and its like in the environment have no say.
    host: 'pglite',
    user: 'postgres',
    database: 'postgres',
    password: 'none',
    ssl: false,
    types: valueParsers,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: config.connectMs ?? CONNECT_MS,
    onConnect: resetSession,
  });
  pool.on('error', (error) => deps.log.warn({ err: error }, 'The database connection was lost'));
  return new WireDatabase({
    kind: 'pglite',
    pool,
    clock: deps.clock,
    statementMs: config.statementMs ?? STATEMENT_MS,
    abandonedMs: ABANDONED_MS,
    tryLock: inProcessLocks(),
    onClosed,
  });
}

/** Streams come and go, the engine's one session stays: what the last one left must not reach the next. */
async function resetSession(client: pg.ClientBase): Promise<void> {
  await client.query('rollback');
  await client.query('discard all');
}

/** The folder's lock keeps other processes out, so names need to be known to this one only. */
function inProcessLocks(): (name: string) => Promise<HeldLock | undefined> {
  const held = new Set<string>();
  return async (name) => {
    if (held.has(name)) return undefined;
    held.add(name);
    return {
      lost: new Promise(() => {}),
      async release() {
        held.delete(name);
      },
    };
  };
}
