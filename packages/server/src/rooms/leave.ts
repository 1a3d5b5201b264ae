import { auditCall } from './audit.js';
import type { RoomsContext } from './deps.js';
import { follow } from './follow.js';
import type { SocketCall } from './join.js';
import { endSeats, findSeatOfSocket } from './store/participants.js';
import { lockRoom, raiseVersion } from './store/rooms.js';

/** Ends the socket's seat, or its waiting. Success also for who is not there any more. */
export async function leaveRoom(context: RoomsContext, call: SocketCall, roomId: string): Promise<void> {
  const { attendance, database, databaseClock, node, queues } = context;
  // What is nowhere must not ask the database.
  if (!attendance.isVisiting(call.socket.id, roomId)) return;
  await queues.run(roomId, async () => {
    // Nor what was left by an earlier call, of which there may be many.
    if (!attendance.isVisiting(call.socket.id, roomId)) return;
    const holder = { incarnation: node.incarnation, socketId: call.socket.id };
    const left = await database.transaction(async (tx) => {
      const room = await lockRoom(tx, roomId);
      const seat = room && (await findSeatOfSocket(tx, room.id, holder));
      if (!room || !seat) return undefined;
      const now = Math.floor(databaseClock());
      await endSeats(tx, [seat], { at: now, reason: 'left' });
      await raiseVersion(tx, room, now);
      await auditCall(context, tx, call, { action: 'room_left', roomId });
      return { room, seat };
    });
    const presence = attendance.ofSocket(roomId, call.socket.id);
    if (presence) attendance.leave(presence);
    if (!left) return;
    const { room, seat } = left;
    await follow(context, { room, ended: [seat.participantId] });
  });
}
