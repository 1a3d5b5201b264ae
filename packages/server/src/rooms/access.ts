import { BongsuError } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import type { UserPrincipal } from '../platform/principal.js';
import { isEnoughWithin, type RoomRightName } from '../platform/rights.js';
import type { Call, RoomRow } from './deps.js';
import { rolesIn } from './room-access.js';
import { isMember } from './store/participants.js';
import { findLastOwner, findOpenRoom, type LockedRoom, lockRoom } from './store/rooms.js';

/** Owners and administrators: whom no lock and no lobby keeps out. */
export function isModerator(user: UserPrincipal, ownerId: string): boolean {
  return user.userId === ownerId || user.role === 'admin';
}

/**
 * The open room, for somebody who has that right within it.
 * @throws ROOM_NOT_FOUND for one that is unknown or of others; ROOM_CLOSED; FORBIDDEN for who is there, but as less
 */
export async function accessRoom(
  db: Queryable,
  call: Call,
  roomId: string,
  right: RoomRightName,
): Promise<RoomRow> {
  return authorized(db, call, roomId, right, await findOpenRoom(db, roomId));
}

/** As `accessRoom`, and nobody else changes the room until the transaction ends. */
export async function accessRoomForChange(
  tx: Queryable,
  call: Call,
  roomId: string,
  right: RoomRightName,
): Promise<LockedRoom> {
  return authorized(tx, call, roomId, right, await lockRoom(tx, roomId));
}

async function authorized<Row extends RoomRow>(
  db: Queryable,
  { user }: Call,
  roomId: string,
  right: RoomRightName,
  room: Row | undefined,
): Promise<Row> {
  if (!room) throw new BongsuError((await wasTheirs(db, user, roomId)) ? 'ROOM_CLOSED' : 'ROOM_NOT_FOUND');
  const { userId } = user;
  const roles = rolesIn(user, room.ownerId, userId !== room.ownerId && (await isMember(db, room.id, userId)));
  if (roles.length === 0) throw new BongsuError('ROOM_NOT_FOUND');
  if (!roles.some((role) => isEnoughWithin(right, role))) throw new BongsuError('FORBIDDEN');
  return room;
}

/** Of a room that is not open: whether they may know that it was. */
export async function wasTheirs(db: Queryable, user: UserPrincipal, roomId: string): Promise<boolean> {
  const last = await findLastOwner(db, roomId);
  return last !== undefined && isModerator(user, last.ownerId);
}
