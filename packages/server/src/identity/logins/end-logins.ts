import type { Core } from '../core.js';
import { revokeUserSessions } from '../store/sessions.js';
import type { LoginTransaction } from './login-transaction.js';

/** Ends the logins of a person, all or all but one; their sockets are cut once the transaction has committed. */
export async function endLogins(
  core: Pick<Core, 'now'>,
  tx: LoginTransaction,
  userId: string,
  { except, reason }: { except?: string; reason: string },
): Promise<void> {
  const ids = await revokeUserSessions(tx, userId, except ?? null, reason, core.now());
  for (const id of ids) await tx.announce('session', id, reason);
}
