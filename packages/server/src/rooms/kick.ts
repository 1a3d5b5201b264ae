import { BongsuError } from '@bongsu/protocol';
import { accessRoomForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, RoomsContext } from './deps.js';
import { follow } from './follow.js';
import { insertBar } from './store/bars.js';
import { endSeats, findSeat, listSeatsOf } from './store/participants.js';
import { raiseVersion } from './store/rooms.js';

/**
 * Puts somebody out, with all their seats, and keeps them out until they are admitted again or the room ends.
 * @throws PARTICIPANT_NOT_FOUND, ROOM_NOT_FOUND, ROOM_CLOSED; FORBIDDEN for a member, and for the owner as the one to go
 */
export function kick(
  context: RoomsContext,
  call: Call,
  roomId: string,
  participantId: string,
): Promise<void> {
  return context.queues.run(roomId, async () => {
    const { room, seats } = await context.database.transaction(async (tx) => {
      const room = await accessRoomForChange(tx, call, roomId, 'rooms.change');
      const seat = await findSeat(tx, room.id, participantId);
      if (!seat) throw new BongsuError('PARTICIPANT_NOT_FOUND');
      const { userId } = seat;
      if (userId === room.ownerId) throw new BongsuError('FORBIDDEN', { details: { reason: 'owner' } });
      const seats = await listSeatsOf(tx, room.id, userId);
      const at = Math.floor(context.databaseClock());
      await endSeats(tx, seats, { at, reason: 'kicked' });
      await insertBar(tx, { room: room.id, userId, participantId, byUser: call.user.userId, at });
      await raiseVersion(tx, room, at);
      await auditCall(context, tx, call, {
        action: 'room_participant_kicked',
        roomId,
        data: { participantId, userId },
      });
      return { room, seats };
    });
    await follow(context, { room, ended: seats.map((seat) => seat.participantId) }, 'kicked');
  });
}
