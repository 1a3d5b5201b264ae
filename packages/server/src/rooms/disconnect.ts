import type { Queryable } from '../platform/database/database.js';
import type { Departure, Departures } from './departures.js';
import type { RoomsContext } from './deps.js';
import { follow } from './follow.js';
import { keepLost } from './graces.js';
import type { RoomChange } from './live-rooms.js';
import { listSeatsOfSockets } from './store/participants.js';
import { lockRoom } from './store/rooms.js';

/**
 * The socket is gone: its seats are kept for the grace, and it waits no longer. What is written is bound to this very socket: a seat
 * that a newer one holds is let be. Never rejects; it is tried again while the database is away.
 */
export async function disconnect(
  context: RoomsContext,
  departures: Departures,
  socketId: string,
): Promise<void> {
  context.feed.disconnected(socketId);
  const goneAt = Math.floor(context.databaseClock());
  const rooms = context.attendance.takeVisits(socketId);
  for (const roomId of rooms) noteGone(context, roomId, socketId);
  await Promise.all(rooms.map((roomId) => departures.add(roomId, { socketId, goneAt })));
}

/** Writes that those sockets are gone, and whoever else is by the time it comes to the database. @returns how many */
export async function writeDepartures(
  context: RoomsContext,
  roomId: string,
  gone: readonly Departure[],
): Promise<number> {
  // At once, however long the database takes.
  leaveAll(context, roomId, gone);
  const { written, change } = await context.database.transaction(async (tx) => {
    const departures = [...gone];
    leaveAll(context, roomId, departures);
    return { written: departures.length, change: await giveUp(context, tx, roomId, departures) };
  });
  if (change) await follow(context, change);
  return written;
}

/** What is said to the seat waits from now on, however long it takes until the row says that its socket is gone. */
function noteGone({ live }: RoomsContext, roomId: string, socketId: string): void {
  const seat = live.here(roomId)?.seatOf(socketId);
  if (seat) seat.goneSocketId = socketId;
}

/** Also of the join that was under way when its socket went. */
function leaveAll(context: RoomsContext, roomId: string, gone: readonly Departure[]): void {
  for (const { socketId } of gone) {
    noteGone(context, roomId, socketId);
    const presence = context.attendance.ofSocket(roomId, socketId);
    if (presence) context.attendance.leave(presence);
  }
}

async function giveUp(
  context: RoomsContext,
  tx: Queryable,
  roomId: string,
  departures: readonly Departure[],
): Promise<RoomChange | undefined> {
  const goneAt = new Map(departures.map((departure) => [departure.socketId, departure.goneAt]));
  const { incarnation } = context.node;
  const room = await lockRoom(tx, roomId);
  const held = room ? await listSeatsOfSockets(tx, room.id, incarnation, [...goneAt.keys()]) : [];
  const lost = held.filter(({ state }) => state !== 'reconnecting');
  if (!room || lost.length === 0) return undefined;
  return keepLost(
    context,
    tx,
    room,
    lost.map((seat) => ({ ...seat, goneAt: goneAt.get(seat.socketId) ?? seat.joinedAt })),
  );
}
