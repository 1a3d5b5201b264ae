import { BongsuError } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { countWaiting } from './store/participants.js';
import type { LockedRoom } from './store/rooms.js';

/** As many may wait as there are seats, but in a small room too a crowd. */
const LEAST_LOBBY = 100;
/** Tabs and devices of one user. */
const MAX_OWN_WAITING = 5;

/** @throws ROOM_FULL, with `details.maxWaiting` or `details.maxOwnWaiting` */
export async function assertLobbyLeft(tx: Queryable, room: LockedRoom, userId: string): Promise<void> {
  const { all, own } = await countWaiting(tx, room.id, userId);
  const maxWaiting = Math.max(room.maxUsers, LEAST_LOBBY);
  if (own >= MAX_OWN_WAITING)
    throw new BongsuError('ROOM_FULL', { details: { maxOwnWaiting: MAX_OWN_WAITING } });
  if (all >= maxWaiting) throw new BongsuError('ROOM_FULL', { details: { maxWaiting } });
}
