import { accessRoomForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, RoomsContext } from './deps.js';
import { follow } from './follow.js';
import { raiseVersion, updateLocked } from './store/rooms.js';

/**
 * Nobody else joins a locked room; who has a seat keeps it.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED; FORBIDDEN for a member
 */
export function lockRoom(context: RoomsContext, call: Call, roomId: string): Promise<void> {
  return setLocked(context, call, roomId, true);
}

/** @throws ROOM_NOT_FOUND, ROOM_CLOSED; FORBIDDEN for a member */
export function unlockRoom(context: RoomsContext, call: Call, roomId: string): Promise<void> {
  return setLocked(context, call, roomId, false);
}

function setLocked(context: RoomsContext, call: Call, roomId: string, locked: boolean): Promise<void> {
  return context.queues.run(roomId, async () => {
    const changed = await context.database.transaction(async (tx) => {
      const room = await accessRoomForChange(tx, call, roomId, 'rooms.change');
      if (room.locked === locked) return undefined;
      await updateLocked(tx, room.id, locked);
      await raiseVersion(tx, room, Math.floor(context.databaseClock()));
      await auditCall(context, tx, call, { action: locked ? 'room_locked' : 'room_unlocked', roomId });
      return { ...room, locked };
    });
    if (changed) await follow(context, { room: changed });
  });
}
