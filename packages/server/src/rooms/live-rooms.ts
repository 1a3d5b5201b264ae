import type { RoomCloseReason } from '@bongsu/protocol';
import { LRUCache } from 'lru-cache';
import { upTo } from '../platform/grown-cache.js';
import { type CacheCounts, countCache } from '../platform/metrics.js';
import type { RoomRow, RoomsDeps } from './deps.js';
import { LiveRoom, type RoomMove, type SeatMove } from './live-room.js';
import type { RoomVersion } from './seams.js';
import type { Seat } from './seat.js';
import { readRoom, readRooms, type SeatRow } from './store/participants.js';
import { readVersions } from './store/rooms.js';

type LiveRoomsDeps = Pick<RoomsDeps, 'clock' | 'database' | 'ephemeral' | 'metrics' | 'node' | 'users'>;

/** What a transaction changed in a room. */
export interface RoomChange {
  /** As it is now, with the version that this change made. */
  room: RoomRow;
  /** Those that came or changed. */
  seats?: readonly SeatRow[];
  /** Of them, who never had that seat before. */
  newcomer?: string;
  /** Ids of those that ended. */
  ended?: readonly string[];
  closed?: RoomCloseReason;
}

/** Another process changed a room. */
export interface RoomHint {
  roomId: string;
  /** Which room it was, and its version; unknown where hints were missed. */
  id?: number | undefined;
  version?: number | undefined;
  closed: RoomCloseReason | undefined;
}

const MAX_OTHERS = 10_000;
/** How long the acceptor may go on with an old copy when the hint of a change is lost and no gap shows it. */
const MAX_AGE_MS = 5000;
const CHANNEL = 'rooms-live';

/**
 * Rooms in memory: those with sockets here, which follow every change, and a bounded number of others for the acceptor. Nothing is
 * decided from it that SQL must hold (docs/decisions/0070-rooms-in-sql.md).
 */
export class LiveRooms {
  readonly #here = new Map<string, LiveRoom>();
  /** Rooms that are being read to be here: what is told of them meanwhile may be newer. */
  readonly #arriving = new Set<string>();
  readonly #others: LRUCache<string, LiveRoom>;
  /** Loads for the acceptor that are under way. */
  readonly #loads = new Map<string, Promise<LiveRoom | undefined>>();
  readonly #counts: CacheCounts;
  #unsubscribe = () => {};

  constructor(private readonly deps: LiveRoomsDeps) {
    const { clock, metrics } = deps;
    const perf = { now: () => clock.monotonic() };
    this.#others = new LRUCache({ ...upTo(MAX_OTHERS), ttl: MAX_AGE_MS, ttlResolution: 0, perf });
    this.#counts = countCache(metrics, 'rooms');
  }

