import type { Origin } from '../../platform/principal.js';
import { auditOrigin } from '../audit-origin.js';
import type { Core } from '../core.js';
import { insertRevocation } from '../store/revocations.js';
import { findSession, revokeSession } from '../store/sessions.js';
import { revocationOf } from './revoke.js';
import { actorOf } from './sessions.js';

/** Ends one login: its refresh token, its access tokens and its sockets. Ending it twice is no fault. */
export async function logout(core: Core, sessionId: string, origin: Origin): Promise<void> {
  const row = await findSession(core.database, sessionId);
  if (!row) return;
  const at = core.now();
  const revocation = await core.database.transaction(async (tx) => {
    if (!(await revokeSession(tx, sessionId, 'logout', at))) return undefined;
    await core.recordAudit(tx, {
      action: 'authn_logout',
      outcome: 'success',
      actor: { ...actorOf(row), ...auditOrigin(origin).actor },
      ...auditOrigin(origin).request,
    });
    return insertRevocation(tx, revocationOf(core, 'session', sessionId, 'logout'));
  });
  if (revocation) core.feed.committed([revocation]);
}
