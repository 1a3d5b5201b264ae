import type { DeadReason, Notify } from '@bongsu/protocol';
import type { Database } from '../platform/database/database.js';
import type { Outcome } from './delivery-ledger.js';

export type CancelledEntry =
  | { outcome: 'cancelled'; id: string; senderId: string; notify: Notify; attempts: number }
  | { outcome: 'ended' | 'elsewhere' };

/** What a sweep wrote. */
export interface SweptEntry {
  screenId: string;
  id: string;
  senderId: string;
  notify: Notify;
  status: Outcome;
  reason: DeadReason | null;
  attempts: number;
}

/** Of one screen that was looked at. */
export interface Look {
  screenId: string;
  /** Where it ended; null: a living process holds the screen. */
  walked: number | null;
  more: boolean;
  /** When the first of the entries looked at expires. */
  nextAt: number | null;
}

interface SweepRow extends Omit<SweptEntry, 'id'>, Look {
  /** Null in the row of the look itself. */
  id: string | null;
}

const STATEMENT_TIMEOUT_MS = 10_000;

/** Inboxes of screens that nobody holds. */
export class AwayLedger {
  readonly #database: Database;
  readonly #hooks: boolean;

  /** @param hooks whether outcomes are told to COMMAND_HOOK_URL */
  constructor(database: Database, hooks: boolean) {
    this.#database = database;
    this.#hooks = hooks;
  }

  /** @param incarnation of this process, which has no connection of that screen */
  async cancel(screenId: string, seq: number, at: number, incarnation: string): Promise<CancelledEntry> {
    const [row] = await this.#database.query<CancelledEntry>(
      `select outcome, id, sender_id as "senderId", notify, attempts from cancel_entry($1,$2,$3,$4)`,
      [screenId, seq, Math.round(at), incarnation],
      { timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    if (!row) throw new Error('cancel_entry answered nothing');
    return row;
  }

  /**
   * Decides what has ended by itself, of each screen at most `limit` entries after `after`.
   * @param incarnation of this process, which has no connection of those screens
   */
  async sweep(
    screens: readonly { screenId: string; after: number }[],
    limit: number,
    at: number,
    incarnation: string,
  ): Promise<{ ended: SweptEntry[]; looks: Look[] }> {
    const rows = await this.#database.query<SweepRow>(
      `select screen_id as "screenId", id, sender_id as "senderId", notify, status, reason, attempts, walked, more,
         next_at as "nextAt"
       from sweep_inboxes($1,$2,$3,$4,$5,$6)`,
      [
        screens.map(({ screenId }) => screenId),
        screens.map(({ after }) => after),
        limit,
        Math.round(at),
        this.#hooks,
        incarnation,
      ],
      { name: 'sweep_inboxes', timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    return {
      ended: rows.filter((row): row is SweepRow & { id: string } => row.id !== null),
      looks: rows.filter((row) => row.id === null),
    };
  }

  /**
   * Of the `limit` screens that follow `after`: those with entries waiting that are away, or that this process holds. `last` is
   * null at the end.
   */
  async waiting(
    after: string,
    limit: number,
    at: number,
    incarnation: string,
  ): Promise<{ screens: string[]; last: string | null }> {
    const [row] = await this.#database.query<{ screens: string[]; last: string | null }>(
      'select screens, last from waiting_away($1,$2,$3,$4)',
      [after, limit, Math.round(at), incarnation],
      { name: 'waiting_away', timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    return row ?? { screens: [], last: null };
  }

  /** Other processes with a live lease. */
  async liveNodes(incarnation: string, at: number): Promise<string[]> {
    const rows = await this.#database.query<{ incarnation: string }>(
      'select incarnation from nodes where lease_until > $1 and incarnation <> $2',
      [Math.round(at), incarnation],
      { timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    return rows.map((row) => row.incarnation);
  }

  /** Of these screens those that a living process holds, this one too: its incarnation by screen. */
  async holdersOf(screenIds: readonly string[], at: number): Promise<Map<string, string>> {
    const rows = await this.#database.query<{ screenId: string; incarnation: string }>(
      `select h.screen_id as "screenId", h.incarnation
       from screen_sessions h join nodes n on n.name = h.node and n.incarnation = h.incarnation
       where h.screen_id = any($1) and n.lease_until > $2`,
      [screenIds, Math.round(at)],
      { timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    return new Map(rows.map(({ screenId, incarnation }) => [screenId, incarnation]));
  }
}
