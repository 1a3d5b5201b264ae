import type { Core } from '../core.js';
import { revokeUserSessions } from '../store/sessions.js';
import { UNWRITTEN_MS } from './liveness.js';
import type { LoginTransaction } from './login-transaction.js';

/** Ends the logins of a person that may still live, all or all but one; their sockets are cut once the transaction has committed. */
export async function endLogins(
  core: Pick<Core, 'now'>,
  tx: LoginTransaction,
  userId: string,
  { except, reason }: { except?: string; reason: string },
): Promise<void> {
  const which = { except: except ?? null, reason, at: core.now(), slackMs: UNWRITTEN_MS };
  const ids = await revokeUserSessions(tx, userId, which);
  await tx.announceAll('session', ids, reason);
}
