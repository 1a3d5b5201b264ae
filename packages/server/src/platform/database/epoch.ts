import type { Database, Queryable, QueryOptions } from './database.js';

export interface EpochFacts {
  /** Whether the process before left without a clean stop. Embedded only: PostgreSQL itself keeps what it acknowledged. */
  uncleanStop: boolean;
  /** Of the machine's present boot; undefined where it cannot be known. */
  bootId: string | undefined;
}

interface MetaRow {
  system_identifier: string | null;
  boot_id: string | null;
  present: string;
}

/**
 * Makes a new epoch when data may have gone back: another cluster answers than the one that made the present epoch, or
 * (embedded) the power may have failed, as PGlite does not wait for the disk.
 * @returns whether the epoch is new @throws DatabaseError
 */
export function renewEpochIfNeeded(database: Database, facts: EpochFacts): Promise<boolean> {
  const embedded = database.kind === 'pglite';
  return database.transaction(async (tx) => {
    const [meta] = await tx.query<MetaRow>(
      `select system_identifier, boot_id, (select system_identifier::text from pg_control_system()) as present
       from meta for update`,
    );
    if (!meta) throw new Error('The table meta has no row');
    const anotherCluster = meta.system_identifier !== null && meta.system_identifier !== meta.present;
    const anotherBoot = facts.bootId === undefined || meta.boot_id !== facts.bootId;
    const renew = anotherCluster || (embedded && facts.uncleanStop && anotherBoot);
    await tx.query(
      `update meta set system_identifier = $1, boot_id = $2, epoch = case when $3 then gen_random_uuid() else epoch end`,
      [meta.present, embedded ? (facts.bootId ?? null) : null, renew],
    );
    return renew;
  });
}

/** For a database that a copy was put back into: nothing in it tells. @returns the new epoch @throws DatabaseError */
export async function renewEpoch(db: Queryable): Promise<string> {
  await db.query('update meta set epoch = gen_random_uuid()');
  return readEpoch(db);
}

/** As the database has it now: another one than before means that data may have gone back. @throws DatabaseError */
export async function readEpoch(db: Queryable, options?: QueryOptions): Promise<string> {
  const [row] = await db.query<{ epoch: string }>('select current_epoch() as epoch', [], options);
  if (!row) throw new Error('current_epoch answered nothing');
  return row.epoch;
}
