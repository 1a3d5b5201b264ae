import type { DeadReason } from '@bongsu/protocol';
import type { Database, Queryable } from '../platform/database/database.js';

export interface LetterRow {
  id: string;
  screenId: string;
  commandId: string;
  senderId: string;
  type: 'trigger' | 'navigate';
  /** JSON text: action, data, url, displayIndex. */
  payload: string;
  reason: DeadReason;
  error: string | null;
  attempts: number;
  at: number;
  requeuedAs: string | null;
}

export interface NewLetter extends Omit<LetterRow, 'requeuedAs'> {
  streamId: number;
  seq: number;
  firstId: string;
}

/** Which letters are meant. Undefined screens: everybody's. */
export interface LetterFilter {
  screenIds: readonly string[] | undefined;
  reason: DeadReason | undefined;
}

/** Where a page ended: the newest letters come first, those of one moment by id. */
export interface LetterPosition {
  at: number;
  id: string;
}

export interface LetterCount {
  screenId: string;
  reason: DeadReason;
  count: number;
  oldestAt: number;
}

export interface RequeueRequest {
  letterId: string;
  commandId: string;
  /** 16 bytes as hex. */
  fingerprint: string;
}

export type RequeueOutcome =
  | { outcome: 'requeued'; commandId: string; stream: string; seq: number; acceptedAt: number; epoch: string }
  | { outcome: 'used'; commandId: string }
  | { outcome: 'deleted' | 'full' | 'unknown' };

const COLUMNS = `l.id, l.screen_id as "screenId", l.command_id as "commandId", l.sender_id as "senderId", l.type, l.payload, l.reason,
  l.error, l.attempts, l.at, l.requeued_as as "requeuedAs"`;
const MATCHES = '($1::text[] is null or l.screen_id = any($1)) and ($2::text is null or l.reason = $2)';
const STATEMENT_TIMEOUT_MS = 10_000;

/** The table `dead_letters`, which is the truth about what was given up. */
export class DeadLetterStore {
  readonly #database: Database;
  readonly #reads: Queryable;

  /** @param reads where pages are read */
  constructor(database: Database, reads: Queryable = database) {
    this.#database = database;
    this.#reads = reads;
  }

  /** False when there is a letter of this screen, stream and seq already. */
  async insert(queryable: Queryable, letter: NewLetter): Promise<boolean> {
    const rows = await queryable.query(
      `insert into dead_letters (id, screen_id, stream_id, seq, command_id, sender_id, type, payload, reason, error, attempts, at,
         first_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       on conflict (screen_id, stream_id, seq) do nothing
       returning 1 as made`,
      [
        letter.id,
        letter.screenId,
        letter.streamId,
        letter.seq,
        letter.commandId,
        letter.senderId,
        letter.type,
        letter.payload,
        letter.reason,
        letter.error,
        letter.attempts,
        letter.at,
        letter.firstId,
      ],
    );
    return rows.length > 0;
  }

  async find(id: string): Promise<LetterRow | undefined> {
    const [row] = await this.#database.query<LetterRow>(
      `select ${COLUMNS} from dead_letters l where l.id = $1`,
      [id],
    );
    return row;
  }

  list(
    { screenIds, reason }: LetterFilter,
    page: { requeued: boolean; after: LetterPosition | undefined; limit: number },
  ): Promise<LetterRow[]> {
    return this.#reads.query<LetterRow>(
      `select ${COLUMNS} from dead_letters l
       where l.requeued_as is ${page.requeued ? 'not ' : ''}null and ${MATCHES}
         and ($3::bigint is null or (l.at <= $3 and (l.at < $3 or l.id > $4::uuid)))
       order by l.at desc, l.id
       limit $5`,
      [screenIds ?? null, reason ?? null, page.after?.at ?? null, page.after?.id ?? null, page.limit],
    );
  }

  /** Waiting letters by screen and reason. */
  count(screenIds: readonly string[] | undefined): Promise<LetterCount[]> {
    return this.#database.query<LetterCount>(
      `select l.screen_id as "screenId", l.reason, count(*) as count, min(l.at) as "oldestAt"
       from dead_letters l
       where l.requeued_as is null and ($1::text[] is null or l.screen_id = any($1))
       group by l.screen_id, l.reason`,
      [screenIds ?? null],
    );
  }

  /** @returns whose it was; undefined when there is none */
  async remove(id: string): Promise<string | undefined> {
    const [row] = await this.#database.query<{ screenId: string }>(
      'delete from dead_letters where id = $1 returning screen_id as "screenId"',
      [id],
    );
    return row?.screenId;
  }

  /** The oldest that wait and whose screen still takes commands, in the order in which they were accepted. */
  nextToRequeue(
    { screenIds, reason }: LetterFilter,
    but: readonly string[],
    limit: number,
  ): Promise<LetterRow[]> {
    return this.#database.query<LetterRow>(
      `select ${COLUMNS} from dead_letters l join streams s on s.kind = 'screen' and s.name = l.screen_id
       where l.requeued_as is null and ${MATCHES} and s.deleted_at is null and not (l.screen_id = any($3::text[]))
       order by l.at, l.stream_id, l.seq
       limit $4`,
      [screenIds ?? null, reason ?? null, but, limit],
    );
  }

  /** How many `nextToRequeue` would find in all, but no more than `most`. */
  async countRequeueable({ screenIds, reason }: LetterFilter, most: number): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(
      `select count(*) as count from (
         select from dead_letters l join streams s on s.kind = 'screen' and s.name = l.screen_id
         where l.requeued_as is null and ${MATCHES} and s.deleted_at is null limit $3
       ) as found`,
      [screenIds ?? null, reason ?? null, most],
    );
    return row?.count ?? 0;
  }

  /** One transaction; outcomes by index. Asking again with the same command ids answers what was done before. */
  async requeue(
    requests: readonly RequeueRequest[],
    times: { at: number; expiresAt: number },
    maxPending: number,
    signal?: AbortSignal,
  ): Promise<RequeueOutcome[]> {
    return this.#database.query<RequeueOutcome>(
      `select outcome, command_id as "commandId", stream, seq, accepted_at as "acceptedAt", epoch
       from requeue_dead_letters($1,$2,$3,$4,$5,$6) order by slot`,
      [
        requests.map(({ letterId }) => letterId),
        requests.map(({ commandId }) => commandId),
        requests.map(({ fingerprint }) => `\\x${fingerprint}`),
        times.at,
        times.expiresAt,
        maxPending,
      ],
      { timeoutMs: STATEMENT_TIMEOUT_MS, ...(signal ? { signal } : {}) },
    );
  }
}
