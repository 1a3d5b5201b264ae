import { postgresConfig } from './app-config.js';
import type { Config } from './config.js';
import { readBootId } from './platform/database/boot.js';
import type { Database } from './platform/database/database.js';
import { renewEpochIfNeeded } from './platform/database/epoch.js';
import { openPglite, type PgliteDeps } from './platform/database/pglite.js';
import { openPostgres } from './platform/database/postgres.js';

export interface OpenedDatabase {
  database: Database;
  /** Embedded only: the process before left without a clean stop. */
  uncleanStop: boolean;
  /**
   * Makes a new epoch if data may have gone back. Until it has, an unclean stop stays on record in the data folder, whoever closes it.
   * @throws DatabaseError
   */
  renewEpochIfNeeded(): Promise<void>;
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
    return opened(await openPostgres(postgresConfig(config, url, nodeName), deps), false, () => {});
  }
  const { database, leftBy, settle } = await openPglite(
    { dataDir: config.DATA_DIR, nodeName, ...(controlSocket === undefined ? {} : { controlSocket }) },
    deps,
  );
  return opened(database, leftBy !== undefined, settle);
}

function opened(database: Database, uncleanStop: boolean, settle: () => void): OpenedDatabase {
  return {
    database,
    uncleanStop,
    async renewEpochIfNeeded() {
      await renewEpochIfNeeded(database, { uncleanStop, bootId: await readBootId() });
      settle();
    },
  };
}
