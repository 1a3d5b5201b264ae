import { postgresConfig } from './app-config.js';
import type { Config } from './config.js';
import type { Database } from './platform/database/database.js';
import { openPglite, type PgliteDeps } from './platform/database/pglite.js';
import { openPostgres } from './platform/database/postgres.js';

export interface OpenedDatabase {
  database: Database;
  /** Embedded only: the process before left without a clean stop. */
  uncleanStop: boolean;
}

/**
 * PostgreSQL where DATABASE_URL names one, else the embedded one in DATA_DIR.
 * @param controlSocket where commands beside the owner of DATA_DIR are to ask it
 * @throws DatabaseError, DataFolderError
 */
export async function openDatabase(
  config: Config,
  nodeName: string,
  deps: PgliteDeps,
  controlSocket?: string,
): Promise<OpenedDatabase> {
  const url = config.DATABASE_URL?.reveal();
  if (url !== undefined) {
    return { database: await openPostgres(postgresConfig(config, url, nodeName), deps), uncleanStop: false };
  }
  const { database, leftBy } = await openPglite(
    { dataDir: config.DATA_DIR, nodeName, ...(controlSocket === undefined ? {} : { controlSocket }) },
    deps,
  );
  return { database, uncleanStop: leftBy !== undefined };
}
