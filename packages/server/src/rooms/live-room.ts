import type { RoomRow } from './deps.js';
import type { Seat } from './seat.js';
import type { SeatRow } from './store/participants.js';

/** What became of a seat, or of the room, between two looks at the rows. What began and ended in between is none. */
export type RoomMove = SeatMove | { what: 'locked' | 'unlocked'; room: RoomRow };

export type SeatMove =
  /** `row`: as SQL had it last. */
  | { what: 'waits' | 'came' | 'lost' | 'gone'; seat: Seat; row: SeatRow }
  | { what: 'returned'; seat: Seat; row: SeatRow; resumed: boolean }
  /** This process follows the room no more. */
  | { what: 'released'; seat: Seat };

/** An open room in memory: a copy of its rows at `room.version`. Seats stay the same objects as long as their rows live. */
export class LiveRoom {
  readonly #seats = new Map<string, Seat>();
  readonly #rows = new Map<string, SeatRow>();
  /** Ids of those that this process holds, or held last. */
  readonly #own = new Set<string>();
  /** Of sockets of this process. */
  readonly #bySocket = new Map<string, Seat>();
  /** What was there before is no news. */
  #isRead = false;
  /** When it was last noted that something happens in it, milliseconds of the database's clock. */
  touchedAt = 0;

  constructor(
    readonly room: RoomRow,
    private readonly incarnation: string,
  ) {}

  /** Whether seats are held by this process, or were until their sockets went. */
  get isHere(): boolean {
    return this.#own.size > 0;
  }

  get seats(): IterableIterator<Seat> {
    return this.#seats.values();
  }

  seat(participantId: string): Seat | undefined {
    return this.#seats.get(participantId);
  }

  /** What SQL said of it last. */
  row(participantId: string): SeatRow | undefined {
    return this.#rows.get(participantId);
  }

  seatOf(socketId: string): Seat | undefined {
    return this.#bySocket.get(socketId);
  }

  isMember(userId: string): boolean {
    for (const seat of this.#seats.values())
      if (seat.userId === userId && seat.state !== 'waiting') return true;
    return false;
  }

  /** @param rows those that came or changed @param names of those that came */
  apply(
    room: RoomRow,
    rows: readonly SeatRow[],
    ended: readonly string[],
    names: ReadonlyMap<string, string>,
  ): RoomMove[] {
    const moves: RoomMove[] = [];
    if (room.locked !== this.room.locked)
      moves.push({ what: room.locked ? 'locked' : 'unlocked', room: this.room });
    Object.assign(this.room, room);
    for (const id of ended) {
      const [seat, row] = [this.#seats.get(id), this.#rows.get(id)];
      if (seat && row) moves.push({ what: 'gone', seat, row });
      this.#forget(id);
    }
    for (const row of rows) moves.push(...this.#put(row, names));
    return moves;
  }

  /** As `apply`, of all its rows. */
  replace(room: RoomRow, rows: readonly SeatRow[], names: ReadonlyMap<string, string>): RoomMove[] {
    const present = new Set(rows.map((row) => row.participantId));
    const ended = [...this.#seats.keys()].filter((id) => !present.has(id));
    const moves = this.apply(room, rows, ended, names);
    this.#isRead = true;
    return moves;
  }

  /** Whoever was read with the room has just come to it. */
  noteNew(participantId: string): void {
    const seat = this.#seats.get(participantId);
    if (seat) seat.pageSince ??= this.room.version;
  }

  #put(row: SeatRow, names: ReadonlyMap<string, string>): SeatMove[] {
    const before = this.#rows.get(row.participantId);
    const known = this.#seats.get(row.participantId);
    const isOwn = row.incarnation === this.incarnation;
    const seat: Seat = Object.assign(known ?? {}, {
      room: this.room,
      participantId: row.participantId,
      userId: row.userId,
      username: known?.username ?? names.get(row.userId) ?? '',
      number: row.number,
      joinedAt: row.joinedAt,
      state: row.state,
      socketId: row.state === 'reconnecting' ? undefined : row.socketId,
      incarnation: row.incarnation,
      holder: row.socketId,
      heldSince: isOwn ? (known?.heldSince ?? this.room.version) : undefined,
      pageSince: known?.pageSince,
      instanceId: row.instanceId ?? undefined,
      // Its first signal may have said it, which is not written yet.
      signaling: row.signaling ?? known?.signaling,
    });
    this.#forget(row.participantId);
    this.#seats.set(row.participantId, seat);
    this.#rows.set(row.participantId, row);
    if (isOwn) this.#own.add(row.participantId);
    if (isOwn && seat.socketId !== undefined) this.#bySocket.set(seat.socketId, seat);
    const moves = movesOf(seat, before, row);
    if (this.#isRead && moves.some(bringsPage)) seat.pageSince = this.room.version;
    if (isOwn) for (const move of moves) noteArrival(move);
    else delete seat.arriving;
    return moves;
  }

  #forget(participantId: string): void {
    const row = this.#rows.get(participantId);
    if (!row) return;
    if (this.#bySocket.get(row.socketId)?.participantId === participantId)
      this.#bySocket.delete(row.socketId);
    this.#own.delete(participantId);
    this.#seats.delete(participantId);
    this.#rows.delete(participantId);
  }
}

function movesOf(seat: Seat, before: SeatRow | undefined, row: SeatRow): SeatMove[] {
  // Whoever goes on waiting, by a newer socket too, was told of.
  if (row.state === 'waiting') return before ? [] : [{ what: 'waits', seat, row }];
  if (!before || before.state === 'waiting') {
    const came: SeatMove = { what: 'came', seat, row };
    return row.state === 'joined' ? [came] : [came, { what: 'lost', seat, row }];
  }
  if (row.state === 'reconnecting') return before.state === 'joined' ? [{ what: 'lost', seat, row }] : [];
  const isSameSocket = before.socketId === row.socketId;
  if (before.state === 'joined' && isSameSocket && before.incarnation === row.incarnation) return [];
  return [{ what: 'returned', seat, row, resumed: isSameSocket || isSameClient(before, row) }];
}

function bringsPage(move: SeatMove): boolean {
  return move.what === 'came' || (move.what === 'returned' && !move.resumed);
}

function noteArrival(move: SeatMove): void {
  const { seat, what } = move;
  if (what === 'came') seat.arriving = 'new';
  if (what !== 'returned' || seat.arriving === 'new') return;
  seat.arriving = { resumed: move.resumed && (seat.arriving?.resumed ?? true) };
}

/** The same client object, whose peer connections live on. */
export function isSameClient(before: Pick<SeatRow, 'instanceId'>, now: Pick<SeatRow, 'instanceId'>): boolean {
  return now.instanceId !== null && before.instanceId === now.instanceId;
}
