import type { LeaveReason } from '@bongsu/protocol';
import type { RoomsContext } from './deps.js';
import type { RoomMove, SeatMove } from './live-room.js';
import { roomGroup } from './seat.js';

type Told = Pick<RoomsContext, 'attendance' | 'groups' | 'node' | 'push'>;
type ReasonOf = (participantId: string) => Promise<LeaveReason>;

/**
 * Tells the sockets of this process what became of a room that it follows. Every process does so by itself, from what it knew and
 * what the rows say now: so nobody is told twice, or of a going without the coming, whoever made the change and whether or not that
 * one ever learnt that it had. To be called in the room's turn.
 */
export async function tellMoves(
  context: Told,
  moves: readonly RoomMove[],
  reasonOf: ReasonOf,
): Promise<void> {
  for (const move of moves) {
    if ('room' in move) {
      const { room, what } = move;
      context.groups.emitHere(roomGroup(room), `room-${what}`, { roomId: room.roomId });
    } else if (move.what !== 'released') await tellMove(context, move, reasonOf);
  }
}

/** The socket of the seat learns of it otherwise. */
async function tellMove(
  context: Told,
  move: Exclude<SeatMove, { what: 'released' }>,
  reasonOf: ReasonOf,
): Promise<void> {
  const { groups } = context;
  const { seat, row } = move;
  const { participantId, userId, username } = seat;
  const event = { roomId: seat.room.roomId, participantId, userId, username };
  const group = roomGroup(seat.room);
  if (row.state === 'waiting') await tellModerators(context, move, event, reasonOf);
  else if (move.what === 'came') groups.emitHere(group, 'user-joined', event, row.socketId);
  else if (move.what === 'lost') groups.emitHere(group, 'user-reconnecting', event, row.socketId);
  else if (move.what === 'returned')
    groups.emitHere(group, 'user-returned', { ...event, resumed: move.resumed }, row.socketId);
  else {
    const reason = await reasonOf(participantId);
    groups.emitHere(group, 'user-left', { ...event, reason }, row.socketId);
  }
}

/**
 * Of who only waits: the owner wherever they are connected, by the process that has the socket which waits; administrators where they
 * are in the room, by each process its own.
 */
async function tellModerators(
  { attendance, groups, node, push }: Told,
  { what, seat, row }: Exclude<SeatMove, { what: 'released' }>,
  event: { roomId: string; participantId: string; userId: string; username: string },
  reasonOf: ReasonOf,
): Promise<void> {
  const { ownerId } = seat.room;
  const isOurs = row.incarnation === node.incarnation;
  const admins = attendance.adminsIn(event.roomId).filter(({ user }) => user.userId !== ownerId);
  if (!isOurs && admins.length === 0) return;
  if (what === 'waits') {
    if (isOurs) push.toUser(ownerId, 'user-waiting', event);
    for (const { socketId } of admins) groups.emitTo(socketId, 'user-waiting', event);
    return;
  }
  const left = { ...event, reason: await reasonOf(event.participantId) };
  if (isOurs) push.toUser(ownerId, 'user-left', left);
  for (const { socketId } of admins) groups.emitTo(socketId, 'user-left', left);
}
