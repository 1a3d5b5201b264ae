import { BongsuError, type Screen, ValidationError } from '@bongsu/protocol';
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
  const rows = await listRows(context.database, {
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

function encodeCursor(row: ScreenRow): string {
  return Buffer.from(`${row.createdAt}:${row.id}`).toString('base64url');
}

function decodeCursor(cursor: string): ScreenPosition {
  const [, createdAt, id] =
    /^(\d{1,15}):(\w{1,100})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
  }
  return { createdAt: Number(createdAt), id };
}
