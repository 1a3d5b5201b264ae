import type { DeadReason, DeliveryStatus } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';

/** Where a command stands in a screen's inbox. */
export interface DeliveryPlace {
  screenId: string;
  streamId: number;
  seq: number;
  /** Null until it has ended. */
  status: DeliveryStatus | null;
}

/** A command as it was sent. */
export interface SentRow {
  id: string;
  streamId: number;
  seq: number;
  senderId: string;
  payload: string;
  acceptedAt: number;
  expiresAt: number;
}

/** An entry of an inbox, with what became of it there. */
export interface InboxRow extends SentRow {
  type: string;
  kind: 'screen' | 'room';
  name: string;
  status: Exclude<DeliveryStatus, 'pending' | 'retrying'> | null;
  attempts: number | null;
  at: number | null;
  error: string | null;
  reason: DeadReason | null;
  failed: number;
  lost: number;
  nextAt: number | null;
  lastError: string | null;
}

/** Where a page of somebody's own commands ended. */
export interface SentPosition {
  acceptedAt: number;
  streamId: number;
  seq: number;
}

const SENT = `c.id, c.stream_id as "streamId", c.seq, c.sender_id as "senderId", c.payload,
  c.accepted_at as "acceptedAt", c.expires_at as "expiresAt"`;
const FIELDS = 'c.id, c.sender_id, c.type, c.payload, c.accepted_at, c.expires_at';

/** Commands in lists, the newest first. */
export class CommandListStore {
  readonly #database: Queryable;
  readonly #reads: Queryable;

  /** @param reads where pages are read */
  constructor(database: Queryable, reads = database) {
    this.#database = database;
    this.#reads = reads;
  }

  async sent(senderId: string, id: string): Promise<SentRow | undefined> {
    const [row] = await this.#database.query<SentRow>(
      `select ${SENT} from commands c where c.sender_id = $1 and c.id = $2`,
      [senderId, id],
    );
    return row;
  }

  sentBy(senderId: string, after: SentPosition | undefined, limit: number): Promise<SentRow[]> {
    return this.#reads.query<SentRow>(
      `select ${SENT}
       from commands c
       where c.sender_id = $1
         and ($2::bigint is null or (c.accepted_at, c.stream_id, c.seq) < ($2, $3::bigint, $4::bigint))
       order by c.accepted_at desc, c.stream_id desc, c.seq desc
       limit $5`,
      [senderId, after?.acceptedAt ?? null, after?.streamId ?? null, after?.seq ?? null, limit],
    );
  }

  /** What is in an inbox before `before`: what was sent to the screen, and to its rooms. */
  inbox(
    streamId: number,
    senderId: string | undefined,
    before: number | undefined,
    limit: number,
  ): Promise<InboxRow[]> {
    return this.#reads.query<InboxRow>(
      `with entries as (
         (select c.stream_id, c.seq, c.stream_id as sent_to, ${FIELDS}
          from commands c
          where c.stream_id = $1 and ($2::bigint is null or c.seq < $2) and ($3::uuid is null or c.sender_id = $3)
          order by c.seq desc limit $4)
         union all
         (select r.stream_id, r.seq, c.stream_id as sent_to, ${FIELDS}
          from inbox_references r join commands c on c.stream_id = r.room_stream_id and c.seq = r.room_seq
          where r.stream_id = $1 and ($2::bigint is null or r.seq < $2) and ($3::uuid is null or c.sender_id = $3)
          order by r.seq desc limit $4)
       )
       select e.id, e.stream_id as "streamId", e.seq, e.sender_id as "senderId", e.type, e.payload,
         e.accepted_at as "acceptedAt", e.expires_at as "expiresAt", s.kind, s.name,
         d.status, d.attempts, d.at, d.error, d.reason, coalesce(a.n, 0) as failed, coalesce(a.lost, 0) as lost,
         a.next_at as "nextAt", a.last_error as "lastError"
       from entries e
         join streams s on s.id = e.sent_to
         left join deliveries d on d.stream_id = e.stream_id and d.seq = e.seq
         left join attempts a on a.stream_id = e.stream_id and a.seq = e.seq
       order by e.seq desc
       limit $4`,
      [streamId, before ?? null, senderId ?? null, limit],
    );
  }

  /** Every inbox that a command is in. */
  placesOf(senderId: string, id: string): Promise<DeliveryPlace[]> {
    return this.#database.query<DeliveryPlace>(
      `with sent as (select stream_id, seq from commands where sender_id = $1 and id = $2),
       places as (
         select stream_id, seq from sent
         union all
         select r.stream_id, r.seq from sent join inbox_references r on r.room_stream_id = sent.stream_id and r.room_seq = sent.seq
       )
       select s.name as "screenId", p.stream_id as "streamId", p.seq, d.status
       from places p
         join streams s on s.id = p.stream_id and s.kind = 'screen'
         left join deliveries d on d.stream_id = p.stream_id and d.seq = p.seq
       order by p.stream_id, p.seq`,
      [senderId, id],
    );
  }
}
