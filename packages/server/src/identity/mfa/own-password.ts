import { AuthenticationError } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { ownEvent } from '../logins/sign-in.js';
import { findPasswordHash } from '../store/users.js';

/** The password of somebody who is signed in. @throws AUTH_ERROR, BUSY */
export async function assertOwnPassword(
  core: Core,
  principal: UserPrincipal,
  password: string,
  origin: Origin,
): Promise<void> {
  const passwordHash = await findPasswordHash(core.database, principal.userId);
  if (await core.passwords.verify(password, passwordHash)) return;
  const event = { ...ownEvent('authn_password_fail', principal, origin), outcome: 'failure' } as const;
  await core.recordAudit(core.database, { ...event, reason: 'credentials' });
  throw new AuthenticationError();
}
