import { auditSystem } from './audit.js';
import { endRoom, followEnd } from './close.js';
import type { RoomsContext } from './deps.js';
import { forEachDue } from './due.js';
import { findOverdue, listOverdueRooms } from './store/rooms.js';

/** Closes rooms that nobody has been in for a while, or in which nothing has happened for long. */
export async function closeOverdueRooms(context: RoomsContext): Promise<void> {
  const { config, database } = context;
  const now = Math.floor(context.databaseClock());
  const since = { empty: now - config.emptyGraceMs, active: now - config.idleMs };
  await forEachDue(context, 'end', await listOverdueRooms(database, since), {
    async change(tx, room) {
      const reason = await findOverdue(tx, room.id, since);
      if (!reason) return undefined;
      await auditSystem(context, tx, { action: 'room_closed', roomId: room.roomId, data: { reason } });
      return { reason, end: await endRoom(context, tx, room) };
    },
    follow: ({ end, reason }) => followEnd(context, end, reason),
  });
}
