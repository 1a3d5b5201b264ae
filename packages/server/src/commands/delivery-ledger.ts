import type { DeadReason, Notify } from '@bongsu/protocol';
import type { Database, Queryable, SqlValue } from '../platform/database/database.js';
import type { InboxEntry } from './hints.js';

export interface FenceRequest {
  screenId: string;
  instanceId: string | undefined;
  /** Milliseconds, database clock. */
  connectedAt: number;
}

export interface FenceAnswer {
  screenId: string;
  taken: boolean;
  deleted: boolean;
  streamId: number;
  fence: number;
  ackedSeq: number;
  lastSeq: number;
  /** Whose the screen was before; when not taken, whose it is. */
  holderInstance: string | null;
  epoch: string;
}

export type Outcome = 'executed' | 'dead' | 'expired' | 'superseded' | 'cancelled';

export interface EndedEntry {
  seq: number;
  status: Outcome;
  attempts: number;
  error: string | null;
  reason: DeadReason | null;
}

/** What one connection writes about its inbox at once. */
export interface Settlement {
  screenId: string;
  fence: number;
  /** In which the fence was taken. */
  epoch: string;
  ackedSeq: number;
  /** The socket is gone: whoever comes next may have the screen. */
  release: boolean;
  ended: readonly EndedEntry[];
  /** Still pending, with the counts they have now. */
  failed: readonly {
    seq: number;
    failed: number;
    lost: number;
    nextAt: number | null;
    error: string | null;
  }[];
  /** What its displays show, by executed navigates; `at`: milliseconds, database clock. */
  reported: readonly { displayIndex: number; url: string; at: number }[];
}

/** Somebody else's fence is on the screen; null when the screen is gone. */
export interface Mismatch {
  fence: number | null;
  instanceId: string | null;
}

export interface Head {
  streamId: number;
  lastSeq: number;
  fence: number;
  instanceId: string | null;
  epoch: string;
}

export type StoredEntry = Omit<InboxEntry, 'sender'> & { streamId: number; senderId: string; epoch: string };

interface EntryRow {
  stream_id: number;
  seq: number;
  sender_id: string;
  id: string;
  type: InboxEntry['type'];
  payload: string;
  accepted_at: number;
  expires_at: number;
  retries: number | null;
  notify: Notify;
  requeue_of: string | null;
  settled: boolean;
  failed: number;
  lost: number;
  next_at: number | null;
  last_error: string | null;
  epoch: string;
}

export interface ReadInbox {
  streamId: number;
  stream: string;
  after: number;
  /** Entries at most; no more once `bytes` of payload are reached. */
  limit: number;
  bytes: number;
}

export interface Cancelled {
  id: string;
  senderId: string;
  notify: Notify;
  attempts: number;
}

const SETTLE = `select * from settle_inboxes(${Array.from({ length: 23 }, (_, n) => `$${n + 1}`)})`;
/** Half of a smallint: the sum of both counts fits in one. */
const LARGEST_COUNT = 16_383;
const STATEMENT_TIMEOUT_MS = 10_000;

/** Inboxes as the ledger sees them: fences, entries, outcomes. */
export class DeliveryLedger {
  readonly #database: Database;
  readonly #hooks: boolean;

  /** @param hooks whether outcomes are told to COMMAND_HOOK_URL */
  constructor(database: Database, hooks = false) {
    this.#database = database;
    this.#hooks = hooks;
  }

