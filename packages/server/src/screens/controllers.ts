import { BongsuError, type Screen } from '@bongsu/protocol';
import { accessScreen, accessScreenForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, ScreensContext } from './deps.js';
import { deleteController, insertController } from './store/screens.js';
import { toScreen } from './views.js';

/** Every answer lists them all. */
const MAX_CONTROLLERS = 100;

/**
 * Lets a user command a screen. Doing it twice, or for the owner, changes nothing.
 * @throws SCREEN_NOT_FOUND; FORBIDDEN for a controller; NOT_FOUND for an unknown user; CONFLICT beyond 100
 */
export async function addController(
  context: ScreensContext,
  call: Call,
  screenId: string,
  userId: string,
): Promise<Screen> {
  // Before the user is looked up, so that a stranger learns nothing about users either.
  await accessScreen(context.database, call, screenId, 'screens.change');
  if (!(await context.users.usernames([userId])).has(userId)) throw new BongsuError('NOT_FOUND');
  await context.database.transaction(async (tx) => {
    const row = await accessScreenForChange(tx, call, screenId, 'screens.change');
    if (userId === row.ownerId || row.controllers.includes(userId)) return;
    if (row.controllers.length >= MAX_CONTROLLERS) {
      throw new BongsuError('CONFLICT', { details: { maxControllers: MAX_CONTROLLERS } });
    }
    const grantedAt = Math.floor(context.databaseClock());
    await insertController(tx, { screenId, userId, grantedBy: call.user.userId, grantedAt });
    await auditCall(context, tx, call, {
      action: 'screen_controller_added',
      target: { type: 'screen', ref: screenId },
      data: { userId },
    });
  });
  return changedScreen(context, call, screenId);
}

/**
 * Takes the right back, and the screen out of the rooms that they put it into; done already is done.
 * @throws SCREEN_NOT_FOUND; FORBIDDEN for a controller
 */
export async function removeController(
  context: ScreensContext,
  call: Call,
  screenId: string,
  userId: string,
): Promise<Screen> {
  await context.database.transaction(async (tx) => {
    const { streamId } = await accessScreenForChange(tx, call, screenId, 'screens.change');
    if (!(await deleteController(tx, screenId, userId))) return;
    const rooms = await context.inbox.takeFromRooms(tx, { addedBy: userId, only: [streamId] });
    await auditCall(context, tx, call, {
      action: 'screen_controller_removed',
      target: { type: 'screen', ref: screenId },
      data: { userId, rooms },
    });
  });
  return changedScreen(context, call, screenId);
}

async function changedScreen(context: ScreensContext, call: Call, screenId: string): Promise<Screen> {
  context.rights.changed(screenId);
  return toScreen(context, await accessScreen(context.database, call, screenId, 'screens.read'));
}
