import type { BongsuError, Notify } from '@bongsu/protocol';
import type { Database } from '../platform/database/database.js';
import { readEpoch } from '../platform/database/epoch.js';

/** A command on its way into the ledger. */
export interface NewCommand {
  streamId: number;
  /** Of a room's stream; undefined for a screen's. */
  generation?: number | undefined;
  /** "screen:<screenId>" or "room:<roomId>". */
  stream: string;
  /** Which socket sent it, if one did. */
  socketId?: string | undefined;
  senderId: string;
  username: string;
  id: string;
  /** Messages go to rooms only. */
  type: 'trigger' | 'navigate' | 'message';
  /** 16 bytes as hex. */
  fingerprint: string;
  /** JSON text of `fields`. */
  payload: string;
  /** The entry's own fields: action, data, url, displayIndex. */
  fields: object;
  ttlMs: number;
  retries: number | undefined;
  notify: Notify;
}

export type AcceptOutcome =
  | { kind: 'accepted'; seq: number; acceptedAt: number; epoch: string; members?: readonly Member[] }
  /** Stored before, by this content or another. */
  | ({ kind: 'known' } & KnownCommand)
  /** The stream takes nothing any more. Nothing was stored. */
  | { kind: 'deleted' }
  /** MAX_PENDING_PER_SCREEN entries wait. Nothing was stored. */
  | { kind: 'full' }
  /** The database refuses the row for what is in it. Nothing was stored. */
  | { kind: 'unstorable'; cause: unknown }
  /** The database went away before this row's own turn, or during it: UNAVAILABLE or INDETERMINATE. */
  | { kind: 'refused'; error: BongsuError };

export interface StoredCommand {
  stream: string;
  seq: number;
  acceptedAt: number;
  fingerprint: string;
  /** Of a trigger or navigate to a room, as found under a look. */
  members?: readonly Member[];
  /** The same, counted. */
  screens?: number | null;
}

/** A screen that a room command went to. */
export interface Member {
  screenId: string;
  /** In the screen's own inbox. */
  seq: number;
  /** It ended already: when accepted, for its inbox was full. */
  isSettled: boolean;
}

/** A command that is stored, as its sender's answer needs it. */
export type KnownCommand = StoredCommand & { epoch: string };

/** A batch as it travels: arrays as ready-made text literals, so that a rerun costs no second encoding. */
export interface EncodedBatch {
  /** Indexes of the caller's commands in the order of the rows: by stream, then by arrival. */
  readonly order: readonly number[];
  readonly slots: readonly number[];
  readonly places: readonly number[];
  readonly acceptedAt: number;
  readonly fast: (string | number)[];
  readonly checked: (string | number)[];
}

interface FastRow {
  bases: number[];
  takes: number[];
  epoch: string;
}

interface CheckedRow extends FastRow {
  places: number[];
  known: ({ row: number } & StoredCommand)[];
}

/** A statement that takes longer counts as lost; the caller resubmits. */
const ACCEPT_TIMEOUT_MS = 5000;

const ACCEPT = 'select * from accept_commands($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)';
const ACCEPT_CHECKED = 'select * from accept_commands_checked($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)';

/** The log of commands: accepting for screens, and finding. */
export class Ledger {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** One call, one transaction, without looking for duplicates. @throws DatabaseError `unique` when there was one */
  async accept(batch: EncodedBatch, signal?: AbortSignal): Promise<AcceptOutcome[]> {
    const [row] = await this.#database.query<FastRow>(ACCEPT, batch.fast, {
      name: 'accept_commands',
      timeoutMs: ACCEPT_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
    if (!row) throw new Error('accept_commands answered nothing');
    return outcomesOf(batch, batch.places, row);
  }

