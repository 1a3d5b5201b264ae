import type { Queryable } from '../platform/database/database.js';
import type { Inboxes } from './deps.js';
import { listCommandedStreams } from './store/screens.js';

/**
 * Takes out of rooms what somebody put there by a right that they have lost: the role of an administrator, or all of them when they
 * are disabled. In the transaction in which they lose it.
 */
export async function takeBackScreens(
  inbox: Pick<Inboxes, 'takeFromRooms'>,
  tx: Queryable,
  userId: string,
  isDisabled: boolean,
): Promise<void> {
  const except = isDisabled ? [] : await listCommandedStreams(tx, userId);
  await inbox.takeFromRooms(tx, { addedBy: userId, except });
}
