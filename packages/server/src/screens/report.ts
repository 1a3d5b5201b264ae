import { BongsuError } from '@bongsu/protocol';
import type { ScreenPrincipal } from '../platform/principal.js';
import type { ScreensContext } from './deps.js';
import { saveReported } from './store/displays.js';

/** A screen says what one of its displays shows. @throws SCREEN_NOT_FOUND when it was deleted meanwhile */
export async function report(
  { database, databaseClock }: Pick<ScreensContext, 'database' | 'databaseClock'>,
  screen: ScreenPrincipal,
  { displayIndex, url }: { displayIndex: number; url: string },
): Promise<void> {
  const at = Math.floor(databaseClock());
  const exists = await saveReported(database, { screenId: screen.screenId, displayIndex, url, at });
  if (!exists) throw new BongsuError('SCREEN_NOT_FOUND');
}
