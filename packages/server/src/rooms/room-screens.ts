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
  const room = await accessRoom(context.database, call, roomId, 'rooms.screens');
  await context.database.transaction(async (tx) => {
    const screen = await context.screens.holdCommanded(tx, call.user, screenId);
    if (!screen) throw new BongsuError('SCREEN_NOT_FOUND');
    const addedAt = Math.floor(context.databaseClock());
    const added = { streamId: screen.streamId, addedBy: call.user.userId, addedAt };
    if (!(await context.streams.addScreen(tx, room, added))) return;
    await auditCall(context, tx, call, { action: 'room_screen_added', roomId, data: { screenId } });
  });
}

/**
 * Takes it back, from either side: who commands the screen, whatever they are to a room that has it, and the room's owner and
 * administrators. Done already is done.
 * @throws ROOM_NOT_FOUND; FORBIDDEN for a member of the room who does not command the screen
 */
export async function removeRoomScreen(
  context: Context,
  call: Call,
  roomId: string,
  screenId: string,
): Promise<void> {
  const room = await findOpenRoom(context.database, roomId);
  const streamId = room && (await findScreenOfRoom(context.database, room.streamId, screenId));
  const isOfScreen = (await context.screens.authorizeCommand(call.user, screenId)) !== undefined;
  if (!room || streamId === undefined || !isOfScreen) {
    const { ownerId } = await accessRoom(context.database, call, roomId, 'rooms.read');
    if (!isOfScreen && !isModerator(call.user, ownerId)) throw new BongsuError('FORBIDDEN');
  }
  if (!room || streamId === undefined) return;
  await context.database.transaction(async (tx) => {
    if (!(await context.streams.removeScreen(tx, room, streamId))) return;
    await auditCall(context, tx, call, { action: 'room_screen_removed', roomId, data: { screenId } });
  });
}
