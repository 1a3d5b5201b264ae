import type { ChangeRoomSchema, Room } from '@bongsu/protocol';
import type { z } from 'zod';
import { accessRoomForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, RoomsContext } from './deps.js';
import { follow } from './follow.js';
import { viewRoom } from './list.js';
import { type RoomSettings, raiseVersion, updateSettings } from './store/rooms.js';

/**
 * Changes a room's settings. Nobody is put out by a smaller `maxUsers`, and who waits goes on waiting.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED; FORBIDDEN for a member
 */
export function changeRoom(
  context: RoomsContext,
  call: Call,
  roomId: string,
  change: z.output<typeof ChangeRoomSchema>,
): Promise<Room> {
  return context.queues.run(roomId, async () => {
    const room = await context.database.transaction(async (tx) => {
      const found = await accessRoomForChange(tx, call, roomId, 'rooms.change');
      const now = Math.floor(context.databaseClock());
      const settings = changed(found, change);
      await updateSettings(tx, found.id, settings, now);
      await raiseVersion(tx, found, now);
      await auditCall(context, tx, call, { action: 'room_changed', roomId });
      return { ...found, ...settings };
    });
    await follow(context, { room });
    return viewRoom(context.database, room);
  });
}

function changed(room: RoomSettings, change: z.output<typeof ChangeRoomSchema>): RoomSettings {
  return {
    name: change.name ?? room.name,
    maxUsers: change.maxUsers ?? room.maxUsers,
    lobby: change.lobby ?? room.lobby,
    persistent: change.persistent ?? room.persistent,
    commanders: change.commanders ?? room.commanders,
  };
}
