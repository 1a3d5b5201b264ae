import type { CommandState, DeadReason } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';

export interface CommandRow {
  id: string;
  type: string;
  kind: 'screen' | 'room';
  name: string;
  acceptedAt: number;
  /** Of the terminal outcome; null while there is none. */
  status: Exclude<CommandState, 'accepted' | 'partial'> | null;
  attempts: number | null;
  at: number | null;
  error: string | null;
  reason: DeadReason | null;
  failed: number;
  lost: number;
  lastError: string | null;
  nextAt: number | null;
}

/** Commands as their senders see them. */
export class StatusLedger {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  read(senderId: string, ids: readonly string[]): Promise<CommandRow[]> {
    return this.#database.query<CommandRow>(
      `select c.id, c.type, s.kind, s.name, c.accepted_at as "acceptedAt",
         d.status, d.attempts, d.at, d.error, d.reason,
         coalesce(a.n, 0) as failed, coalesce(a.lost, 0) as lost, a.last_error as "lastError",
         a.next_at as "nextAt"
       from commands c
         join streams s on s.id = c.stream_id
         left join deliveries d on d.stream_id = c.stream_id and d.seq = c.seq
         left join attempts a on a.stream_id = c.stream_id and a.seq = c.seq
       where c.sender_id = $1 and c.id = any($2::uuid[])`,
      [senderId, ids],
    );
  }
}
