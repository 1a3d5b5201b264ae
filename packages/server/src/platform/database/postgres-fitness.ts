import pg from 'pg';
import { DatabaseError, type Queryable } from './database.js';

const OLDEST_VERSION = 150_000;
const DEADLINE_MS = 10_000;
/** What each costs that is off. Whom a commit waits for is the operator's choice (docs/disaster-recovery.md). */
const LOSES = {
  fsync: 'after a crash of its machine what was acknowledged may be gone, and the database be broken',
  full_page_writes: 'after a crash of its machine the database may be broken',
  synchronous_commit: 'after its crash the last moments of what was acknowledged may be gone',
};

/** @throws DatabaseError `content` for a server that is too old or behind a pooler, `readonly` for a standby */
export async function refuseUnfitServer(config: pg.ClientConfig): Promise<void> {
  // Not of the pool, which may be of one connection only.
  const first = new pg.Client({ ...config, query_timeout: DEADLINE_MS });
  const second = new pg.Client({ ...config, query_timeout: DEADLINE_MS });
  const clients = [first, second];
  for (const client of clients) client.on('error', () => {});
  try {
    await Promise.all(clients.map((client) => client.connect()));
    await refuseOldOrReadOnly(first);
    await refuseTransactionPooler(first, second);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function refuseOldOrReadOnly(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: number; readonly: boolean }>(
    `select current_setting('server_version_num')::int as version,
            pg_is_in_recovery() or current_setting('transaction_read_only')::bool as readonly`,
  );
  const server = rows[0];
  if (!server || server.version < OLDEST_VERSION) {
    throw new DatabaseError('content', 'PostgreSQL is too old: Bongsu needs version 15 or later');
  }
  if (server.readonly) {
    throw new DatabaseError('readonly', 'PostgreSQL is read-only (a standby?): Bongsu needs the primary');
  }
}

/**
 * Two open sessions cannot share a backend, unless a pooler deals backends out per transaction; then session locks
 * and prepared statements do not hold what they promise.
 */
async function refuseTransactionPooler(first: pg.ClientBase, second: pg.ClientBase): Promise<void> {
  const before = await backendOf(first);
  await second.query('begin');
  try {
    const meanwhile = await backendOf(second);
    if (meanwhile === before || (await backendOf(first)) !== before) {
      throw new DatabaseError(
        'content',
        'The database connection goes through a pooler in transaction mode (PgBouncer?): ' +
          'connect to PostgreSQL directly or set pool_mode = session',
      );
    }
  } finally {
    await second.query('rollback');
  }
}

async function backendOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/** By which of its settings the server may lose what it committed, in words. */
export async function findUnsafeSettings(database: Queryable): Promise<string[]> {
  const rows = await database.query<{ name: keyof typeof LOSES }>(
    "select name from pg_settings where name = any($1::text[]) and setting = 'off' order by name",
    [Object.keys(LOSES)],
  );
  return rows.map(({ name }) => `PostgreSQL runs with ${name}=off: ${LOSES[name]}`);
}
