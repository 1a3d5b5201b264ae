import { v7 as uuidv7 } from 'uuid';
import { systemClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import { openPostgres } from '../platform/database/postgres.js';
import type { Log } from '../platform/log.js';
import type { PostgresControl } from './local-faults.js';

export interface OwnDatabase extends PostgresControl {
  drop(): Promise<void>;
}

/** A database of our own on the PostgreSQL of `url`, whose user may make databases. Nothing else there is touched. */
export async function makeOwnDatabase(url: string, log: Log): Promise<OwnDatabase> {
  const admin: Database = await openPostgres(
    { url, poolMax: 2, poolIdleMs: 10_000, poolConnectMs: 10_000, applicationName: 'bongsu chaos' },
    { clock: systemClock, log },
  );
  const name = `bongsu_chaos_${uuidv7().replaceAll('-', '')}`;
  try {
    await admin.query(`create database ${name}`);
  } catch (error) {
    await admin.close();
    throw error;
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    url: own.href,
    async endBackends() {
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
    },
    async drop() {
      await admin.query(`drop database ${name} with (force)`);
      await admin.close();
    },
  };
}
