import { BongsuError, type Joined, type Waiting } from '@bongsu/protocol';
import type { Presence } from './attendance.js';
import type { RoomsContext } from './deps.js';
import { carryOut, release, takePlace } from './follow.js';
import type { Join, SocketCall } from './join.js';
import type { AnswerJoin } from './joins.js';
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
  const tellOthers = await learn(context, room, [seated]);
  try {
    return await sit(context, room.roomId, seated);
  } finally {
    tellOthers();
  }
}

/** As `beSeated`, of all whom one transaction gave their seats. */
export async function beSeatedTogether(
  context: RoomsContext,
  room: LockedRoom,
  seatings: readonly (Seating & { join: Join })[],
  answer: AnswerJoin,
): Promise<void> {
  const seated = seatings.map(({ join, ...seating }) => ({ ...seating, join, call: join.call }));
  const tellOthers = await learn(context, room, seated);
  await Promise.all(seated.map((one) => answer(one.join, sit(context, room.roomId, one))));
  tellOthers();
}

/** This process knows the seats, and tells its sockets. @returns how other processes are told, once the seats are taken */
async function learn(
  context: RoomsContext,
  room: LockedRoom,
  seated: readonly Seated[],
): Promise<() => void> {
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
  return () => {
    if (changed.length > 0 || isUntold) live.publish(change);
  };
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
