import type { Screen } from '@bongsu/protocol';
import type { ScreensContext } from './deps.js';
import type { ScreenRow } from './store/screens.js';

/** Rows as they are answered: with names and online state. One look-up of names for all. */
export async function toScreens(context: ScreensContext, rows: readonly ScreenRow[]): Promise<Screen[]> {
  const userIds = new Set(rows.flatMap((row) => [row.ownerId, ...row.controllers]));
  const [names, online] = await Promise.all([
    context.users.usernames([...userIds]),
    context.presence.onlineOf(rows.map((row) => row.id)),
  ]);
  const person = (userId: string) => ({ userId, username: names.get(userId) ?? '' });
  return rows.map((row) => ({
    screenId: row.id,
    name: row.name,
    online: online.has(row.id),
    owner: person(row.ownerId),
    // Somebody who is no longer here commands nothing.
    controllers: row.controllers.filter((userId) => names.has(userId)).map(person),
    createdAt: row.createdAt,
    lastConnectedAt: row.lastConnectedAt,
    pending: row.pending,
    desired: row.desired,
    reported: row.reported,
  }));
}

export async function toScreen(context: ScreensContext, row: ScreenRow): Promise<Screen> {
  const [screen] = await toScreens(context, [row]);
  if (!screen) throw new Error('one row in, one screen out');
  return screen;
}
