import type { Screen } from '@bongsu/protocol';
import { accessScreenForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, ScreensContext } from './deps.js';
import { updateScreenName } from './store/screens.js';
import { toScreen } from './views.js';

/** @throws SCREEN_NOT_FOUND; FORBIDDEN for a controller */
export async function renameScreen(
  context: ScreensContext,
  call: Call,
  screenId: string,
  { name }: { name: string },
): Promise<Screen> {
  const row = await context.database.transaction(async (tx) => {
    const found = await accessScreenForChange(tx, call, screenId, 'screens.change');
    await updateScreenName(tx, screenId, name);
    await auditCall(context, tx, call, {
      action: 'screen_renamed',
      target: { type: 'screen', ref: screenId },
    });
    return { ...found, name };
  });
  return toScreen(context, row);
}
