import { BongsuError } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { accessRoomForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, RoomsContext } from './deps.js';
import { follow } from './follow.js';
import { assertRoomLeft } from './join.js';
import { deleteBar } from './store/bars.js';
import { admitSeat, findSeat, type SeatRow } from './store/participants.js';
import { type LockedRoom, raiseVersion } from './store/rooms.js';

/**
 * Lets somebody in from the lobby, or lets somebody who was kicked join again. Who is in already stays.
 * @throws PARTICIPANT_NOT_FOUND also for who has left; ROOM_FULL, ROOM_NOT_FOUND, ROOM_CLOSED; FORBIDDEN for a member
 */
export function admit(
  context: RoomsContext,
  call: Call,
  roomId: string,
  participantId: string,
): Promise<void> {
  return context.queues.run(roomId, async () => {
    const admitted = await context.database.transaction(async (tx) => {
      const room = await accessRoomForChange(tx, call, roomId, 'rooms.change');
      const seat = await findSeat(tx, room.id, participantId);
      if (seat && seat.state !== 'waiting') return undefined;
      if (!seat && !(await deleteBar(tx, room.id, participantId)))
        throw new BongsuError('PARTICIPANT_NOT_FOUND');
      await auditCall(context, tx, call, {
        action: 'room_participant_admitted',
        roomId,
        data: { participantId },
      });
      return seat && { room, seat: await letIn(context, tx, room, seat) };
    });
    if (admitted) await follow(context, { room: admitted.room, seats: [admitted.seat] });
  });
}

async function letIn(
  context: RoomsContext,
  tx: Queryable,
  room: LockedRoom,
  seat: SeatRow,
): Promise<SeatRow> {
  await assertRoomLeft(tx, room);
  const now = Math.floor(context.databaseClock());
  // Later than all who are there: theirs is the impolite side.
  const admitted = await admitSeat(tx, seat, { number: room.joins + 1, joinedAt: now });
  await raiseVersion(tx, room, now, 1);
  return admitted;
}
