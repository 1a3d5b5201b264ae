import { createHash } from 'node:crypto';
import {
  type Created,
  type CreateRoomBodySchema,
  type CreateRoomSchema,
  type Joined,
  type Room,
  RoomSchema,
} from '@bongsu/protocol';
import type { z } from 'zod';
import type { Queryable } from '../platform/database/database.js';
import { prefixedId } from '../platform/ids.js';
import { auditCall } from './audit.js';
import type { Call, RoomsContext } from './deps.js';
import { insertNewSeat, type SocketCall } from './join.js';
import { visit } from './joins.js';
import { holderOf } from './returns.js';
import { beSeated } from './seated.js';
import { insertRoom, type LockedRoom } from './store/rooms.js';

type RoomInput = z.output<typeof CreateRoomBodySchema>;

/**
 * Makes a room of the caller, who joins it unless they say otherwise.
 * @throws CONFLICT when a room of that id is open; RATE_LIMIT
 */
export async function createAndJoin(
  context: RoomsContext,
  call: SocketCall,
  { join, signaling, ...input }: z.output<typeof CreateRoomSchema>,
): Promise<Joined | Created> {
  const { database } = context;
  const roomId = input.roomId ?? prefixedId('room');
  return visit(context, call, roomId, async () => {
    await enforceLimit(context, call);
    const made = await database.transaction(async (tx) => {
      const room = await addRoom(context, tx, call, { ...input, roomId });
      // Its end has been looked after already, if it is gone.
      if (!join || call.socket.signal.aborted) return { room, seat: undefined };
      const holder = holderOf(context, call, signaling);
      return { room, seat: await insertNewSeat(context, tx, call, room, { holder, waits: false }) };
    });
    context.counts.created();
    const { room, seat } = made;
    if (!seat) return { roomId };
    // Waiting is for those who come to somebody else's.
    return beSeated(context, room, { seat, how: 'new', call }) as Promise<Joined>;
  });
}

/**
 * Makes a room of the caller, with nobody in it. With an Idempotency-Key a repeated call answers the first one's room.
 * @throws CONFLICT when a room of that id is open; IDEMPOTENCY_CONFLICT, RATE_LIMIT
 */
export async function createRoom(
  context: RoomsContext,
  call: Call,
  input: RoomInput,
  idempotencyKey?: string,
): Promise<Room> {
  // Under a key it is asked whether the room is made already, which counts as none.
  if (idempotencyKey === undefined) await enforceLimit(context, call);
  const { room, isNew } = await context.database.transaction(async (tx) =>
    idempotencyKey === undefined
      ? { room: await addAndView(context, tx, call, input), isNew: true }
      : createOnce(context, tx, call, input, idempotencyKey),
  );
  if (isNew) context.counts.created();
  return room;
}

async function createOnce(context: RoomsContext, tx: Queryable, call: Call, input: RoomInput, key: string) {
  const { idempotency } = context;
  const scope = `rooms:${call.user.userId}`;
  const { roomId = null, name, maxUsers, lobby, persistent, commanders } = input;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([roomId, name, maxUsers, lobby, persistent, commanders]))
    .digest();
  const known = await idempotency.register(tx, scope, key, fingerprint);
  if (known.status === 'known') return { room: RoomSchema.parse(known.result), isNew: false };
  await enforceLimit(context, call);
  const room = await addAndView(context, tx, call, input);
  await idempotency.saveResult(tx, scope, key, room);
  return { room, isNew: true };
}

async function addAndView(
  context: RoomsContext,
  tx: Queryable,
  call: Call,
  { roomId = prefixedId('room'), ...settings }: RoomInput,
): Promise<Room> {
  const { createdAt } = await addRoom(context, tx, call, { roomId, ...settings });
  return {
    roomId,
    ownerId: call.user.userId,
    status: 'open',
    ...settings,
    locked: false,
    participants: 0,
    waiting: 0,
    screens: [],
    createdAt,
    endedAt: null,
  };
}

async function addRoom(
  context: RoomsContext,
  tx: Queryable,
  call: Call,
  { roomId, name, maxUsers, lobby, persistent, commanders }: RoomInput & { roomId: string },
): Promise<LockedRoom> {
  const { streamId, generation } = await context.streams.open(tx, roomId);
  const room = await insertRoom(tx, {
    ...{ roomId, streamId, generation, name, maxUsers, lobby, persistent, commanders },
    ownerId: call.user.userId,
    createdAt: Math.floor(context.databaseClock()),
  });
  await auditCall(context, tx, call, { action: 'room_created', roomId });
  return room;
}

function enforceLimit({ config, limiter }: RoomsContext, { user }: Call): Promise<void> {
  return limiter.enforceLimit('rooms', user.userId, { limit: config.createsPerMinute, windowMs: 60_000 });
}
