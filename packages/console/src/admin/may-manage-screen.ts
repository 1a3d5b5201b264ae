import type { Screen, User } from '@bongsu/protocol';

/** Owners and administrators: they also see what others sent to the screen, and its dead letters. */
export function mayManageScreen(user: User | null | undefined, screen: Pick<Screen, 'owner'>): boolean {
  return user?.role === 'admin' || (user !== undefined && user?.userId === screen.owner.userId);
}
