import type { RoomsContext } from './deps.js';
import { hears } from './room-access.js';

/**
 * Who came back to the room, has taken no seat and is a member no more hears it no more. To be called when memory knows of the change,
 * whoever made it. Never rejects: whoever cannot be asked for is turned away and may join.
 */
export async function turnAwayStrangers(
  { access, feed, log }: Pick<RoomsContext, 'access' | 'feed' | 'log'>,
  roomId: string,
): Promise<void> {
  for (const user of feed.guestsOf(roomId)) {
    try {
      if (hears(await access.role(user, roomId))) continue;
    } catch (error) {
      log.warn({ err: error, roomId }, 'who came back to a room could not be asked for');
    }
    feed.turnAway(roomId, user.userId);
  }
}
