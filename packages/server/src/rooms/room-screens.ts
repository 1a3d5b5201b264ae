import { BongsuError } from '@bongsu/protocol';
import { accessRoom, isModerator } from './access.js';
import { auditCall } from './audit.js';
import type { Call, RoomsContext } from './deps.js';
import { findScreenOfRoom } from './store/room-screens.js';
import { findOpenRoom } from './store/rooms.js';

type Context = Pick<RoomsContext, 'database' | 'databaseClock' | 'recordAudit' | 'streams' | 'screens'>;

/**
 * Lets a screen be commanded from a room: the consent of who commands it and is in the room, or owns it. Doing it twice changes nothing.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED, SCREEN_NOT_FOUND; FORBIDDEN for an administrator who is not in the room; CONFLICT beyond 1,000
 */
export async function addRoomScreen(
  context: Context,
  call: Call,
  roomId: string,
  screenId: string,
): Promise<void> {
  // Whoever may post is in it, or owns it; an administrator may read every room.
  const room = await accessRoom(context.database, call, roomId, 'rooms.post');
  const screen = await context.screens.authorizeCommand(call.user, screenId);
  if (!screen) throw new BongsuError('SCREEN_NOT_FOUND');
  await context.database.transaction(async (tx) => {
    const addedAt = Math.floor(context.databaseClock());
    const added = { streamId: screen.streamId, addedBy: call.user.userId, addedAt };
    if (!(await context.streams.addScreen(tx, room, added))) return;
    await auditCall(context, tx, call, { action: 'room_screen_added', roomId, data: { screenId } });
  });
}

/**
 * Takes it back, from either side: who commands the screen, whatever they are to the room, and the room's owner and administrators.
 * Done already is done.
 * @throws ROOM_NOT_FOUND; FORBIDDEN for a member of the room who does not command the screen
 */
export async function removeRoomScreen(
  context: Context,
  call: Call,
  roomId: string,
  screenId: string,
): Promise<void> {
  const room = await findOpenRoom(context.database, roomId);
  const isOfScreen = (await context.screens.authorizeCommand(call.user, screenId)) !== undefined;
  if (!room || !(isOfScreen || isModerator(call.user, room.ownerId))) {
    await accessRoom(context.database, call, roomId, 'rooms.read');
    throw new BongsuError('FORBIDDEN');
  }
  await context.database.transaction(async (tx) => {
    const streamId = await findScreenOfRoom(tx, room.streamId, screenId);
    if (streamId === undefined || !(await context.streams.removeScreen(tx, room, streamId))) return;
    await auditCall(context, tx, call, { action: 'room_screen_removed', roomId, data: { screenId } });
  });
}
