import { AuthenticationError } from '@bongsu/protocol';
import { isDatabaseFault } from '../../platform/database/database.js';
import type { Origin } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { anonymousFailure, ownEvent } from '../logins/sign-in.js';
import { hashMailToken } from '../mail/links.js';
import { deletePendingSignupsLike, insertVerifiedUser, lockPendingSignup } from '../store/pending-signups.js';

/**
 * Makes the account of the sign-up whose link was opened, and voids all others of that address. Signs nobody in: who opened the
 * link need not be who chose the password.
 * @throws AUTH_ERROR for a link that is wrong, old or used, or whose address has been taken meanwhile
 */
export async function verifyEmail(core: Core, token: string, origin: Origin): Promise<void> {
  const made = await core.database
    .transaction(async (tx) => {
      const at = core.now();
      const pending = await lockPendingSignup(tx, hashMailToken(token), at);
      if (!pending) return false;
      await insertVerifiedUser(tx, pending.id, at);
      await deletePendingSignupsLike(tx, pending.id);
      await core.recordAudit(tx, ownEvent('user_created', { userId: pending.id }, origin));
      return true;
    })
    .catch((error: unknown) => {
      if (isDatabaseFault(error, 'unique')) return false;
      throw error;
    });
  if (made) return;
  await core.recordAudit(core.database, anonymousFailure('authn_email_verify_fail', 'link', origin));
  throw new AuthenticationError();
}
