import type { Database } from '../platform/database/database.js';
import type { LetterRow } from './dead-letter-store.js';

export type MirroredLetter = Omit<LetterRow, 'requeuedAs'>;

const STATEMENT_TIMEOUT_MS = 10_000;
const timeoutMs = STATEMENT_TIMEOUT_MS;

/** Which of the dead letters that wait Redis was told of. */
export class MirrorStore {
  constructor(private readonly database: Database) {}

  /** The oldest that Redis was not told of. */
  unmirrored(limit: number): Promise<MirroredLetter[]> {
    return this.database.query<MirroredLetter>(
      `select id, screen_id as "screenId", command_id as "commandId", sender_id as "senderId", type, payload, reason, error, attempts, at
       from dead_letters where not mirrored and requeued_as is null order by at, id limit $1`,
      [limit],
      { timeoutMs },
    );
  }

  async markMirrored(ids: readonly string[]): Promise<void> {
    await this.database.query('update dead_letters set mirrored = true where id = any($1::uuid[])', [ids], {
      timeoutMs,
    });
  }

  /** @param screenIds of these; of all when it is left out. @returns how many were changed, `limit` at most */
  async forget(limit: number, screenIds?: readonly string[]): Promise<number> {
    const rows = await this.database.query(
      `update dead_letters set mirrored = false
       where id in (select id from dead_letters
                    where mirrored and requeued_as is null and ($2::text[] is null or screen_id = any($2)) limit $1)
       returning 1 as changed`,
      [limit, screenIds ?? null],
      { timeoutMs },
    );
    return rows.length;
  }

  /** Those of the letters that wait still. */
  async stillWaiting(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.database.query<{ id: string }>(
      'select id from dead_letters where requeued_as is null and id = any($1::uuid[])',
      [ids],
      { timeoutMs },
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** How many letters of each screen Redis was told of. */
  async mirrored(): Promise<Map<string, number>> {
    const rows = await this.database.query<{ screenId: string; count: number }>(
      `select screen_id as "screenId", count(*) as count from dead_letters
       where mirrored and requeued_as is null group by screen_id`,
      [],
      { timeoutMs },
    );
    return new Map(rows.map(({ screenId, count }) => [screenId, Number(count)]));
  }
}
