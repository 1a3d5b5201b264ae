import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config.js';
import { findLiveOwner } from '../platform/database/folder-lock.js';
import { CLUSTER_FOLDER } from '../platform/database/pglite-cluster.js';

/** A data folder that no server was ever started on, most likely by a slip in DATA_DIR. */
export class NoDatabaseError extends Error {
  override readonly name = 'NoDatabaseError';
}

/**
 * For commands that only make sense on what is there: without it they would make a database, and say that it is empty.
 * @throws NoDatabaseError
 */
export async function requireDatabase({ DATABASE_URL, DATA_DIR }: Settings): Promise<void> {
  if (DATABASE_URL !== undefined) return;
  const isThere = await access(join(DATA_DIR, CLUSTER_FOLDER)).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
  // A server on its first start makes it now.
  if (isThere || (await findLiveOwner(DATA_DIR))) return;
  throw new NoDatabaseError(`There is no Bongsu database in ${DATA_DIR} (DATA_DIR)`);
}
