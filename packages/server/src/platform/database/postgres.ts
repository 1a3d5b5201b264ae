import pg from 'pg';
import { type Clock, sleep } from '../clock.js';
import type { Log } from '../log.js';
import { type Database, DatabaseError } from './database.js';
import { toDatabaseError } from './faults.js';
import { refuseUnfitServer } from './postgres-fitness.js';
import { tryAdvisoryLock } from './postgres-lock.js';
import { valueParsers } from './sql-values.js';
import { WireDatabase } from './wire-database.js';
import type { Cancelled } from './wire-session.js';

export interface PostgresConfig {
  url: string;
  /** Connections; the one of a lock and the one that cancels come on top. */
  poolMax: number;
  poolIdleMs: number;
  /** How long a caller waits for a connection. */
  poolConnectMs: number;
  /** What a DBA sees in pg_stat_activity. */
  applicationName: string;
  /** How long the start tries to reach the server. */
  startTimeoutMs?: number;
  /** Deadline of a statement whose caller names none. */
  statementMs?: number;
}

export interface DatabaseDeps {
  clock: Clock;
  log: Log;
}

const START_TIMEOUT_MS = 30_000;
const START_PAUSE_MS = 500;
const STATEMENT_MS = 30_000;
const ABANDONED_MS = 1_000;
/** A frozen process must not hold its locks for ever: the server ends its transaction. */
const IDLE_IN_TRANSACTION_MS = 15_000;
/** Our statements take microseconds; compiling one takes 26 ms, and an estimate that is off is enough to start it. */
const SESSION = `set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}; set jit = off`;

/**
 * @throws DatabaseError `connection` when the server could not be reached within `startTimeoutMs`, `readonly` for a
 * standby, `content` for a pooler in transaction mode or a server older than 15
 */
export async function openPostgres(config: PostgresConfig, deps: DatabaseDeps): Promise<Database> {
  const database = connect(config, deps);
  try {
    await reach(database, config.startTimeoutMs ?? START_TIMEOUT_MS, deps);
    await refuseUnfitServer(clientConfig(config));
    await database.start();
    return database;
  } catch (error) {
    await database.close();
    throw toDatabaseError(error, 'connection');
  }
}

/** A replica, which may be away at any time: nothing is asked of it here. It has no clock of its own. */
export function openReplica(config: PostgresConfig, deps: DatabaseDeps): Database {
  return connect(config, deps);
}

function connect(config: PostgresConfig, deps: DatabaseDeps): WireDatabase {
  const client = clientConfig(config);
  const pool = new pg.Pool({
    ...client,
    max: config.poolMax,
    idleTimeoutMillis: config.poolIdleMs,
    onConnect: async (connected) => {
      await connected.query(SESSION);
    },
  });
  // Without a listener the loss of an idle connection ends the process.
  pool.on('error', (error) => deps.log.warn({ err: error }, 'An idle database connection was lost'));
  return new WireDatabase({
    kind: 'postgres',
    pool,
    clock: deps.clock,
    statementMs: config.statementMs ?? STATEMENT_MS,
    abandonedMs: ABANDONED_MS,
    cancel: (busy) => cancelStatement(client, busy),
    tryLock: (name, note) => tryAdvisoryLock(client, deps.clock, name, note),
    onClosed: async () => {},
  });
}

function clientConfig(config: PostgresConfig): pg.ClientConfig {
  return {
    connectionString: config.url,
    connectionTimeoutMillis: config.poolConnectMs,
    application_name: config.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: valueParsers,
  };
}

/** Postgres may well start after us; only an answer that no waiting mends ends the tries early. */
async function reach(database: WireDatabase, timeoutMs: number, { clock, log }: DatabaseDeps): Promise<void> {
  const giveUpAt = clock.monotonic() + timeoutMs;
  for (let tries = 1; ; tries += 1) {
    try {
      await database.ping();
      return;
    } catch (error) {
      const fault = toDatabaseError(error, 'connection');
      if (isHopeless(fault) || clock.monotonic() + START_PAUSE_MS >= giveUpAt) {
        throw new DatabaseError('connection', `PostgreSQL cannot be reached: ${fault.message}`, {
          sqlState: fault.details.sqlState,
          cause: error,
        });
      }
      if (tries === 1) log.warn({ reason: fault.message }, 'PostgreSQL cannot be reached yet, trying again');
      await sleep(clock, START_PAUSE_MS);
    }
  }
}

/** Wrong role or password, no such database. */
function isHopeless(error: DatabaseError): boolean {
  return /^(28|3D)/.test(error.details.sqlState ?? '');
}

async function cancelStatement(config: pg.ClientConfig, busy: pg.ClientBase): Promise<Cancelled> {
  const { processID } = busy as pg.ClientBase & { processID: number };
  const helper = new pg.Client(config);
  helper.on('error', () => {});
  try {
    await helper.connect();
    const { rows } = await helper.query<{ wait: string | null }>(
      `select wait_event as wait, wait_event is distinct from 'SyncRep' and pg_cancel_backend(pid)
       from pg_stat_activity where pid = $1`,
      [processID],
    );
    return rows[0]?.wait === 'SyncRep' ? 'replicating' : 'asked';
  } finally {
    await helper.end();
  }
}
