import type { Participant, Room, User } from '@bongsu/protocol';

type Reader = Pick<User, 'userId' | 'role'> | null | undefined;

/** The room with its counts taken from the list of who is in it: the two are read apart, and one page must not say both. */
export function attended(room: Room, people: readonly Participant[] | undefined): Room {
  if (!people) return room;
  const waiting = people.filter(({ state }) => state === 'waiting').length;
  return { ...room, participants: people.length - waiting, waiting };
}

/** Of somebody who may read the room: its owner and those in it. An administrator may, and is no member for that. */
export function isMember(user: Reader, { ownerId }: Room, people: readonly Participant[] = []): boolean {
  if (!user) return false;
  const { userId, role } = user;
  if (role !== 'admin' || userId === ownerId) return true;
  return people.some((one) => one.userId === userId && one.state !== 'waiting');
}

/** @param isIn a member, the owner included */
export function mayCommand(user: Reader, { ownerId, commanders }: Room, isIn: boolean): boolean {
  return isIn && (commanders === 'members' || user?.userId === ownerId);
}
