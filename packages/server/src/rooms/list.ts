import { BongsuError, type Kicked, type Participant, type Room, ValidationError } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { accessRoom, isModerator } from './access.js';
import type { Call, RoomRow, RoomsContext } from './deps.js';
import { listBarsAfter } from './store/bars.js';
import { listSeatsAfter } from './store/participants.js';
import { findLastView, findView, listViews, type RoomView } from './store/room-views.js';

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/**
 * The open rooms that the caller owns or is in, the newest first; everybody's only for an admin who says `all`.
 * @throws FORBIDDEN for `all` from anybody else; VALIDATION_ERROR for a cursor that is none
 */
export async function listRooms(
  { database, reads = database }: RoomsContext,
  call: Call,
  query: { cursor?: string | undefined; limit: number; all: boolean },
): Promise<Page<Room>> {
  if (query.all && call.user.role !== 'admin') throw new BongsuError('FORBIDDEN');
  const views = await listViews(reads, {
    userId: query.all ? null : call.user.userId,
    before: decodeCursor(query.cursor),
    // One more than asked tells whether there is a next page.
    limit: query.limit + 1,
  });
  const { items, nextCursor } = toPage(views, query.limit, ({ id }) => id);
  return { items: items.map(toRoom), nextCursor };
}

/**
 * A room, for who is in it; a closed one for its owner and administrators.
 * @throws ROOM_NOT_FOUND
 */
export async function getRoom({ database }: RoomsContext, call: Call, roomId: string): Promise<Room> {
  const last = await findLastView(database, roomId);
  if (last?.status === 'closed' && isModerator(call.user, last.ownerId)) return toRoom(last);
  return viewRoom(database, await accessRoom(database, call, roomId, 'rooms.read'));
}

/** That very room: meanwhile another one of its id may have been made. @throws ROOM_NOT_FOUND */
export async function viewRoom(db: Queryable, { id }: Pick<RoomRow, 'id'>): Promise<Room> {
  const view = await findView(db, id);
  if (!view) throw new BongsuError('ROOM_NOT_FOUND');
  return toRoom(view);
}

/**
 * Who is in a room, in the order in which they came; to those who may admit also who waits for it.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED; VALIDATION_ERROR for a cursor that is none
 */
export async function listParticipants(
  { database, users }: RoomsContext,
  call: Call,
  roomId: string,
  query: { cursor?: string | undefined; limit: number },
): Promise<Page<Participant>> {
  const after = decodeCursor(query.cursor);
  const room = await accessRoom(database, call, roomId, 'rooms.read');
  const seats = await listSeatsAfter(database, {
    ...{ room: room.id, after, limit: query.limit + 1 },
    withWaiting: isModerator(call.user, room.ownerId),
  });
  const { items, nextCursor } = toPage(seats, query.limit, ({ number }) => number);
  const names = await users.usernames([...new Set(items.map(({ userId }) => userId))]);
  return {
    items: items.map(({ participantId, userId, state, joinedAt }) => {
      return { participantId, userId, username: names.get(userId) ?? '', state, joinedAt };
    }),
    nextCursor,
  };
}

/**
 * Who was kicked and not admitted since, in that order.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED; FORBIDDEN for a member; VALIDATION_ERROR for a cursor that is none
 */
export async function listKicked(
  { database, users }: RoomsContext,
  call: Call,
  roomId: string,
  query: { cursor?: string | undefined; limit: number },
): Promise<Page<Kicked>> {
  const after = decodeCursor(query.cursor);
  const room = await accessRoom(database, call, roomId, 'rooms.kicked');
  const bars = await listBarsAfter(database, { room: room.id, after, limit: query.limit + 1 });
  const { items, nextCursor } = toPage(bars, query.limit, ({ id }) => id);
  const names = await users.usernames(items.map(({ userId }) => userId));
  return {
    items: items.map(({ participantId, userId, at }) => {
      return { participantId, userId, username: names.get(userId) ?? '', kickedAt: at };
    }),
    nextCursor,
  };
}

function toRoom({ id: _, ...room }: RoomView): Room {
  return room;
}

function toPage<Item>(rows: readonly Item[], limit: number, keyOf: (item: Item) => number): Page<Item> {
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, nextCursor: last ? Buffer.from(String(keyOf(last))).toString('base64url') : null };
}

function decodeCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const [digits] = /^\d{1,15}$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (digits === undefined)
    throw new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
  return Number(digits);
}
