import type { RoomRow } from '../../src/rooms/deps.js';
import type { Seat } from '../../src/rooms/seat.js';
import { SENDER } from './commands.js';
import type { Room } from './rooms.js';

/** A room's row, of a stream that a test opened. */
export function roomRow({ roomId, streamId, generation }: Room, over: Partial<RoomRow> = {}): RoomRow {
  return {
    id: streamId * 1000 + generation,
    roomId,
    streamId,
    generation,
    name: 'A room',
    ownerId: SENDER,
    maxUsers: 10,
    locked: false,
    lobby: false,
    persistent: false,
    commanders: 'owner',
    version: 1,
    createdAt: 0,
    ...over,
  };
}

export function seatIn(room: RoomRow, participantId: string, socketId: string | undefined): Seat {
  return {
    room,
    participantId,
    userId: SENDER,
    username: 'Ada',
    number: 1,
    joinedAt: 0,
    state: socketId === undefined ? 'reconnecting' : 'joined',
    socketId,
    instanceId: undefined,
    incarnation: 'this',
    holder: 'socket',
    heldSince: 1,
    pageSince: 1,
    signaling: undefined,
  };
}
