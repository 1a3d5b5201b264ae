import type { Queryable } from '../platform/database/database.js';

/** An event for COMMAND_HOOK_URL that was not answered yet. */
export interface HookEvent {
  id: string;
  kind: 'executed' | 'dead';
  /** JSON. */
  body: string;
  /** Milliseconds, database clock: when what it tells of happened. */
  at: number;
  /** Sends that failed. */
  attempts: number;
}

const STATEMENT_TIMEOUT_MS = 10_000;

/** The table `hook_outbox`. Rows are written by the functions that settle deliveries. */
export class HookOutboxStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** Takes what is due until `leaseUntil`, past which another node may take it; several nodes may ask at once. */
  async claim(now: number, leaseUntil: number, limit: number): Promise<HookEvent[]> {
    const events = await this.#database.query<HookEvent>(
      `update hook_outbox o set next_at = $2
       from (select id from hook_outbox where next_at <= $1 order by next_at limit $3 for update skip locked) due
       where o.id = due.id
       returning o.id, o.kind, o.body, o.at, o.attempts`,
      [now, leaseUntil, limit],
      { name: 'claim_hook_events', timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    return events.sort((a, b) => a.at - b.at);
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#database.query('delete from hook_outbox where id = any($1::uuid[])', [ids], {
      timeoutMs: STATEMENT_TIMEOUT_MS,
    });
  }

  /** When each is due again. */
  async postpone(rows: readonly { id: string; attempts: number; nextAt: number }[]): Promise<void> {
    await this.#database.query(
      `update hook_outbox o set attempts = r.attempts, next_at = r.next_at
       from unnest($1::uuid[], $2::smallint[], $3::bigint[]) as r(id, attempts, next_at) where o.id = r.id`,
      [rows.map(({ id }) => id), rows.map(({ attempts }) => attempts), rows.map(({ nextAt }) => nextAt)],
      { timeoutMs: STATEMENT_TIMEOUT_MS },
    );
  }

  /** Removes some that are older, and answers how many there were of each kind. */
  async giveUp(before: number, limit: number): Promise<{ kind: HookEvent['kind']; count: number }[]> {
    return this.#database.query(
      `with old as (select id from hook_outbox where at <= $1 order by at limit $2 for update skip locked),
         gone as (delete from hook_outbox o using old where o.id = old.id returning o.kind)
       select kind, count(*)::int as count from gone group by kind`,
      [before, limit],
      { timeoutMs: STATEMENT_TIMEOUT_MS },
    );
  }

  /** When the next one is due. */
  async nextAt(): Promise<number | undefined> {
    const [row] = await this.#database.query<{ next_at: number }>(
      'select next_at from hook_outbox order by next_at limit 1',
      undefined,
      { timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    return row?.next_at;
  }
}
