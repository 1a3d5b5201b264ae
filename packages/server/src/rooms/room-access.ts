import type { RoomGrant, RoomRights } from '../commands/index.js';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import type { RoomRole } from '../platform/rights.js';
import type { RoomRow } from './deps.js';

/** An open room, and what somebody is to it. */
export interface RoomStanding {
  room: RoomRow;
  role: RoomRole;
}

/** Who may do what with rooms. */
export interface RoomAccess {
  /** Those of the rooms that are not in memory are read by one question, for which `role` then waits. */
  expect(roomIds: readonly string[]): void;
  /**
   * Undefined for a room that is closed, does not exist, or is none of the user's: they must not be told apart. A member is one as soon
   * as the answer to their join could be sent, by whatever process.
   */
  role(user: UserPrincipal, roomId: string): RoomStanding | undefined | Promise<RoomStanding | undefined>;
  /** For the acceptor: members only. @param toCommand the room's screens @throws ROOM_CLOSED to whose it was */
  authorize(
    principal: Principal,
    roomId: string,
    toCommand: boolean,
  ): RoomGrant | undefined | Promise<RoomGrant | undefined>;
}

/**
 * What somebody is to a room, the closest first: an administrator may be a member besides, and may do what others with a seat may.
 * @param isMember need not be asked of the owner, who is one always
 */
export function rolesIn(
  { userId, role }: Pick<UserPrincipal, 'userId' | 'role'>,
  ownerId: string,
  isMember: boolean,
): RoomRole[] {
  if (userId === ownerId) return ['owner'];
  const roles: RoomRole[] = isMember ? ['member'] : [];
  return role === 'admin' ? [...roles, 'admin'] : roles;
}

/** Whether a socket is told what is said there: an administrator who is no member may look a room up, and is not told of it. */
export function hears(standing: RoomStanding | undefined): standing is RoomStanding {
  return standing !== undefined && standing.role !== 'admin';
}

/** What a grant for somebody in that role says. One for an administrator is for reading only. */
export function grantOf({ roomId, streamId, generation, commanders }: RoomRow, role: RoomRole): RoomRights {
  const mayCommand = role === 'owner' || (role === 'member' && commanders === 'members');
  return { roomId, streamId, generation, mayCommand };
}
