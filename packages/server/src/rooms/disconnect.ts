import { sleep } from '../platform/clock.js';
import type { RoomsContext } from './deps.js';
import { follow } from './follow.js';
import { endSeats, findSeatOfSocket, keepSeats } from './store/participants.js';
import { lockRoom, raiseVersion } from './store/rooms.js';

const RETRY_MS = 1000;

/**
 * The socket is gone: its seats are kept for the grace, and it waits no longer. What is written is bound to this very socket: a seat
 * that a newer one holds is let be. Never rejects; until the signal it is tried again while the database is away.
 */
export async function disconnect(
  context: RoomsContext,
  socketId: string,
  signal: AbortSignal,
): Promise<void> {
  context.feed.disconnected(socketId);
  const goneAt = Math.floor(context.databaseClock());
  const rooms = context.attendance.takeVisits(socketId);
  for (const roomId of rooms) noteGone(context, roomId, socketId);
  await Promise.all(rooms.map((roomId) => untilWritten(context, { roomId, socketId, goneAt }, signal)));
}

/** What is said to the seat waits from now on, however long it takes until the row says that its socket is gone. */
function noteGone({ live }: RoomsContext, roomId: string, socketId: string): void {
  const seat = live.here(roomId)?.seatOf(socketId);
  if (seat) seat.goneSocketId = socketId;
}

interface Going {
  roomId: string;
  socketId: string;
  goneAt: number;
}

async function untilWritten(context: RoomsContext, going: Going, signal: AbortSignal): Promise<void> {
  for (let isFirst = true; isFirst || !signal.aborted; isFirst = false) {
    try {
      return await context.queues.run(going.roomId, () => giveUp(context, going));
    } catch (error) {
      if (isFirst) {
        const { roomId } = going;
        context.log.warn({ err: error, roomId }, 'that a participant is gone could not be written yet');
      }
      await sleep(context.clock, RETRY_MS, signal).catch(() => undefined);
    }
  }
}

async function giveUp(context: RoomsContext, { roomId, socketId, goneAt }: Going): Promise<void> {
  const { attendance, config, database, databaseClock, node } = context;
  // Once more, for the join that was under way.
  noteGone(context, roomId, socketId);
  const presence = attendance.ofSocket(roomId, socketId);
  if (presence) attendance.leave(presence);
  const gone = await database.transaction(async (tx) => {
    const room = await lockRoom(tx, roomId);
    const seat = room && (await findSeatOfSocket(tx, room.id, { incarnation: node.incarnation, socketId }));
    if (!room || !seat || seat.state === 'reconnecting') return undefined;
    const now = Math.floor(databaseClock());
    const graceUntil = now + config.graceMs;
    if (seat.state === 'waiting') await endSeats(tx, [seat], { at: goneAt, reason: 'left' });
    const kept = seat.state === 'joined' ? await keepSeats(tx, [seat], { goneAt, graceUntil }) : [];
    await raiseVersion(tx, room, now);
    return { room, kept, ended: kept.length === 0 ? [seat] : [], graceUntil };
  });
  if (!gone) return;
  const { room, kept, ended } = gone;
  if (kept.length > 0) context.expectAt(gone.graceUntil);
  await follow(context, { room, seats: kept, ended: ended.map(({ participantId }) => participantId) });
}
