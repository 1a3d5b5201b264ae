import type { Queryable } from '../../platform/database/database.js';
import type { Counter, LockoutScope } from '../logins/lockout-rules.js';

export interface CounterKey {
  scope: LockoutScope;
  /** Keyed hash, hexadecimal. */
  hash: string;
}

export interface StoredCounter extends CounterKey {
  counter: Counter;
}

/** The counters, made where they are missing, and locked to the end of the transaction: always in one order, so nobody waits in a circle. */
export async function lockCounters(
  tx: Queryable,
  keys: readonly CounterKey[],
  now: number,
): Promise<StoredCounter[]> {
  const rows = await tx.query<CounterKey & Counter>(
    `insert into auth_counters as c (scope, key_hash, n, window_start)
     select t.scope, decode(t.hash, 'hex'), 0, $3 from unnest($1::text[], $2::text[]) as t (scope, hash)
      order by t.scope, t.hash
         on conflict (scope, key_hash) do update set n = c.n
     returning c.scope, encode(c.key_hash, 'hex') as hash, c.n as failures, c.window_start as "windowStart",
               c.locked_until as "lockedUntil", c.reserved, c.reserved_until as "reservedUntil"`,
    [keys.map(({ scope }) => scope), keys.map(({ hash }) => hash), now],
    { name: 'identity-lock-counters' },
  );
  return rows.map(({ scope, hash, ...counter }) => ({ scope, hash, counter }));
}

export async function saveCounters(tx: Queryable, counters: readonly StoredCounter[]): Promise<void> {
  await tx.query(
    `update auth_counters c
        set n = t.n, window_start = t.window_start, locked_until = t.locked_until, reserved = t.reserved,
            reserved_until = t.reserved_until
       from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::int[], $7::bigint[])
            as t (scope, hash, n, window_start, locked_until, reserved, reserved_until)
      where c.scope = t.scope and c.key_hash = decode(t.hash, 'hex')`,
    [
      counters.map(({ scope }) => scope),
      counters.map(({ hash }) => hash),
      counters.map(({ counter }) => counter.failures),
      counters.map(({ counter }) => counter.windowStart),
      counters.map(({ counter }) => counter.lockedUntil),
      counters.map(({ counter }) => counter.reserved),
      counters.map(({ counter }) => counter.reservedUntil),
    ],
    { name: 'identity-save-counters' },
  );
}

/** Counters whose last window began before `before` and that hold nothing any more. */
export async function deleteOldCounters(db: Queryable, before: number, now: number): Promise<void> {
  await db.query(
    `delete from auth_counters
      where window_start < $1 and coalesce(locked_until, 0) < $2 and reserved_until < $2`,
    [before, now],
  );
}
