import type { Database, Queryable } from '../platform/database/database.js';
import {
  type AcceptOutcome,
  encodeColumns,
  list,
  type Member,
  type NewCommand,
  type StoredCommand,
} from './ledger.js';

/** A room's stream as its rows know it. */
export interface OpenRoom {
  streamId: number;
  generation: number;
  lastSeq: number;
}

export type AddedScreen = 'added' | 'member' | 'full' | 'room-closed' | 'screen-gone';

/** A batch of room commands as it travels. */
export interface EncodedRoomBatch {
  /** Indexes of the caller's commands in the order of the rows: by room, then by arrival. */
  readonly order: readonly number[];
  /** Index of each row's room among the batch's. */
  readonly slots: readonly number[];
  readonly acceptedAt: number;
  /** By row: triggers and navigates go to screens. */
  readonly fansOut: readonly boolean[];
  readonly parameters: (string | number | boolean)[];
}

interface AcceptRow {
  bases: number[];
  places: number[];
  known: (StoredCommand & { row: number; members: [string, number, boolean][] })[];
  epoch: string;
  e_rows: number[];
  e_screens: string[];
  e_seqs: number[];
  e_dead: boolean[];
}

export interface RoomRow {
  seq: number;
  senderId: string;
  id: string;
  type: 'trigger' | 'navigate' | 'message';
  payload: string;
  acceptedAt: number;
}

/** Where a room's stream began, ended and in which epoch at that moment. */
export interface RoomState {
  lastSeq: number;
  /** Nothing up to here can be read. */
  floorSeq: number;
  epoch: string;
}

/** A piece of it. */
export interface RoomPage extends RoomState {
  rows: RoomRow[];
}

export interface RoomHead {
  streamId: number;
  generation: number;
  lastSeq: number;
  epoch: string;
}

type PageRow = { [Key in keyof RoomRow]: RoomRow[Key] | null } & Omit<RoomPage, 'rows'>;

export const MAX_SCREENS_A_ROOM = 1000;
const STATEMENT_TIMEOUT_MS = 5000;
const ACCEPT = 'select * from accept_room_commands($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)';

/** Streams of rooms in SQL: making and ending them, their screens, accepting, reading. */
export class RoomLedger {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Undefined when a room of that id is open. One made under a closed room's id goes on behind it and shows nothing of it. */
  async open(tx: Queryable, roomId: string): Promise<OpenRoom | undefined> {
    const [row] = await tx.query<OpenRoom>(
      `insert into streams (kind, name) values ('room', $1)
       on conflict (kind, name) do update
       set generation = streams.generation + 1, floor_seq = streams.last_seq, deleted_at = null
       where streams.deleted_at is not null
       returning id as "streamId", generation, last_seq as "lastSeq"`,
      [roomId],
    );
    return row;
  }

  /** False when it was closed already. */
  async close(tx: Queryable, room: { streamId: number; generation: number }, at: number): Promise<boolean> {
    const [row] = await tx.query<{ closed: boolean }>('select close_room($1,$2,$3) as closed', [
      room.streamId,
      room.generation,
      at,
    ]);
    return row?.closed ?? false;
  }

  async addScreen(
    tx: Queryable,
    room: { streamId: number; generation: number },
    screen: { streamId: number; addedBy: string; addedAt: number },
  ): Promise<AddedScreen> {
    const [row] = await tx.query<{ answer: AddedScreen }>(
      'select add_room_screen($1,$2,$3,$4,$5,$6) as answer',
      [room.streamId, room.generation, screen.streamId, screen.addedBy, screen.addedAt, MAX_SCREENS_A_ROOM],
    );
    if (!row) throw new Error('add_room_screen answered nothing');
    return row.answer;
  }

  /** False when it was no member. */
  async removeScreen(tx: Queryable, roomStreamId: number, screenStreamId: number): Promise<boolean> {
    const [row] = await tx.query<{ removed: boolean }>('select remove_room_screen($1,$2) as removed', [
      roomStreamId,
      screenStreamId,
    ]);
    return row?.removed ?? false;
  }

  /** After a screen's inbox was ended in the same transaction, which holds its stream: it is in no room and shows nothing. */
  async forgetScreen(tx: Queryable, screenStreamId: number): Promise<void> {
    await tx.query('delete from room_screens where screen_stream_id = $1', [screenStreamId]);
    await tx.query('delete from screen_displays where stream_id = $1', [screenStreamId]);
  }

  /**
   * One call, one transaction, always under a look: room commands are rarer than those to screens, what a command costs is its
   * fan-out, and a look costs one probe of an index. So there is no optimistic twin to keep equal to this one.
   * @throws DatabaseError `unique` when a copy of a command was on its way to a stream of another batch: the caller calls again
   */
  async accept(batch: EncodedRoomBatch, signal?: AbortSignal): Promise<AcceptOutcome[]> {
    const [row] = await this.#database.query<AcceptRow>(ACCEPT, batch.parameters, {
      name: 'accept_room_commands',
      timeoutMs: STATEMENT_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
    if (!row) throw new Error('accept_room_commands answered nothing');
    return outcomesOf(batch, row);
  }

