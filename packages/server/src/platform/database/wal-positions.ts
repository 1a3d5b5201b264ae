import type { Queryable, QueryOptions } from './database.js';

export interface HomePosition {
  /** Where its log ends: all that is committed is before. */
  lsn: string;
  system: string;
  timeline: number;
}

export interface ReplicaPosition extends Omit<HomePosition, 'lsn'> {
  /** False for a primary, also one that was a replica. */
  isReplica: boolean;
  /** Up to where it has followed; null before its first record. */
  lsn: string | null;
}

/** @throws DatabaseError */
export async function readHomePosition(db: Queryable, options: QueryOptions): Promise<HomePosition> {
  const [row] = await db.query<HomePosition>(
    `select pg_current_wal_insert_lsn()::text as lsn, system_identifier::text as system,
       ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int as timeline
     from pg_control_system()`,
    [],
    { ...options, name: 'home-position' },
  );
  if (!row) throw new Error('The position of the primary is not known');
  return row;
}

/** @throws DatabaseError */
export async function readReplicaPosition(db: Queryable, options: QueryOptions): Promise<ReplicaPosition> {
  const [row] = await db.query<ReplicaPosition>(
    `select pg_is_in_recovery() as "isReplica", pg_last_wal_replay_lsn()::text as lsn,
       system_identifier::text as system, timeline_id as timeline
     from pg_control_system(), pg_control_checkpoint()`,
    [],
    { ...options, name: 'replica-position' },
  );
  if (!row) throw new Error('The position of the replica is not known');
  return row;
}

/** `16/B374D848`, as a number. */
export function lsnOf(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