  /** The same under a look: known commands are answered from their rows, the rest is stored. */
  async acceptChecked(batch: EncodedBatch, signal?: AbortSignal): Promise<AcceptOutcome[]> {
    const [row] = await this.#database.query<CheckedRow>(ACCEPT_CHECKED, batch.checked, {
      timeoutMs: ACCEPT_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
    if (!row) throw new Error('accept_commands_checked answered nothing');
    const outcomes = outcomesOf(batch, row.places, row);
    for (const { row: place, ...stored } of row.known) {
      const index = batch.order[place - 1];
      if (index !== undefined) outcomes[index] = { kind: 'known', epoch: row.epoch, ...stored };
    }
    return outcomes;
  }

  async find(senderId: string, id: string): Promise<KnownCommand | undefined> {
    const [row] = await this.#database.query<KnownCommand>(
      `select s.kind || ':' || s.name as stream, c.seq, c.accepted_at as "acceptedAt",
         encode(c.fingerprint, 'hex') as fingerprint, current_epoch() as epoch,
         case when s.kind = 'room' and c.type <> 'message' then (
           select count(*) from inbox_references r where r.room_stream_id = c.stream_id and r.room_seq = c.seq
         ) end as screens
       from commands c join streams s on s.id = c.stream_id
       where c.sender_id = $1 and c.id = $2`,
      [senderId, id],
    );
    return row;
  }

  epoch(): Promise<string> {
    return readEpoch(this.#database);
  }
}

function outcomesOf(
  batch: EncodedBatch,
  places: readonly number[],
  { bases, takes, epoch }: FastRow,
): AcceptOutcome[] {
  const { order, slots, acceptedAt } = batch;
  const outcomes = new Array<AcceptOutcome>(order.length);
  for (let row = 0; row < order.length; row += 1) {
    const slot = (slots[row] ?? 0) - 1;
    const place = places[row] ?? 0;
    const taken = takes[slot] ?? -1;
    outcomes[order[row] ?? 0] =
      taken < 0
        ? { kind: 'deleted' }
        : place > taken
          ? { kind: 'full' }
          : { kind: 'accepted', seq: (bases[slot] ?? 0) + place, acceptedAt, epoch };
  }
  return outcomes;
}

/** @param acceptedAt milliseconds, database clock; `expires_at` counts from it */
export function encodeBatch(
  commands: readonly NewCommand[],
  acceptedAt: number,
  maxPending: number,
): EncodedBatch {
  const byStream = new Map<number, number[]>();
  commands.forEach(({ streamId }, index) => {
    const indexes = byStream.get(streamId);
    if (indexes) indexes.push(index);
    else byStream.set(streamId, [index]);
  });
  const streams = [...byStream.keys()].sort((a, b) => a - b);
  const order: number[] = [];
  const slots: number[] = [];
  const places: number[] = [];
  const counts: number[] = [];
  streams.forEach((stream, slot) => {
    const indexes = byStream.get(stream) ?? [];
    counts.push(indexes.length);
    indexes.forEach((index, place) => {
      order.push(index);
      slots.push(slot + 1);
      places.push(place + 1);
    });
  });
  const rows = order.flatMap((index) => commands[index] ?? []);
  const columns = encodeColumns(rows, acceptedAt);
  const streamList = list(streams);
  const slotList = list(slots);
  return {
    order,
    slots,
    places,
    acceptedAt,
    fast: [streamList, list(counts), maxPending, acceptedAt, slotList, list(places), ...columns],
    checked: [streamList, maxPending, acceptedAt, slotList, ...columns],
  };
}

export function encodeColumns(rows: readonly NewCommand[], acceptedAt: number): string[] {
  return [
    list(rows.map((row) => row.senderId)),
    list(rows.map((row) => row.id)),
    list(rows.map((row) => row.type)),
    list(rows.map((row) => `\\\\x${row.fingerprint}`)),
    // JSON text holds no raw newline, so nothing needs quoting.
    rows.map((row) => row.payload).join('\n'),
    list(rows.map((row) => acceptedAt + row.ttlMs)),
    list(rows.map((row) => row.retries ?? 'NULL')),
    list(rows.map((row) => row.notify)),
  ];
}

export function list(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}