  /**
   * Undefined for a room that is closed, or was made anew.
   * @param maxBytes the row that passes them is the last one
   */
  async read(
    room: { streamId: number; generation: number },
    after: number,
    limit: number,
    maxBytes = Number.MAX_SAFE_INTEGER,
  ): Promise<RoomPage | undefined> {
    const rows = await this.#database.query<PageRow>(
      `select last_seq as "lastSeq", floor_seq as "floorSeq", epoch, seq, sender_id as "senderId", id, type, payload,
         accepted_at as "acceptedAt"
       from (select r.*, sum(octet_length(payload)) over (order by seq) - octet_length(payload) as before
             from read_room($1,$2,$3,$4) r) page
       where before is null or before < $5 order by seq`,
      [room.streamId, room.generation, after, limit, maxBytes],
      { name: 'read_room', timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    const [first] = rows;
    if (!first) return undefined;
    const { lastSeq, floorSeq, epoch } = first;
    return {
      lastSeq,
      floorSeq,
      epoch,
      rows: rows.filter((row): row is PageRow & RoomRow => row.seq !== null),
    };
  }

  /** Where rooms begin and end, in the order of the question. Undefined for one that is closed, or was made anew. */
  async readStates(
    rooms: readonly { streamId: number; generation: number }[],
  ): Promise<(RoomState | undefined)[]> {
    const rows = await this.#database.query<RoomState & { place: number }>(
      `select u.place, r.last_seq as "lastSeq", r.floor_seq as "floorSeq", r.epoch
       from unnest($1::bigint[], $2::int[]) with ordinality as u(room, generation, place)
         cross join lateral read_room(u.room, u.generation, $3, 1) r`,
      [
        rooms.map(({ streamId }) => streamId),
        rooms.map(({ generation }) => generation),
        Number.MAX_SAFE_INTEGER,
      ],
      { name: 'read_room_states', timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    const byPlace = new Map(rows.map(({ place, ...state }) => [place, state]));
    return rooms.map((_, index) => byPlace.get(index + 1));
  }

  readHeads(streamIds: readonly number[], timeoutMs = STATEMENT_TIMEOUT_MS): Promise<RoomHead[]> {
    return this.#database.query<RoomHead>(
      'select stream_id as "streamId", generation, last_seq as "lastSeq", epoch from read_room_heads($1)',
      [streamIds],
      { name: 'read_room_heads', timeoutMs },
    );
  }
}

function outcomesOf(batch: EncodedRoomBatch, row: AcceptRow): AcceptOutcome[] {
  const { order, slots, fansOut, acceptedAt } = batch;
  const { bases, places, epoch } = row;
  const members = membersByRow(row);
  const outcomes = new Array<AcceptOutcome>(order.length);
  order.forEach((index, place) => {
    const base = bases[slots[place] ?? 0] ?? -1;
    outcomes[index] =
      base < 0
        ? { kind: 'deleted' }
        : {
            kind: 'accepted',
            seq: base + (places[place] ?? 0),
            acceptedAt,
            epoch,
            ...(fansOut[place] ? { members: members.get(place + 1) ?? [] } : {}),
          };
  });
  for (const { row: place, members: found, ...stored } of row.known) {
    const index = order[place - 1];
    if (index === undefined) continue;
    const known = { kind: 'known', epoch, ...stored } as const;
    outcomes[index] = fansOut[place - 1] ? { ...known, members: found.map(toMember) } : known;
  }
  return outcomes;
}

function membersByRow({ e_rows, e_screens, e_seqs, e_dead }: AcceptRow): Map<number, Member[]> {
  const members = new Map<number, Member[]>();
  e_rows.forEach((row, i) => {
    const member = toMember([e_screens[i] ?? '', e_seqs[i] ?? 0, e_dead[i] ?? false]);
    const others = members.get(row);
    if (others) others.push(member);
    else members.set(row, [member]);
  });
  return members;
}

function toMember([screenId, seq, isSettled]: [string, number, boolean]): Member {
  return { screenId, seq, isSettled };
}

/**
 * @param acceptedAt milliseconds, database clock; `expires_at` counts from it
 * @param limits entries that may wait for a screen, and whether what ended at once is told to COMMAND_HOOK_URL
 */
export function encodeRoomBatch(
  commands: readonly NewCommand[],
  acceptedAt: number,
  limits: { maxPending: number; tellsHook: boolean },
): EncodedRoomBatch {
  const order = commands
    .map((_, index) => index)
    .sort((a, b) => compareRooms(commands[a], commands[b]) || a - b);
  const rows = order.flatMap((index) => commands[index] ?? []);
  const rooms: NewCommand[] = [];
  const slots = rows.map((row) => {
    const last = rooms.at(-1);
    if (!last || compareRooms(last, row) !== 0) rooms.push(row);
    return rooms.length - 1;
  });
  return {
    order,
    slots,
    acceptedAt,
    fansOut: rows.map((row) => row.type !== 'message'),
    parameters: [
      list(rooms.map((room) => room.streamId)),
      list(rooms.map((room) => room.generation ?? 0)),
      limits.maxPending,
      limits.tellsHook,
      acceptedAt,
      list(slots.map((slot) => slot + 1)),
      ...encodeColumns(rows, acceptedAt),
    ],
  };
}

function compareRooms(a: NewCommand | undefined, b: NewCommand | undefined): number {
  return (a?.streamId ?? 0) - (b?.streamId ?? 0) || (a?.generation ?? 0) - (b?.generation ?? 0);
}
