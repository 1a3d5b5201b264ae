import type { Joined, LeaveReason } from '@bongsu/protocol';
import { sleep } from '../platform/clock.js';
import type { Evictions, Presence } from './attendance.js';
import type { RoomsContext } from './deps.js';
import { turnAwayStrangers } from './guests.js';
import { toJoined } from './joined.js';
import type { RoomMove } from './live-room.js';
import type { RoomChange, RoomHint } from './live-rooms.js';
import type { Seat } from './seat.js';
import { findEndReason, findSeat, heldBy, takeSeats } from './store/participants.js';
import { lockRoom, raiseVersion } from './store/rooms.js';
import { tellMoves } from './tell.js';

const RETRY_MS = 1000;

/** What a change means for this process: to be called in the room's turn, after the commit. */
export async function follow(
  context: RoomsContext,
  change: RoomChange,
  reason: LeaveReason = 'left',
): Promise<void> {
  const moves = await context.live.apply(change);
  const ended = new Set(change.ended);
  if (ended.size > 0) await turnAwayStrangers(context, change.room.roomId);
  await carryOut(context, change.room.roomId, moves, {
    closed: change.closed,
    reasonOf: async (id) => (ended.has(id) ? reason : reasonInSql(context, id)),
  });
  release(context, change.room.roomId);
  context.live.publish(change);
}

/** Another process changed the room, or a hint of it may have been missed. */
export async function followHint(context: RoomsContext, hint: RoomHint): Promise<void> {
  const moves = await context.live.catchUp(hint);
  await turnAwayStrangers(context, hint.roomId);
  await carryOut(context, hint.roomId, moves, {
    closed: hint.closed,
    reasonOf: (id) => reasonInSql(context, id),
  });
  release(context, hint.roomId);
}

/** A room in which nobody here has a seat any more. */
export function release(context: RoomsContext, roomId: string): void {
  for (const move of context.live.release(roomId)) signal(context, move);
}

/** Puts out who has no seat any more, tells the others what happened, lets in who has one now. */
export async function carryOut(
  context: RoomsContext,
  roomId: string,
  moves: readonly RoomMove[],
  evictions: Evictions = { reasonOf: (id) => reasonInSql(context, id) },
): Promise<void> {
  const { admitted, lost } = await context.attendance.settle(roomId, evictions);
  await tellMoves(context, moves, evictions.reasonOf);
  for (const presence of admitted) await letIn(context, presence);
  for (const presence of lost) retake(context, presence);
  for (const move of moves) signal(context, move);
}

function signal(context: RoomsContext, move: RoomMove): void {
  const { attendance, node, signals } = context;
  if (move.what === 'gone' || move.what === 'released') signals.gone(move.seat);
  if (move.what !== 'returned' && move.what !== 'came') return;
  const { seat, row } = move;
  if (row.incarnation !== node.incarnation) {
    if (move.what === 'returned') signals.returned(seat, move);
  } else if (attendance.find(seat.room.roomId, seat.participantId, row.socketId)?.position)
    arrive(context, seat);
}

/** The seat's socket is in its groups. */
function arrive({ signals }: RoomsContext, seat: Seat): void {
  const { arriving } = seat;
  delete seat.arriving;
  if (arriving === 'new') signals.arrived(seat);
  else if (arriving) signals.returned(seat, arriving);
}

/** Others took this process for dead, but the socket is here: it has its seat back. */
function retake(context: RoomsContext, { roomId, participantId, socketId }: Presence): void {
  const { attendance, database, log, node, queues } = context;
  const work = async () => {
    if (!attendance.find(roomId, participantId, socketId)) return;
    const taken = await database.transaction(async (tx) => {
      const room = await lockRoom(tx, roomId);
      const seat = room && (await findSeat(tx, room.id, participantId));
      if (!room || seat?.state !== 'reconnecting' || seat.socketId !== socketId) return undefined;
      const seats = [heldBy(seat, { ...seat, incarnation: node.incarnation })];
      await takeSeats(tx, seats);
      await raiseVersion(tx, room, Math.floor(context.databaseClock()));
      return { room, seats };
    });
    if (taken) await follow(context, taken);
  };
  queues
    .run(roomId, work)
    .catch((error: unknown) => log.warn({ err: error, roomId }, 'a seat could not be taken back yet'));
}

/** Somebody who waited here has a seat now. */
async function letIn(context: RoomsContext, presence: Presence): Promise<void> {
  try {
    const joined = await takePlace(context, presence);
    if (joined) context.groups.emitTo(presence.socketId, 'admitted', joined);
  } catch (error) {
    // The next look tries again.
    const { roomId } = presence;
    context.log.warn({ err: error, roomId }, 'somebody who was admitted could not be let in yet');
  }
}

/**
 * Gives the socket the room and its stream. Who is there is answered as this process knows it: of every change to that it will be told.
 * @returns undefined when it has no seat
 */
export async function takePlace(context: RoomsContext, presence: Presence): Promise<Joined | undefined> {
  const { attendance, live } = context;
  const room = live.here(presence.roomId);
  const seat = room?.seat(presence.participantId);
  if (!room || !seat) return undefined;
  const position = await attendance.attach(presence, seat);
  if (seat.socketId === presence.socketId) arrive(context, seat);
  return toJoined(context, { room, own: seat, isAdmin: presence.isAdmin() }, position);
}

/** Asked again until it is known: a guess could tell who was kicked that they only lost the connection. */
async function reasonInSql(
  { clock, database, log, stopping }: RoomsContext,
  participantId: string,
): Promise<LeaveReason> {
  for (;;) {
    try {
      return (await findEndReason(database, participantId)) ?? 'replaced';
    } catch (error) {
      log.warn({ err: error }, 'why somebody is out of a room could not be read yet');
      await sleep(clock, RETRY_MS, stopping);
    }
  }
}
