import { AuthenticationError } from '@bongsu/protocol';
import type { Origin } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { type LoginTransaction, loginTransaction } from '../logins/login-transaction.js';
import { anonymousFailure, ownEvent } from '../logins/sign-in.js';
import { hashMailToken } from '../mail/links.js';
import {
  findResetOwner,
  lockPasswordOwner,
  markEmailVerified,
  revokeApiKeys,
  useResetToken,
} from '../store/passwords.js';
import { assertAcceptablePassword } from './acceptable.js';
import { type ChangedPassword, contextOf, replacePassword } from './change.js';

/**
 * A new password, by somebody who reads the mail of the address. Ends all logins and opens none: logging in asks for the second
 * factor as ever. A password that is refused leaves the link usable.
 * @throws AUTH_ERROR for a link that is wrong, old or used; VALIDATION_ERROR naming password; BUSY
 */
export async function resetPassword(
  core: Core,
  { token, password }: { token: string; password: string },
  origin: Origin,
): Promise<ChangedPassword> {
  const hash = hashMailToken(token);
  const owner = await findResetOwner(core.database, hash, core.now());
  if (!owner) return refuse(core, origin);
  assertAcceptablePassword(password, contextOf(core, owner));
  const passwordHash = await core.passwords.hash(password);
  const reset = await loginTransaction(core, async (tx) => {
    const locked = await lockPasswordOwner(tx, owner.id);
    if (!locked || !(await useResetToken(tx, hash, core.now()))) return undefined;
    const ended = locked.emailVerifiedAt === null ? await revokePlantedKeys(core, tx, owner.id) : [];
    await markEmailVerified(tx, owner.id, core.now());
    const event = ownEvent('authn_password_reset', { userId: owner.id }, origin);
    const data = ended.length === 0 ? {} : { data: { apiKeys: ended.join(' ') } };
    await core.recordAudit(tx, { ...event, ...data });
    return replacePassword(core, tx, owner.id, passwordHash);
  });
  if (reset === undefined) return refuse(core, origin, owner.id);
  core.notices.send('password-reset', owner.id);
  const email = core.people().addressOf(owner);
  // What strangers, or the owner who forgot it, got wrong was about a password that is no more.
  await core.lockout.forgive(email, origin);
  return { userId: owner.id, email, passwordChangedAt: reset };
}

/**
 * Nobody had shown yet that the address is theirs: whoever signed up with it may have been a stranger, and left keys as a way
 * back in (GHSA-qq9h-g4jm-xgf3). The second factor stays: with it gone, reading somebody's mail would be enough to sign in
 * (ASVS 6.4.3).
 */
async function revokePlantedKeys(core: Core, tx: LoginTransaction, userId: string): Promise<string[]> {
  const ids = await revokeApiKeys(tx, userId, core.now());
  await tx.announceAll('api-key', ids, 'deleted');
  return ids;
}

async function refuse(core: Core, origin: Origin, userId?: string): Promise<never> {
  await core.recordAudit(
    core.database,
    anonymousFailure('authn_password_reset_fail', 'link', origin, userId),
  );
  throw new AuthenticationError();
}
