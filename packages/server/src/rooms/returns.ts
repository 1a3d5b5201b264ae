import type { SignalingMode } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { BatchProcessor } from '../platform/resilience/batch-processor.js';
import { fewStatements } from '../platform/resilience/few-statements.js';
import type { RoomsContext } from './deps.js';
import type { Join, SocketCall } from './join.js';
import { isSameClient } from './live-room.js';
import { type Holder, heldBy, listSeatsIn, type SeatRow, takeSeats } from './store/participants.js';
import { type LockedRoom, lockFreeRooms, raiseVersions } from './store/rooms.js';

/** A seat that a socket has now, and how it came by it. */
export interface Seating {
  seat: SeatRow;
  how: 'new' | 'again' | 'returned';
}

/** Who may have seats in a room already, each of them another person. */
export interface RoomReturns {
  roomId: string;
  joins: readonly Join[];
}

/** Who has their seat again. */
export interface RoomReturned {
  room: LockedRoom;
  seatings: readonly (Seating & { join: Join })[];
}

/** `held`: somebody else is at the room. Undefined: nobody there has a seat. */
export type ReturnResult = RoomReturned | 'held' | undefined;
export type Returns = BatchProcessor<RoomReturns, ReturnResult>;

/**
 * How the people of thousands of rooms, whose server died, take their seats again by few transactions. A look comes first, as what is
 * counted is counted before a transaction, in which nobody else could come to the room meanwhile.
 */
export function createReturns(clock: RoomsContext['clock'], context: () => RoomsContext): Returns {
  return new BatchProcessor({
    ...fewStatements(clock),
    maxSize: 100,
    maxQueued: Number.POSITIVE_INFINITY,
    keyOf: ({ roomId }: RoomReturns) => roomId,
    process: (asked: RoomReturns[]) => takeAll(context(), asked),
  });
}

async function takeAll(context: RoomsContext, asked: readonly RoomReturns[]): Promise<ReturnResult[]> {
  const { database } = context;
  const seats = await readOwn(database, asked);
  const returning = asked.filter(({ joins }) => joins.some((join) => again(context, seats, join)));
  if (returning.length === 0) return asked.map(() => undefined);
  const taken = await database.transaction(async (tx) => {
    const roomIds = returning.map(({ roomId }) => roomId);
    return takeIn(context, tx, await lockFreeRooms(tx, roomIds), returning);
  });
  return asked.map((room) => (returning.includes(room) ? taken(room.roomId) : undefined));
}

/** Of one room, which is held. Undefined: none of them has a seat. */
export async function takeBack(
  context: RoomsContext,
  tx: Queryable,
  room: LockedRoom,
  joins: readonly Join[],
): Promise<RoomReturned | undefined> {
  const { roomId } = room;
  const taken = (await takeIn(context, tx, [room], [{ roomId, joins }]))(roomId);
  return taken === 'held' ? undefined : taken;
}

/** Whoever has a seat may come back to it, also to a full or locked room. @param rooms those of the asked that are held */
async function takeIn(
  context: RoomsContext,
  tx: Queryable,
  rooms: readonly LockedRoom[],
  asked: readonly RoomReturns[],
): Promise<(roomId: string) => ReturnResult> {
  const held = new Map(rooms.map((room) => [room.roomId, room]));
  const seats = await readOwn(
    tx,
    asked.filter(({ roomId }) => held.has(roomId)),
  );
  const found = new Map<string, RoomReturned>();
  for (const { roomId, joins } of asked) {
    const room = held.get(roomId);
    const seatings = joins.flatMap((join) => again(context, seats, join) ?? []);
    if (room) found.set(roomId, { room, seatings });
  }
  const returned = [...found.values()].filter(({ seatings }) => seatings.some(isChange));
  if (returned.length > 0) {
    const taken = returned.flatMap(({ seatings }) => seatings.filter(isChange).map(({ seat }) => seat));
    await takeSeats(tx, taken);
    const now = Math.floor(context.databaseClock());
    await raiseVersions(
      tx,
      returned.map(({ room }) => room),
      now,
    );
  }
  return (roomId) => {
    const it = found.get(roomId);
    if (!it) return 'held';
    return it.seatings.length > 0 ? it : undefined;
  };
}

type OwnSeats = (join: Join) => readonly SeatRow[];

async function readOwn(db: Queryable, asked: readonly RoomReturns[]): Promise<OwnSeats> {
  const people = asked.flatMap(({ roomId, joins }) =>
    joins.map(({ call }) => ({ roomId, userId: call.user.userId })),
  );
  const seats = new Map<string, SeatRow[]>();
  for (const { roomId, ...seat } of await listSeatsIn(db, people)) {
    const key = keyOf(roomId, seat.userId);
    seats.set(key, [...(seats.get(key) ?? []), seat]);
  }
  return ({ call, input }) => seats.get(keyOf(input.roomId, call.user.userId)) ?? [];
}

function keyOf(roomId: string, userId: string): string {
  return `${userId} ${roomId}`;
}

function again(context: RoomsContext, ownOf: OwnSeats, join: Join): (Seating & { join: Join }) | undefined {
  const { call, input } = join;
  const holder = holderOf(context, call, input.signaling);
  const seat = ownSeat(ownOf(join), holder, input.participantId);
  if (!seat) return undefined;
  if (isHeldBy(seat, holder) && seat.state !== 'reconnecting') return { join, seat, how: 'again' };
  const signaling = holder.signaling ?? seat.signaling;
  return { join, seat: heldBy(seat, { ...holder, signaling }), how: 'returned' };
}

export function holderOf(
  { node }: RoomsContext,
  { socket }: SocketCall,
  signaling: SignalingMode | undefined,
): Holder {
  return {
    incarnation: node.incarnation,
    socketId: socket.id,
    instanceId: socket.instanceId ?? null,
    signaling: signaling ?? null,
  };
}

function isChange({ how }: Seating): boolean {
  return how === 'returned';
}

function ownSeat(
  own: readonly SeatRow[],
  holder: Holder,
  participantId: string | undefined,
): SeatRow | undefined {
  return (
    own.find((seat) => isHeldBy(seat, holder)) ??
    own.find((seat) => seat.participantId === participantId) ??
    // It never heard its participantId, and has a new socket since. Other tabs have an instance of their own.
    own.find((seat) => isSameClient(seat, holder))
  );
}

function isHeldBy(seat: SeatRow, holder: Holder): boolean {
  return seat.socketId === holder.socketId && seat.incarnation === holder.incarnation;
}
