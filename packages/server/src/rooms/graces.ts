import type { Queryable } from '../platform/database/database.js';
import type { RoomRow, RoomsContext } from './deps.js';
import { forEachDue } from './due.js';
import { follow } from './follow.js';
import type { RoomChange } from './live-rooms.js';
import { forgetEndedNodes, listRoomsOfDead, listSeatsOfDead, type Survey } from './store/dead-processes.js';
import {
  endSeats,
  keepSeats,
  type LostSeat,
  listOverdueSeats,
  listRoomsWithOverdueSeats,
  type SeatRow,
} from './store/participants.js';
import { type LockedRoom, raiseVersion } from './store/rooms.js';

/** Ends the seats to which nobody came back in time. */
export async function endGraces(context: RoomsContext): Promise<void> {
  const now = Math.floor(context.databaseClock());
  await forEachDue(context, 'grace', await listRoomsWithOverdueSeats(context.database, now), {
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
 * @param isFirst also those that were being kept already: nobody could come back while no server ran
 */
export async function adoptSeats(context: RoomsContext, isFirst = false): Promise<void> {
  const { database, node } = context;
  const now = Math.floor(context.databaseClock());
  const survey: Survey = { incarnation: node.incarnation, now, withReconnecting: isFirst };
  await forEachDue(context, 'process', await listRoomsOfDead(database, survey), {
    async change(tx, room) {
      const seats = await listSeatsOfDead(tx, room.id, survey);
      if (seats.length === 0) return undefined;
      const lost = seats.map(({ livedUntil, ...seat }) => ({ ...seat, goneAt: seat.goneAt ?? livedUntil }));
      const waited = lost.filter(({ state }) => state === 'waiting');
      return { change: await keepLost(context, tx, room, lost), waited };
    },
    async follow({ change, waited }) {
      await follow(context, change);
      await tellOwner(context, change.room, waited);
    },
  });
  await forgetEndedNodes(database, now);
}

/** Of those who waited at a process that cannot tell any more that they do not. */
async function tellOwner(
  { push, users }: RoomsContext,
  { ownerId, roomId }: RoomRow,
  waited: readonly SeatRow[],
): Promise<void> {
  if (waited.length === 0) return;
  const names = await users.usernames(waited.map(({ userId }) => userId));
  for (const { participantId, userId } of waited) {
    const username = names.get(userId) ?? '';
    push.toUser(ownerId, 'user-left', { roomId, participantId, userId, username, reason: 'left' });
  }
}

/** Of sockets that are gone: their seats are kept from now on, and who waited does so no more. */
export async function keepLost(
  context: RoomsContext,
  tx: Queryable,
  room: LockedRoom,
  lost: readonly LostSeat[],
): Promise<RoomChange> {
  const now = Math.floor(context.databaseClock());
  const graceUntil = now + context.config.graceMs;
  const waiting = lost.filter(({ state }) => state === 'waiting');
  for (const seat of waiting) await endSeats(tx, [seat], { at: seat.goneAt, reason: 'left' });
  const seats = await keepSeats(
    tx,
    lost.filter(({ state }) => state !== 'waiting'),
    graceUntil,
  );
  await raiseVersion(tx, room, now);
  if (seats.length > 0) context.expectAt(graceUntil);
  return { room, seats, ended: waiting.map(({ participantId }) => participantId) };
}
