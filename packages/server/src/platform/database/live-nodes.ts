import type { Queryable, QueryOptions } from './database.js';

export interface LiveNode {
  name: string;
  incarnation: string;
  region: string | null;
  /** Milliseconds, database clock. */
  leaseUntil: number;
}

/** Nodes with a live lease, by name; this one too. */
export function findLiveNodes(database: Queryable, now: number, options?: QueryOptions): Promise<LiveNode[]> {
  return database.query<LiveNode>(
    `select name, incarnation, region, lease_until as "leaseUntil" from nodes where lease_until > $1 order by name`,
    [Math.round(now)],
    options,
  );
}
