import type { DeviceCredential } from '@bongsu/protocol';
import { accessScreenForChange } from './access.js';
import { auditCall } from './audit.js';
import type { Call, ScreensContext } from './deps.js';
import { closePairings } from './store/pairings.js';

/**
 * A new credential for the screen's device. Earlier ones end, and with them the pairing that may still be under way.
 * @throws SCREEN_NOT_FOUND; FORBIDDEN for anybody but the owner
 */
export async function issueCredential(
  context: ScreensContext,
  call: Call,
  screenId: string,
): Promise<DeviceCredential> {
  const credential = await context.database.transaction(async (tx) => {
    await accessScreenForChange(tx, call, screenId, 'screens.credential');
    await closePairings(tx, screenId, Math.floor(context.databaseClock()));
    const issued = await context.identity.issueDeviceCredential(tx, screenId);
    await auditCall(context, tx, call, {
      action: 'screen_credential_issued',
      target: { type: 'screen', ref: screenId },
    });
    return issued;
  });
  context.push.closeScreen(screenId, 'TOKEN_REVOKED');
  return credential;
}
