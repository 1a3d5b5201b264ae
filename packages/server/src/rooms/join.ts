import { BongsuError, type Joined, RoomFullError, type SignalingMode, type Waiting } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { uuidv7 } from '../platform/ids.js';
import { isModerator } from './access.js';
import { auditCall } from './audit.js';
import type { Call, CallingSocket, RoomsContext } from './deps.js';
import type { AnswerJoin } from './joins.js';
import { assertLobbyLeft } from './lobby.js';
import { holderOf, type Seating, takeBack } from './returns.js';
import { beSeated, beSeatedTogether } from './seated.js';
import { isBarred } from './store/bars.js';
import { countSeats, type Holder, insertSeat, type SeatRow } from './store/participants.js';
import { findLastOwner, type LockedRoom, lockRoom, raiseVersion } from './store/rooms.js';

export interface JoinInput {
  roomId: string;
  /** Of a seat of one's own, to take again. Without it the one that the same client object has. */
  participantId?: string | undefined;
  signaling?: SignalingMode | undefined;
}

/** The call of a socket. */
export type SocketCall = Call & { socket: CallingSocket };

export interface Join {
  call: SocketCall;
  input: JoinInput;
}

/**
 * Gives the socket a seat, its own one again where it has or names one; or a place in the lobby.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED, ROOM_LOCKED, ROOM_FULL, FORBIDDEN for who was kicked, RATE_LIMIT
 */
export function joinRoom(
  { joins }: RoomsContext,
  call: SocketCall,
  input: JoinInput,
): Promise<Joined | Waiting> {
  return joins.add({ call, input });
}

/** In the room's turn, of different people: whoever has a seat takes it again, all by one change of the room. Then the others come one by one. */
export async function joinTogether(
  context: RoomsContext,
  roomId: string,
  joins: readonly Join[],
  answer: AnswerJoin,
): Promise<void> {
  const here = joins.filter(({ call }) => !call.socket.signal.aborted);
  const back = await takeAgain(context, roomId, here);
  if (back) await beSeatedTogether(context, back.room, back.seatings, answer);
  const areBack = new Set(back?.seatings.map(({ join }) => join));
  for (const join of joins) if (!areBack.has(join)) await answer(join, joinNew(context, join));
}

/** A seat of their own, which is not counted: nobody loses one because too many come back at once. */
async function takeAgain(context: RoomsContext, roomId: string, joins: readonly Join[]) {
  if (joins.length === 0) return undefined;
  const found = await context.returns.add({ roomId, joins });
  if (found !== 'held') return found;
  // Who holds the room keeps no other waiting.
  return context.database.transaction(async (tx) => {
    const room = await lockRoom(tx, roomId);
    return room && takeBack(context, tx, room, joins);
  });
}

async function joinNew(context: RoomsContext, join: Join): Promise<Joined | Waiting> {
  const { call, input } = join;
  // Its end has been looked after already.
  if (call.socket.signal.aborted) throw new BongsuError('UNAVAILABLE');
  const { room, seating } = await takeNew(context, join, input.roomId);
  return beSeated(context, room, { ...seating, call });
}

async function takeNew(
  context: RoomsContext,
  join: Join,
  roomId: string,
): Promise<{ room: LockedRoom; seating: Seating }> {
  await enforceLimit(context, join.call);
  return context.database.transaction(async (tx) => {
    const room = await lockRoom(tx, roomId);
    if (!room) throw new BongsuError((await findLastOwner(tx, roomId)) ? 'ROOM_CLOSED' : 'ROOM_NOT_FOUND');
    // Their own may have been given to them since the look.
    const again = await takeBack(context, tx, room, [join]);
    const [seating] = again?.seatings ?? [];
    return { room, seating: seating ?? (await addSeat(context, tx, room, join)) };
  });
}

function enforceLimit({ config, limiter }: RoomsContext, { user }: Call): Promise<void> {
  return limiter.enforceLimit('room-joins', user.userId, { limit: config.joinsPerMinute, windowMs: 60_000 });
}

async function addSeat(
  context: RoomsContext,
  tx: Queryable,
  room: LockedRoom,
  { call, input }: Join,
): Promise<Seating> {
  if (await isBarred(tx, room.id, call.user.userId))
    throw new BongsuError('FORBIDDEN', { details: { reason: 'kicked' } });
  const isFree = isModerator(call.user, room.ownerId);
  if (room.locked && !isFree) throw new BongsuError('ROOM_LOCKED');
  const waits = room.lobby && !isFree;
  if (waits) await assertLobbyLeft(tx, room, call.user.userId);
  else await assertRoomLeft(tx, room);
  const holder = holderOf(context, call, input.signaling);
  return { seat: await insertNewSeat(context, tx, call, room, { holder, waits }), how: 'new' };
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
