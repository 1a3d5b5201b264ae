import type { RoomsContext } from './deps.js';
import { follow } from './follow.js';
import type { Seat } from './seat.js';
import { findSeat, writeSignaling } from './store/participants.js';
import { lockRoom, raiseVersion } from './store/rooms.js';

/** Writes in which words somebody signals, where they did not say so when they joined. Never throws; memory knows it already. */
export function keepWords(context: RoomsContext, { room, participantId, signaling }: Seat): void {
  const { database, log, queues } = context;
  const { roomId } = room;
  const work = async () => {
    const change = await database.transaction(async (tx) => {
      const locked = await lockRoom(tx, roomId);
      const row = locked && (await findSeat(tx, locked.id, participantId));
      if (!locked || !row || row.signaling !== null || signaling === undefined) return undefined;
      const seats = [await writeSignaling(tx, row, signaling)];
      await raiseVersion(tx, locked, Math.floor(context.databaseClock()));
      return { room: locked, seats };
    });
    if (change) await follow(context, change);
  };
  queues
    .run(roomId, work)
    .catch((error: unknown) => log.warn({ err: error, roomId }, 'how somebody signals could not be written'));
}
