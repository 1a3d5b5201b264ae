import type { Queryable } from '../../platform/database/database.js';

export interface TryLimits {
  /** Tries in a row that are looked at. */
  max: number;
  lockMs: number;
  /** Failures are forgotten so long after the last one. */
  forgetMs: number;
}

/** The number of a try since the last success or lock; more than the limit is a refusal, until `lockedUntil`. */
export interface CountedTry {
  n: number;
  lockedUntil: number | null;
}

/**
 * Counts a try by itself, before anything is looked at, so that many at once are no way around the limit. The last one that is
 * allowed locks: a right code takes the lock off again. `window_start` is the time of the last try that was let in.
 */
export async function countSecondFactorTry(
  db: Queryable,
  keyHash: Uint8Array,
  now: number,
  { max, lockMs, forgetMs }: TryLimits,
): Promise<CountedTry> {
  const [row] = await db.query<CountedTry>(
    `insert into auth_counters as c (scope, key_hash, n, window_start) values ('otp', $1, 1, $2)
     on conflict (scope, key_hash) do update
        set n = case when coalesce(c.locked_until, c.window_start + $5::bigint) <= $2 then 1 else c.n + 1 end,
            window_start = case when c.locked_until > $2 then c.window_start else $2 end,
            locked_until = case when c.locked_until > $2 then c.locked_until
                                when c.locked_until is null and c.window_start + $5::bigint > $2 and c.n + 1 >= $3
                                then $2 + $4::bigint end
     returning n, locked_until as "lockedUntil"`,
    [keyHash, now, max, lockMs, forgetMs],
  );
  if (!row) throw new Error('INSERT … RETURNING gave no row');
  return row;
}

/** After a right code: the failures before it count no longer. */
export async function clearSecondFactorTries(tx: Queryable, keyHash: Uint8Array): Promise<void> {
  await tx.query(`delete from auth_counters where scope = 'otp' and key_hash = $1`, [keyHash]);
}

export async function deleteOldSecondFactorTries(db: Queryable, lastTryBefore: number): Promise<void> {
  await db.query(`delete from auth_counters where scope = 'otp' and window_start < $1`, [lastTryBefore]);
}
