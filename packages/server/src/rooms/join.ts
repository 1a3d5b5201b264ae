import { BongsuError, type Joined, RoomFullError, type SignalingMode, type Waiting } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { uuidv7 } from '../platform/ids.js';
import { isModerator } from './access.js';
import type { Presence } from './attendance.js';
import { auditCall } from './audit.js';
import type { Call, CallingSocket, RoomsContext } from './deps.js';
import { carryOut, release, takePlace } from './follow.js';
import { isSameClient } from './live-room.js';
import { assertLobbyLeft } from './lobby.js';
import { isBarred } from './store/bars.js';
import {
  countSeats,
  findEndReason,
  type Holder,
  insertSeat,
  listSeatsIn,
  listSeatsOf,
  type SeatRow,
  takeSeat,
} from './store/participants.js';
import { findLastOwner, type LockedRoom, lockRoom, raiseVersion } from './store/rooms.js';

export interface JoinInput {
  roomId: string;
  /** Of a seat of one's own, to take again. Without it the one that the same client object has. */
  participantId?: string | undefined;
  signaling?: SignalingMode | undefined;
}

/** The call of a socket. */
export type SocketCall = Call & { socket: CallingSocket };

/** A seat that a socket has now, and how it came by it. */
export interface Seating {
  room: LockedRoom;
  seat: SeatRow;
  how: 'new' | 'again' | 'returned';
}

/**
 * Gives the socket a seat, its own one again where it has or names one; or a place in the lobby.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED, ROOM_LOCKED, ROOM_FULL, FORBIDDEN for who was kicked, RATE_LIMIT
 */
export async function joinRoom(
  context: RoomsContext,
  call: SocketCall,
  input: JoinInput,
): Promise<Joined | Waiting> {
  return visit(context, call, input.roomId, async () => {
    // Its end has been looked after already.
    if (call.socket.signal.aborted) throw new BongsuError('UNAVAILABLE');
    const holder = holderOf(context, call, input.signaling);
    const seating =
      (await takeAgain(context, call, input, holder)) ?? (await takeNew(context, call, input, holder));
    return beSeated(context, call, seating);
  });
}

/** Runs a join in the room's turn, taken before anything waits: what the socket asks for next comes after it. */
export function visit<Result>(
  { attendance, queues }: RoomsContext,
  { socket }: SocketCall,
  roomId: string,
  join: () => Promise<Result>,
): Promise<Result> {
  attendance.visit(socket.id, roomId);
  return queues.run(roomId, async () => {
    try {
      const result = await join();
      attendance.endVisit(socket.id, roomId);
      return result;
    } catch (error) {
      // Of anything else nobody knows whether there is a seat: the end of the socket looks after it.
      if (error instanceof BongsuError) attendance.endVisit(socket.id, roomId);
      throw error;
    }
  });
}

/** After the commit, in the room's turn: the socket gets the room, and the room hears of it. */
export async function beSeated(
  context: RoomsContext,
  call: SocketCall,
  { room, seat, how }: Seating,
): Promise<Joined | Waiting> {
  const { attendance, live } = context;
  const { roomId } = room;
  const { participantId } = seat;
  const change = {
    room,
    seats: how === 'again' ? [] : [seat],
    ...(how === 'new' ? { newcomer: participantId } : {}),
  };
  // Of a join whose answer was lost, memory knows nothing.
  const isUntold = how === 'again' && !attendance.find(roomId, participantId, call.socket.id);
  const moves = how !== 'again' ? await live.apply(change) : isUntold ? await live.reload(roomId) : [];
  await carryOut(context, roomId, moves);
  const { userId, username } = call.user;
  const presence = attendance.enter({
    roomId,
    participantId,
    socketId: call.socket.id,
    user: { userId, username },
    isAdmin: call.socket.isAdmin,
  });
  try {
    return await answer(context, presence);
  } finally {
    if (how !== 'again' || isUntold) live.publish(change);
  }
}

async function answer(context: RoomsContext, presence: Presence): Promise<Joined | Waiting> {
  const { roomId, participantId } = presence;
  const seat = context.live.here(roomId)?.seat(participantId);
  if (seat?.state === 'waiting') return { roomId, waiting: true, participantId };
  const joined = await takePlace(context, presence);
  if (joined) return joined;
  context.attendance.leave(presence);
  release(context, roomId);
  throw new BongsuError(await whyOut(context, participantId));
}

/** Why a seat is over that was taken a moment ago: by what another process did. */
async function whyOut(
  { database }: RoomsContext,
  participantId: string,
): Promise<'FORBIDDEN' | 'ROOM_CLOSED' | 'UNAVAILABLE'> {
  const reason = await findEndReason(database, participantId);
  if (reason === 'kicked') return 'FORBIDDEN';
  return reason === 'closed' ? 'ROOM_CLOSED' : 'UNAVAILABLE';
}

