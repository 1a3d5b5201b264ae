import { AuthenticationError } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { ownEvent } from '../logins/sign-in.js';
import { isOwnPassword } from '../passwords/own-password.js';
import { findPasswordHash } from '../store/users.js';

/**
 * The password of somebody who is signed in.
 * @returns its hash: what was right a moment ago may be another by the time it is acted on
 * @throws AUTH_ERROR; RATE_LIMIT after ten wrong ones in 15 minutes; BUSY
 */
export async function assertOwnPassword(
  core: Core,
  principal: UserPrincipal,
  password: string,
  origin: Origin,
): Promise<string> {
  const { userId: id } = principal;
  const passwordHash = await findPasswordHash(core.database, id);
  const isRight = await isOwnPassword(core, { id, passwordHash }, password, { principal, origin });
  if (isRight && passwordHash) return passwordHash;
  const event = { ...ownEvent('authn_password_fail', principal, origin), outcome: 'failure' } as const;
  await core.recordAudit(core.database, { ...event, reason: 'credentials' });
  throw new AuthenticationError();
}
