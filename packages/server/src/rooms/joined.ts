import type { ExistingUser, Joined, RoomUser } from '@bongsu/protocol';
import type { RoomsContext } from './deps.js';
import type { LiveRoom } from './live-room.js';
import type { Position } from './seams.js';
import { isPolite, type Seat } from './seat.js';

/** What somebody is told who has a seat now. */
export function toJoined(
  { iceServers }: RoomsContext,
  { room, own, isAdmin }: { room: LiveRoom; own: Seat; isAdmin: boolean },
  position: Position,
): Joined {
  const others = [...room.seats].filter((seat) => seat !== own && seat.state !== 'waiting');
  const mayAdmit = isAdmin || own.userId === room.room.ownerId;
  return {
    roomId: own.room.roomId,
    participantId: own.participantId,
    existingUsers: others.map((seat) => toExistingUser(own, seat)),
    ...(mayAdmit ? { waiting: listWaiting(room) } : {}),
    ...position,
    // By the user: the quota of a TURN server is counted by it.
    ...iceServers.issue(own.userId),
  };
}

function listWaiting({ seats }: LiveRoom): RoomUser[] {
  return [...seats]
    .filter(({ state }) => state === 'waiting')
    .sort((one, other) => one.number - other.number)
    .map(({ participantId, userId, username }) => ({ participantId, userId, username }));
}

function toExistingUser(own: Seat, { participantId, userId, username, ...seat }: Seat): ExistingUser {
  const user = { participantId, userId, username, polite: isPolite(own, seat) };
  return seat.state === 'reconnecting' ? { ...user, state: 'reconnecting' } : user;
}
