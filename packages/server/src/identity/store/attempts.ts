import type { Queryable } from '../../platform/database/database.js';

/** What is counted in `auth_counters` here; other scopes belong to whoever counts them. */
export type AttemptScope = 'own-password' | 'reset-mail' | 'verify-mail';

export interface AttemptLimit {
  scope: AttemptScope;
  limit: number;
  windowMs: number;
}

const SCOPES: readonly AttemptScope[] = ['own-password', 'reset-mail', 'verify-mail'];
/** Longer than every window. */
const KEPT_MS = 24 * 3_600_000;

/**
 * Counts one more attempt before it is looked at, so that many at once are no way around the limit. In SQL, because it holds over
 * restarts and nodes and whatever RATE_LIMIT_ENABLED says. Answers how long to wait, or undefined when it may go on.
 */
export async function countAttempt(
  db: Queryable,
  { scope, limit, windowMs }: AttemptLimit,
  keyHash: Uint8Array,
  now: number,
): Promise<number | undefined> {
  const [row] = await db.query<{ n: number; start: number }>(
    `insert into auth_counters as c (scope, key_hash, n, window_start) values ($1, $2, 1, $3)
     on conflict (scope, key_hash) do update
       set n = case when c.window_start <= $3 - $4::bigint then 1 else c.n + 1 end,
           window_start = case when c.window_start <= $3 - $4::bigint then $3 else c.window_start end
     returning n, window_start as start`,
    [scope, keyHash, now, windowMs],
  );
  if (!row) throw new Error('INSERT … RETURNING gave no row');
  return row.n <= limit ? undefined : Math.max(1, row.start + windowMs - now);
}

/** Takes one back that turned out not to count, such as a right guess. */
export async function refundAttempt(db: Queryable, scope: AttemptScope, keyHash: Uint8Array): Promise<void> {
  await db.query('update auth_counters set n = n - 1 where scope = $1 and key_hash = $2 and n > 0', [
    scope,
    keyHash,
  ]);
}

export async function deleteOldAttempts(db: Queryable, now: number): Promise<void> {
  await db.query('delete from auth_counters where scope = any($1::text[]) and window_start <= $2', [
    SCOPES,
    now - KEPT_MS,
  ]);
}
