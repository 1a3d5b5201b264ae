import type pg from 'pg';
import { DatabaseError } from './database.js';

const OLDEST_VERSION = 150_000;

/** @throws DatabaseError `content` for a server that is too old or behind a pooler, `readonly` for a standby */
export async function refuseUnfitServer(pool: pg.Pool): Promise<void> {
  const first = await pool.connect();
  try {
    await refuseOldOrReadOnly(first);
    const second = await pool.connect();
    try {
      await refuseTransactionPooler(first, second);
    } finally {
      second.release();
    }
  } finally {
    first.release();
  }
}

async function refuseOldOrReadOnly(client: pg.PoolClient): Promise<void> {
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
async function refuseTransactionPooler(first: pg.PoolClient, second: pg.PoolClient): Promise<void> {
  const before = await backendOf(first);
  await second.query('begin');
  try {
    const meanwhile = await backendOf(second);
    const after = await backendOf(first);
    if (meanwhile === before || after !== before) {
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

async function backendOf(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