/**
 * A seat of their own, which is not counted: nobody loses one because too many come back at once. A look comes first, as what is counted is
 * counted before a transaction, in which nobody else could come to the room meanwhile.
 */
async function takeAgain(
  context: RoomsContext,
  call: SocketCall,
  input: JoinInput,
  holder: Holder,
): Promise<Seating | undefined> {
  const { database } = context;
  const own = await listSeatsIn(database, input.roomId, call.user.userId);
  if (!ownSeat(own, holder, input.participantId)) return undefined;
  return database.transaction(async (tx) => {
    const room = await lockRoom(tx, input.roomId);
    return room && seatAgain(context, tx, call, room, { ...input, holder });
  });
}

async function takeNew(
  context: RoomsContext,
  call: SocketCall,
  input: JoinInput,
  holder: Holder,
): Promise<Seating> {
  await enforceLimit(context, call);
  const { roomId } = input;
  return context.database.transaction(async (tx) => {
    const room = await lockRoom(tx, roomId);
    if (!room) throw new BongsuError((await findLastOwner(tx, roomId)) ? 'ROOM_CLOSED' : 'ROOM_NOT_FOUND');
    // Their own may have been given to them since the look.
    const again = await seatAgain(context, tx, call, room, { ...input, holder });
    return again ?? addSeat(context, tx, call, room, holder);
  });
}

/** Whoever has a seat may come back to it, also to a full or locked room. */
async function seatAgain(
  context: RoomsContext,
  tx: Queryable,
  call: Call,
  room: LockedRoom,
  { holder, participantId }: { holder: Holder; participantId?: string | undefined },
): Promise<Seating | undefined> {
  const own = await listSeatsOf(tx, room.id, call.user.userId);
  const seat = ownSeat(own, holder, participantId);
  if (!seat) return undefined;
  if (isHeldBy(seat, holder) && seat.state !== 'reconnecting') return { room, seat, how: 'again' };
  const taken = await takeSeat(tx, seat, { ...holder, signaling: holder.signaling ?? seat.signaling });
  await raiseVersion(tx, room, Math.floor(context.databaseClock()));
  return { room, seat: taken, how: 'returned' };
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

function enforceLimit({ config, limiter }: RoomsContext, { user }: Call): Promise<void> {
  return limiter.enforceLimit('room-joins', user.userId, { limit: config.joinsPerMinute, windowMs: 60_000 });
}

async function addSeat(
  context: RoomsContext,
  tx: Queryable,
  call: Call,
  room: LockedRoom,
  holder: Holder,
): Promise<Seating> {
  if (await isBarred(tx, room.id, call.user.userId))
    throw new BongsuError('FORBIDDEN', { details: { reason: 'kicked' } });
  const isFree = isModerator(call.user, room.ownerId);
  if (room.locked && !isFree) throw new BongsuError('ROOM_LOCKED');
  const waits = room.lobby && !isFree;
  if (waits) await assertLobbyLeft(tx, room, call.user.userId);
  else await assertRoomLeft(tx, room);
  const seat = await insertNewSeat(context, tx, call, room, { holder, waits });
  return { room, seat, how: 'new' };
}

/** A seat, or a place in the lobby, of the caller, and the end of this change of the room. */
export async function insertNewSeat(
  context: RoomsContext,
  tx: Queryable,
  call: Call,
  room: LockedRoom,
  { holder, waits }: { holder: Holder; waits: boolean },
): Promise<SeatRow> {
  const now = Math.floor(context.databaseClock());
  const seat: SeatRow = {
    ...holder,
    participantId: uuidv7(),
    userId: call.user.userId,
    number: room.joins + 1,
    state: waits ? 'waiting' : 'joined',
    joinedAt: now,
    goneAt: null,
  };
  await insertSeat(tx, room.id, seat);
  await raiseVersion(tx, room, now, 1);
  await auditCall(context, tx, call, {
    action: waits ? 'room_waited_for' : 'room_joined',
    roomId: room.roomId,
  });
  return seat;
}

/** Nobody passes this, whoever they are. */
export async function assertRoomLeft(tx: Queryable, room: LockedRoom): Promise<void> {
  if ((await countSeats(tx, room.id)) >= room.maxUsers) throw new RoomFullError(room.maxUsers);
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

function isHeldBy(seat: SeatRow, holder: Holder): boolean {
  return seat.socketId === holder.socketId && seat.incarnation === holder.incarnation;
}