  /** One request a screen; screens that do not exist are missing from the answer. */
  takeFences(
    requests: readonly FenceRequest[],
    node: { name: string; incarnation: string },
  ): Promise<FenceAnswer[]> {
    return this.#database.query<FenceAnswer>(
      `select screen_id as "screenId", taken, deleted, stream_id as "streamId", fence, acked_seq as "ackedSeq",
         last_seq as "lastSeq", holder_instance as "holderInstance", epoch
       from take_fences($1,$2,$3,$4,$5)`,
      [
        requests.map((request) => request.screenId),
        requests.map((request) => request.instanceId ?? null),
        requests.map((request) => request.connectedAt),
        node.name,
        node.incarnation,
      ],
      { name: 'take_fences', timeoutMs: STATEMENT_TIMEOUT_MS },
    );
  }

  /** Writes for the holders of the fences; answers, by index, those that hold them no more and for whom nothing was written. */
  async settle(settlements: readonly Settlement[], at: number): Promise<Map<number, Mismatch>> {
    const rows = await this.#database.query<{
      slot: number;
      fence: number | null;
      instance_id: string | null;
    }>(SETTLE, settleParameters(settlements, at, this.#hooks), {
      name: 'settle_inboxes',
      timeoutMs: STATEMENT_TIMEOUT_MS,
    });
    return new Map(
      rows.map(({ slot, fence, instance_id }) => [slot - 1, { fence, instanceId: instance_id }]),
    );
  }

  /** The next entries of each inbox. */
  async readInboxes(inboxes: readonly ReadInbox[]): Promise<StoredEntry[]> {
    const rows = await this.#database.query<EntryRow>(
      'select * from read_entries($1,$2,$3,$4)',
      [
        inboxes.map(({ streamId }) => streamId),
        inboxes.map(({ after }) => after),
        inboxes.map(({ limit }) => limit),
        inboxes.map(({ bytes }) => bytes),
      ],
      { name: 'read_entries', timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    const names = new Map(inboxes.map(({ streamId, stream }) => [streamId, stream]));
    return rows.map((row) => toStoredEntry(row, names.get(row.stream_id) ?? ''));
  }

  readHeads(streamIds: readonly number[], timeoutMs = STATEMENT_TIMEOUT_MS): Promise<Head[]> {
    return this.#database.query<Head>(
      `select stream_id as "streamId", last_seq as "lastSeq", fence, instance_id as "instanceId", epoch
       from read_heads($1)`,
      [streamIds],
      { name: 'read_heads', timeoutMs },
    );
  }

  async createInbox(tx: Queryable, screenId: string): Promise<number> {
    const [row] = await tx.query<{ id: number }>(
      `with made as (insert into streams (kind, name) values ('screen', $1) returning id)
       insert into screen_sessions (screen_id, stream_id) select $1, id from made returning stream_id as id`,
      [screenId],
    );
    if (!row) throw new Error('No inbox was made');
    return row.id;
  }

  cancelInbox(tx: Queryable, streamId: number, at: number): Promise<Cancelled[]> {
    return tx.query<Cancelled>(
      'select id, sender_id as "senderId", notify, attempts from cancel_inbox($1,$2)',
      [streamId, at],
    );
  }

  async screenOf(tx: Queryable, streamId: number): Promise<string | undefined> {
    const [row] = await tx.query<{ name: string }>('select name from streams where id = $1', [streamId]);
    return row?.name;
  }
}

function settleParameters(settlements: readonly Settlement[], at: number, hooks: boolean): SqlValue[] {
  const ended = settlements.flatMap((settlement, slot) =>
    settlement.ended.map((outcome) => ({ slot: slot + 1, ...outcome })),
  );
  const failed = settlements.flatMap((settlement, slot) =>
    settlement.failed.map((attempt) => ({ slot: slot + 1, ...attempt })),
  );
  const reported = settlements.flatMap((settlement, slot) =>
    settlement.reported.map((display) => ({ slot: slot + 1, ...display })),
  );
  return [
    settlements.map(({ screenId }) => screenId),
    settlements.map(({ fence }) => fence),
    settlements.map(({ epoch }) => epoch),
    settlements.map(({ ackedSeq }) => ackedSeq),
    settlements.map(({ release }) => (release ? 't' : 'f')),
    Math.round(at),
    hooks,
    ended.map(({ slot }) => slot),
    ended.map(({ seq }) => seq),
    ended.map(({ status }) => status),
    ended.map(({ attempts }) => Math.min(attempts, LARGEST_COUNT)),
    ended.map(({ error }) => error),
    ended.map(({ reason }) => reason),
    failed.map(({ slot }) => slot),
    failed.map(({ seq }) => seq),
    failed.map((attempt) => Math.min(attempt.failed, LARGEST_COUNT)),
    failed.map(({ lost }) => Math.min(lost, LARGEST_COUNT)),
    failed.map(({ nextAt }) => nextAt),
    failed.map(({ error }) => error),
    reported.map(({ slot }) => slot),
    reported.map(({ displayIndex }) => displayIndex),
    reported.map(({ url }) => url),
    reported.map((display) => display.at),
  ];
}

function toStoredEntry(row: EntryRow, stream: string): StoredEntry {
  return {
    streamId: row.stream_id,
    stream,
    seq: row.seq,
    id: row.id,
    type: row.type,
    fields: JSON.parse(row.payload) as object,
    bytes: row.payload.length,
    acceptedAt: row.accepted_at,
    expiresAt: row.expires_at,
    senderId: row.sender_id,
    notify: row.notify,
    ...(row.requeue_of === null ? {} : { requeueOf: row.requeue_of }),
    retries: row.retries ?? undefined,
    settled: row.settled,
    failed: row.failed,
    lost: row.lost,
    nextAt: row.next_at ?? undefined,
    lastError: row.last_error ?? undefined,
    epoch: row.epoch,
  };
}
