import type { Origin } from '../../platform/principal.js';
import { auditOrigin } from '../audit-origin.js';
import type { Core } from '../core.js';
import { findSession } from '../store/sessions.js';
import { loginTransaction } from './login-transaction.js';
import { actorOf } from './sessions.js';

/** Ends one login: its refresh token, its access tokens and its sockets. Ending it twice is no fault. */
export async function logout(core: Core, sessionId: string, origin: Origin): Promise<void> {
  const row = await findSession(core.database, sessionId);
  if (!row) return;
  await loginTransaction(core, async (tx) => {
    if (!(await tx.end(sessionId, 'logout'))) return;
    await core.recordAudit(tx, {
      action: 'authn_logout',
      outcome: 'success',
      actor: { ...actorOf(row), ...auditOrigin(origin).actor },
      ...auditOrigin(origin).request,
    });
  });
}
