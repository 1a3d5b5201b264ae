import type { Config } from './config.js';
import type { Clock } from './platform/clock.js';
import type { Database } from './platform/database/database.js';
import { openPostgres } from './platform/database/postgres.js';
import type { Log } from './platform/log.js';

/** PostgreSQL where DATABASE_URL names one. @throws DatabaseError */
export function openDatabase(config: Config, deps: { clock: Clock; log: Log }): Promise<Database> {
  if (!config.DATABASE_URL) throw new Error('The embedded database is not there yet');
  return openPostgres(
    {
      url: config.DATABASE_URL.reveal(),
      poolMax: config.DB_POOL_MAX,
      poolIdleMs: config.DB_POOL_IDLE_SECONDS * 1000,
      poolConnectMs: config.DB_POOL_CONNECT_SECONDS * 1000,
      applicationName: config.SERVICE_NAME,
    },
    deps,
  );
}
