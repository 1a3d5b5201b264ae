import type { CommandState, DeadReason } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';

export interface CommandRow {
  id: string;
  type: string;
  kind: 'screen' | 'room';
  name: string;
  acceptedAt: number;
  /** One a screen: the target itself, or each member of the room when the command was accepted. */
  deliveries: DeliveryRow[];
}

export interface DeliveryRow {
  screenId: string;
  /** Of the terminal outcome; null while there is none. */
  status: Exclude<CommandState, 'accepted' | 'partial'> | null;
  attempts: number | null;
  at: number | null;
  error: string | null;
  reason: DeadReason | null;
  failed: number;
  lost: number;
  lastError: string | null;
  /** When it is sent next, at the earliest; null when it is not due. */
  nextAt: number | null;
}

type JoinedRow = Omit<CommandRow, 'deliveries'> & Omit<DeliveryRow, 'screenId'> & { screenId: string | null };

/** Commands as their senders see them. */
export class StatusLedger {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** A row a delivery, in one query. A room's command that went to no screen has none. */
  async read(senderId: string, ids: readonly string[]): Promise<CommandRow[]> {
    const rows = await this.#database.query<JoinedRow>(
      `select c.id, c.type, s.kind, s.name, c.accepted_at as "acceptedAt",
         case when s.kind = 'screen' then s.name else t.name end as "screenId",
         d.status, d.attempts, d.at, d.error, d.reason,
         coalesce(a.n, 0) as failed, coalesce(a.lost, 0) as lost, a.last_error as "lastError", a.next_at as "nextAt"
       from commands c
         join streams s on s.id = c.stream_id
         left join inbox_references r on s.kind = 'room' and r.room_stream_id = c.stream_id and r.room_seq = c.seq
         left join streams t on t.id = r.stream_id
         left join deliveries d on d.stream_id = coalesce(r.stream_id, c.stream_id) and d.seq = coalesce(r.seq, c.seq)
         left join attempts a on a.stream_id = coalesce(r.stream_id, c.stream_id) and a.seq = coalesce(r.seq, c.seq)
       where c.sender_id = $1 and c.id = any($2::uuid[])
       order by t.name`,
      [senderId, ids],
    );
    return gather(rows);
  }
}

/** Rows of one command, of one sender, become one. */
function gather(rows: readonly JoinedRow[]): CommandRow[] {
  const commands = new Map<string, CommandRow>();
  for (const { id, type, kind, name, acceptedAt, screenId, ...delivery } of rows) {
    const command = commands.get(id) ?? { id, type, kind, name, acceptedAt, deliveries: [] };
    commands.set(id, command);
    if (screenId !== null) command.deliveries.push({ screenId, ...delivery });
  }
  return [...commands.values()];
}
