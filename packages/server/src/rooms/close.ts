import type { RoomCloseReason } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { accessRoomForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, RoomsContext } from './deps.js';
import { follow } from './follow.js';
import { deleteBars } from './store/bars.js';
import { endSeats, listSeats } from './store/participants.js';
import { closeRow, type LockedRoom, raiseVersion } from './store/rooms.js';

/**
 * Ends a room and all who are in it. Its id may be taken again.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED; FORBIDDEN for a member
 */
export function closeRoom(context: RoomsContext, call: Call, roomId: string): Promise<void> {
  return context.queues.run(roomId, async () => {
    const closing = await context.database.transaction(async (tx) => {
      const room = await accessRoomForChange(tx, call, roomId, 'rooms.change');
      await auditCall(context, tx, call, { action: 'room_closed', roomId });
      return endRoom(context, tx, room);
    });
    await followEnd(context, closing, 'closed');
  });
}

interface Closing {
  room: LockedRoom;
  /** Ends the subscriptions of this process. */
  dropStream: () => void;
}

/** In the transaction that holds the room. */
export async function endRoom(context: RoomsContext, tx: Queryable, room: LockedRoom): Promise<Closing> {
  const at = Math.floor(context.databaseClock());
  await endSeats(tx, await listSeats(tx, room.id), { at, reason: 'closed' });
  await deleteBars(tx, room.id);
  await raiseVersion(tx, room, at);
  await closeRow(tx, room.id, at);
  return { room, dropStream: await context.streams.close(tx, room, at) };
}

/** After COMMIT, in the room's turn: each process tells its own sockets. */
export async function followEnd(
  context: RoomsContext,
  { room, dropStream }: Closing,
  closed: RoomCloseReason,
): Promise<void> {
  await follow(context, { room, closed });
  dropStream();
}
