import { BongsuError } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { isEnoughFor, type ScreenRightName } from '../platform/rights.js';
import { roleOf } from './authorize.js';
import type { Call } from './deps.js';
import { findScreen, lockScreen, type ScreenRow } from './store/screens.js';

/**
 * The screen, for somebody who has that right over it.
 * @throws SCREEN_NOT_FOUND for one that is unknown or somebody else's; FORBIDDEN for one that the caller sees, but as less
 */
export async function accessScreen(
  db: Queryable,
  call: Call,
  screenId: string,
  right: ScreenRightName,
): Promise<ScreenRow> {
  const row = await findScreen(db, screenId);
  const role = row && roleOf(call.user, row.ownerId, (userId) => row.controllers.includes(userId));
  if (!row || !role) throw new BongsuError('SCREEN_NOT_FOUND');
  if (!isEnoughFor(right, role)) throw new BongsuError('FORBIDDEN');
  return row;
}

/** As `accessScreen`, and nobody else changes the screen until the transaction ends. */
export async function accessScreenForChange(
  tx: Queryable,
  call: Call,
  screenId: string,
  right: ScreenRightName,
): Promise<ScreenRow> {
  // Locked in a statement of its own, so that the next one sees what the holder before us wrote.
  await lockScreen(tx, screenId);
  return accessScreen(tx, call, screenId, right);
}
