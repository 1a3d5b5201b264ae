import { accessScreenForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, ScreensContext } from './deps.js';
import { deleteScreen as deleteRow } from './store/screens.js';

/**
 * Deletes a screen: what waits for it is cancelled, its device is signed out and its socket closed.
 * @throws SCREEN_NOT_FOUND; FORBIDDEN for a controller
 */
export async function deleteScreen(context: ScreensContext, call: Call, screenId: string): Promise<void> {
  const tellSenders = await context.database.transaction(async (tx) => {
    const row = await accessScreenForChange(tx, call, screenId, 'screens.change');
    await context.identity.revokeDevice(tx, screenId);
    const afterCommit = await context.inbox.cancelInbox(
      tx,
      row.streamId,
      Math.floor(context.databaseClock()),
    );
    await deleteRow(tx, screenId);
    await auditCall(context, tx, call, {
      action: 'screen_deleted',
      target: { type: 'screen', ref: screenId },
    });
    return afterCommit;
  });
  context.rights.changed(screenId);
  tellSenders();
  context.push.closeScreen(screenId, 'TOKEN_REVOKED');
}