  /** @param onGap hints were missed, of whatever rooms */
  start(onHint: (hint: RoomHint) => void, onGap: () => void): void {
    this.#unsubscribe = this.deps.ephemeral.bus.subscribe(CHANNEL, (event) => {
      if (event.publisher === this.deps.ephemeral.bus.publisher) return;
      if (event.type === 'message') this.#onHint(event.message as RoomHint, onHint);
      else this.#onGap(onHint, onGap);
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** How many rooms have sockets of this process. */
  get count(): number {
    return this.#here.size;
  }

  /** Whether what becomes of the room is to be read: it has sockets here, or will have. */
  follows(roomId: string): boolean {
    return this.#here.has(roomId) || this.#arriving.has(roomId);
  }

  /** A room that has sockets here. */
  here(roomId: string): LiveRoom | undefined {
    return this.#here.get(roomId);
  }

  seatOf(socketId: string, roomId: string): Seat | undefined {
    const seat = this.#here.get(roomId)?.seatOf(socketId);
    return seat?.state === 'joined' ? seat : undefined;
  }

  seat(room: Pick<RoomRow, 'id' | 'roomId'>, participantId: string): Seat | undefined {
    const live = this.#here.get(room.roomId);
    const seat = live?.room.id === room.id ? live.seat(participantId) : undefined;
    return seat?.state === 'waiting' ? undefined : seat;
  }

  /** See `Seats`. */
  knows({ roomId, id, version }: RoomVersion): boolean {
    const room = this.#here.get(roomId)?.room;
    return room !== undefined && room.id === id && room.version >= version;
  }

  /** See `RoomAccess`. */
  expect(roomIds: readonly string[]): void {
    const isKnown = (id: string) => this.#here.has(id) || this.#others.has(id) || this.#loads.has(id);
    const unknown = roomIds.filter((roomId) => !isKnown(roomId));
    if (unknown.length > 0) this.#load(unknown);
  }

  /** The room as it was heard of or read a moment ago. */
  known(roomId: string): LiveRoom | undefined {
    const live = this.#here.get(roomId) ?? this.#others.get(roomId);
    if (live) this.#counts.hit();
    else this.#counts.miss();
    return live;
  }

  /** Reads one that is not known. `isFresh`: from now on, so that nothing of it is older than the question. */
  load(roomId: string): { isFresh: boolean; room: Promise<LiveRoom | undefined> } {
    const isFresh = !this.#loads.has(roomId);
    if (isFresh) this.#load([roomId]);
    return { isFresh, room: this.#loads.get(roomId) ?? Promise.resolve(undefined) };
  }

  /**
   * Follows a change of this process, in the turn of its room.
   * @returns what it means for seats, when the room has sockets here
   */
  async apply({ room, seats = [], newcomer, ended = [], closed }: RoomChange): Promise<RoomMove[]> {
    this.#forgetOther(room.roomId);
    const live = this.#here.get(room.roomId);
    if (closed) return this.#drop(room.roomId);
    if (live?.room.id === room.id && live.room.version === room.version - 1) {
      const names = await this.#namesFor(live, seats);
      return live.apply(room, seats, ended, names);
    }
    const { incarnation } = this.deps.node;
    if (!live && seats.every((seat) => seat.incarnation !== incarnation)) return [];
    const moves = await this.reload(room.roomId);
    if (newcomer !== undefined) this.#here.get(room.roomId)?.noteNew(newcomer);
    return moves;
  }

  /** As `reload`, unless this process knows as much already. */
  async catchUp({ roomId, id, version }: RoomHint): Promise<RoomMove[]> {
    const isKnown = id !== undefined && version !== undefined && this.knows({ roomId, id, version });
    return isKnown ? [] : this.reload(roomId);
  }

  /** Reads a room anew, in its turn. One that is closed is dropped. */
  async reload(roomId: string): Promise<RoomMove[]> {
    this.#forgetOther(roomId);
    this.#arriving.add(roomId);
    try {
      return await this.#read(roomId);
    } finally {
      this.#arriving.delete(roomId);
    }
  }

  async #read(roomId: string): Promise<RoomMove[]> {
    const read = await readRoom(this.deps.database, roomId);
    const known = this.#here.get(roomId);
    if (!read) return this.#drop(roomId);
    const moves = known && known.room.id !== read.room.id ? this.#drop(roomId) : [];
    const followed = this.#here.get(roomId);
    const live = followed ?? new LiveRoom(read.room, this.deps.node.incarnation);
    const names = await this.#namesFor(live, read.seats);
    this.#here.set(roomId, live);
    const news = live.replace(read.room, read.seats, names);
    return [...moves, ...(followed ? news : news.filter((move) => this.#isFirstNews(move)))];
  }

  /** Lets go of a room in which nobody here is any more: for whoever keeps something about its seats, it is over. */
  release(roomId: string): SeatMove[] {
    const live = this.#here.get(roomId);
    return live && !live.isHere ? this.#drop(roomId) : [];
  }

  /** Tells the other processes of a change, after its sockets are where they belong. */
  publish({ room, closed }: RoomChange): void {
    const hint = { roomId: room.roomId, id: room.id, version: room.version, ...(closed ? { closed } : {}) };
    this.deps.ephemeral.bus.publish(CHANNEL, hint);
  }

  /** Rooms here whose copies are behind. */
  async listStale(): Promise<string[]> {
    const rooms = [...this.#here.values()].map(({ room }) => room);
    if (rooms.length === 0) return [];
    const versions = await readVersions(
      this.deps.database,
      rooms.map((room) => room.id),
    );
    return rooms.filter((room) => versions.get(room.id) !== room.version).map((room) => room.roomId);
  }

  #onHint({ roomId, id, version, closed }: RoomHint, onHint: (hint: RoomHint) => void): void {
    this.#forgetOther(roomId);
    onHint({ roomId, id, version, closed });
  }

  /** Those that are followed are compared with their rows at once, but for those of which nobody knows yet what is being read. */
  #onGap(onHint: (hint: RoomHint) => void, onGap: () => void): void {
    this.#others.clear();
    this.#loads.clear();
    for (const roomId of this.#arriving) onHint({ roomId, closed: undefined });
    onGap();
  }

  /** Of a room that this process did not follow: nobody here was told anything of it, or was there to be told. */
  #isFirstNews(move: RoomMove): boolean {
    return move.what === 'waits' && move.row.incarnation === this.deps.node.incarnation;
  }

  #drop(roomId: string): SeatMove[] {
    const live = this.#here.get(roomId);
    this.#here.delete(roomId);
    return live ? [...live.seats].map((seat) => ({ what: 'released', seat })) : [];
  }

  #forgetOther(roomId: string): void {
    this.#others.delete(roomId);
    this.#loads.delete(roomId);
  }

  #load(roomIds: readonly string[]): void {
    const reading = readRooms(this.deps.database, roomIds);
    for (const roomId of roomIds) this.#take(roomId, reading);
  }

  #take(roomId: string, reading: ReturnType<typeof readRooms>): void {
    const load: Promise<LiveRoom | undefined> = reading
      .then((rooms) => {
        const read = rooms.get(roomId);
        if (!read) return undefined;
        const live = new LiveRoom(read.room, this.deps.node.incarnation);
        live.replace(read.room, read.seats, new Map());
        // A change since the load began has put it out of the list; what was read then must not be kept.
        if (this.#loads.get(roomId) === load) this.#others.set(roomId, live);
        return live;
      })
      .finally(() => {
        if (this.#loads.get(roomId) === load) this.#loads.delete(roomId);
      });
    // Perhaps nobody waits for it.
    load.catch(() => undefined);
    this.#loads.set(roomId, load);
  }

  async #namesFor(live: LiveRoom, rows: readonly SeatRow[]): Promise<ReadonlyMap<string, string>> {
    const unknown = new Set(rows.filter((row) => !live.seat(row.participantId)).map((row) => row.userId));
    return unknown.size === 0 ? new Map() : this.deps.users.usernames([...unknown]);
  }
}
