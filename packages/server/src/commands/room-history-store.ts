import type { ReplicaReads } from '../platform/database/replica-reads.js';
import type { RoomPage, RoomRow } from './room-ledger.js';

interface HistoryRow extends Omit<RoomRow, 'seq'> {
  lastSeq: number;
  floorSeq: number;
  seq: number | null;
}

/** Pages of what was said in rooms, from a replica, by a statement that one can answer: only a primary knows the epoch. */
export class RoomHistoryStore {
  readonly #reads: Pick<ReplicaReads, 'near'>;

  constructor(reads: Pick<ReplicaReads, 'near'>) {
    this.#reads = reads;
  }

  /**
   * Undefined unless the page is full, and more comes after it: only home knows where a room ends by now, whether it is closed, and what it is told live.
   * @param epoch the present one, in which the numbers are
   */
  async read(
    room: { streamId: number; generation: number },
    after: number,
    limit: number,
    epoch: string,
  ): Promise<RoomPage | undefined> {
    const rows = await this.#reads.near<HistoryRow>(
      `select s.last_seq as "lastSeq", s.floor_seq as "floorSeq", c.seq, c.sender_id as "senderId", c.id, c.type, c.payload,
         c.accepted_at as "acceptedAt"
       from streams s
         left join lateral (
           select * from commands e where e.stream_id = s.id and e.seq > greatest($3::bigint, s.floor_seq)
           order by e.seq limit $4
         ) c on true
       where s.id = $1 and s.generation = $2 and s.deleted_at is null and pg_is_in_recovery()
       order by c.seq`,
      [room.streamId, room.generation, after, limit],
    );
    const full = rows?.filter((row): row is HistoryRow & RoomRow => row.seq !== null) ?? [];
    const last = full.at(-1);
    if (!last || full.length < limit || last.seq >= last.lastSeq) return undefined;
    const { lastSeq, floorSeq } = last;
    return { lastSeq, floorSeq, epoch, rows: full };
  }
}
