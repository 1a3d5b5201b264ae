import { BongsuError, type Joined, type Waiting } from '@bongsu/protocol';
import type { Presence } from './attendance.js';
import type { RoomsContext } from './deps.js';
import { carryOut, release, takePlace } from './follow.js';
import type { SocketCall } from './join.js';
import type { Seating } from './returns.js';
import { findEndReason } from './store/participants.js';
import type { LockedRoom } from './store/rooms.js';

type Seated = Seating & { call: SocketCall };

/** After the commit, in the room's turn: the socket gets the room, and the room hears of it. */
export async function beSeated(
  context: RoomsContext,
  room: LockedRoom,
  seated: Seated,
): Promise<Joined | Waiting> {
  const [answer] = await beSeatedAll(context, room, [seated]);
  if (answer?.status === 'fulfilled') return answer.value;
  throw answer?.reason;
}

/** As `beSeated`, of all whom one transaction gave their seats. @returns in order */
export function beSeatedTogether(
  context: RoomsContext,
  room: LockedRoom,
  seatings: readonly (Seating & { join: { call: SocketCall } })[],
): Promise<PromiseSettledResult<Joined | Waiting>[]> {
  const seated = seatings.map(({ seat, how, join }) => ({ seat, how, call: join.call }));
  return beSeatedAll(context, room, seated);
}

async function beSeatedAll(
  context: RoomsContext,
  room: LockedRoom,
  seated: readonly Seated[],
): Promise<PromiseSettledResult<Joined | Waiting>[]> {
  const { attendance, live } = context;
  const { roomId } = room;
  const changed = seated.filter(({ how }) => how !== 'again').map(({ seat }) => seat);
  const newcomer = seated.find(({ how }) => how === 'new')?.seat.participantId;
  const change = { room, seats: changed, ...(newcomer === undefined ? {} : { newcomer }) };
  // Of a join whose answer was lost, memory knows nothing.
  const isUntold = seated.some(
    ({ how, seat, call }) => how === 'again' && !attendance.find(roomId, seat.participantId, call.socket.id),
  );
  const moves = changed.length > 0 ? await live.apply(change) : [];
  if (isUntold) moves.push(...(await live.reload(roomId)));
  await carryOut(context, roomId, moves);
  try {
    return await Promise.allSettled(seated.map((one) => sit(context, roomId, one)));
  } finally {
    if (changed.length > 0 || isUntold) live.publish(change);
  }
}

async function sit(context: RoomsContext, roomId: string, { seat, call }: Seated): Promise<Joined | Waiting> {
  const { userId, username } = call.user;
  const presence = context.attendance.enter({
    roomId,
    participantId: seat.participantId,
    socketId: call.socket.id,
    user: { userId, username },
    isAdmin: call.socket.isAdmin,
  });
  return answer(context, presence);
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
