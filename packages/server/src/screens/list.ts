import { BongsuError, type Screen, type ScreenRoom, ValidationError } from '@bongsu/protocol';
import { accessScreen } from './access.js';
import type { Call, ScreensContext } from './deps.js';
import { listScreens as listRows, type ScreenPosition, type ScreenRow } from './store/screens.js';
import { toScreen, toScreens } from './views.js';

export interface ScreenPage {
  items: Screen[];
  nextCursor: string | null;
}

/**
 * The caller's own and controlled screens, the newest first; everybody's only for an admin who says `all`.
 * @throws FORBIDDEN for `all` from anybody else; VALIDATION_ERROR for a cursor that is none
 */
export async function listScreens(
  context: ScreensContext,
  call: Call,
  query: { cursor?: string | undefined; limit: number; all: boolean },
): Promise<ScreenPage> {
  if (query.all && call.user.role !== 'admin') throw new BongsuError('FORBIDDEN');
  const rows = await listRows(context.reads ?? context.database, {
    userId: query.all ? null : call.user.userId,
    after: query.cursor === undefined ? undefined : decodeCursor(query.cursor),
    // One more than asked tells whether there is a next page.
    limit: query.limit + 1,
  });
  const page = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return { items: await toScreens(context, page), nextCursor: last ? encodeCursor(last) : null };
}

/** @throws SCREEN_NOT_FOUND */
export async function getScreen(context: ScreensContext, call: Call, screenId: string): Promise<Screen> {
  return toScreen(context, await accessScreen(context.database, call, screenId, 'screens.read'));
}

/**
 * The rooms that command a screen, and who put it there.
 * @throws SCREEN_NOT_FOUND; FORBIDDEN for a controller; VALIDATION_ERROR for a cursor that is none
 */
export async function listScreenRooms(
  context: ScreensContext,
  call: Call,
  screenId: string,
  query: { cursor?: string | undefined; limit: number },
): Promise<{ items: ScreenRoom[]; nextCursor: string | null }> {
  const after = query.cursor === undefined ? undefined : decodeKey(query.cursor);
  const { streamId } = await accessScreen(context.database, call, screenId, 'screens.rooms');
  const rows = await context.inbox.listRoomsOfScreen(streamId, { after, limit: query.limit + 1 });
  const page = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  const names = await context.users.usernames([...new Set(page.map(({ addedBy }) => addedBy))]);
  return {
    items: page.map(({ roomId, addedBy, addedAt }) => {
      return { roomId, addedBy: { userId: addedBy, username: names.get(addedBy) ?? '' }, addedAt };
    }),
    nextCursor: last ? Buffer.from(String(last.key)).toString('base64url') : null,
  };
}

function decodeKey(cursor: string): number {
  const [digits] = /^\d{1,15}$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (digits === undefined) throw badCursor();
  return Number(digits);
}

function badCursor(): ValidationError {
  return new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
}

function encodeCursor(row: ScreenRow): string {
  return Buffer.from(`${row.createdAt}:${row.id}`).toString('base64url');
}

function decodeCursor(cursor: string): ScreenPosition {
  const [, createdAt, id] =
    /^(\d{1,15}):(\w{1,100})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (createdAt === undefined || id === undefined) throw badCursor();
  return { createdAt: Number(createdAt), id };
}
