import type { RoomsContext } from './deps.js';
import { forEachDue } from './due.js';
import { follow } from './follow.js';
import { forgetEndedNodes, listRoomsOfDead, listSeatsOfDead, type Survey } from './store/dead-processes.js';
import { endSeats, keepSeats, listOverdueSeats, listRoomsWithOverdueSeats } from './store/participants.js';
import { raiseVersion } from './store/rooms.js';

/** Ends the seats to which nobody came back in time. */
export async function endGraces(context: RoomsContext): Promise<void> {
  const now = Math.floor(context.databaseClock());
  await forEachDue(context, await listRoomsWithOverdueSeats(context.database, now), {
    async change(tx, room) {
      const seats = await listOverdueSeats(tx, room.id, now);
      if (seats.length === 0) return undefined;
      await endSeats(tx, seats, { at: now, reason: 'timeout' });
      await raiseVersion(tx, room, now);
      return { room, ended: seats.map((seat) => seat.participantId) };
    },
    follow: (change) => follow(context, change, 'timeout'),
  });
}

/**
 * Keeps the seats of processes that died for whoever comes back to them.
 * @param isStart also those that were being kept already: nobody could come back while no server ran
 */
export async function adoptSeats(context: RoomsContext, isStart = false): Promise<void> {
  const { config, database, node } = context;
  const now = Math.floor(context.databaseClock());
  const survey: Survey = { incarnation: node.incarnation, now, withReconnecting: isStart };
  await forEachDue(context, await listRoomsOfDead(database, survey), {
    async change(tx, room) {
      const seats = await listSeatsOfDead(tx, room.id, survey);
      if (seats.length === 0) return undefined;
      const waiting = seats.filter((seat) => seat.state === 'waiting');
      for (const seat of waiting) await endSeats(tx, [seat], { at: seat.livedUntil, reason: 'left' });
      const lost = seats
        .filter((seat) => seat.state !== 'waiting')
        .map(({ livedUntil, ...seat }) => ({ ...seat, goneAt: seat.goneAt ?? livedUntil }));
      const kept = await keepSeats(tx, lost, { goneAt: now, graceUntil: now + config.graceMs });
      await raiseVersion(tx, room, now);
      return { room, seats: kept, ended: waiting.map((seat) => seat.participantId) };
    },
    follow: (change) => follow(context, change),
  });
  await forgetEndedNodes(database);
}
