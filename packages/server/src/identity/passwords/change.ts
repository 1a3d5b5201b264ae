import { AuthenticationError, ValidationError } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { endLogins } from '../logins/end-logins.js';
import { type LoginTransaction, loginTransaction } from '../logins/login-transaction.js';
import { assertLoginOpen } from '../logins/open-login.js';
import { ownEvent } from '../logins/sign-in.js';
import {
  findPasswordOwner,
  type PasswordOwner,
  setPassword,
  voidChallenges,
  voidResetTokens,
} from '../store/passwords.js';
import { lockCredentials } from '../store/users.js';
import { assertAcceptablePassword, type PasswordContext } from './acceptable.js';
import { isOwnPassword } from './own-password.js';

/** Whose password is a new one, and since when: what a browser is remembered by. */
export interface ChangedPassword {
  userId: string;
  email: string;
  passwordChangedAt: number;
}

export interface PasswordChange {
  currentPassword: string;
  password: string;
}

/**
 * A new password, by somebody who knows the present one. All other logins end, with their sockets; this one goes on. A wrong
 * present password is a fault of the input and no AUTH_ERROR: that would tell an SDK that its login is over.
 * @throws VALIDATION_ERROR naming currentPassword or password; TOKEN_REVOKED; RATE_LIMIT after ten wrong ones; BUSY
 */
export async function changePassword(
  core: Core,
  principal: UserPrincipal,
  { currentPassword, password }: PasswordChange,
  origin: Origin,
): Promise<ChangedPassword> {
  const owner = await findPasswordOwner(core.database, principal.userId);
  if (!owner) throw new AuthenticationError('TOKEN_REVOKED');
  assertAcceptablePassword(password, contextOf(core, owner));
  if (!(await isOwnPassword(core, owner, currentPassword, { principal, origin })))
    return refuse(core, principal, origin);
  if (password.normalize('NFKC') === currentPassword.normalize('NFKC')) {
    throw new ValidationError([{ path: 'password', message: 'must be another one than before' }]);
  }
  const passwordHash = await core.passwords.hash(password);
  const changed = await loginTransaction(core, async (tx) => {
    // Undefined when another change was first: the password that was checked is not the present one any more.
    if (!(await lockCredentials(tx, owner.id, owner.passwordHash ?? ''))) return undefined;
    await assertLoginOpen(tx, principal.sessionId);
    await core.recordAudit(tx, ownEvent('authn_password_change', principal, origin));
    return replacePassword(core, tx, owner.id, passwordHash, principal.sessionId);
  });
  if (changed === undefined) return refuse(core, principal, origin);
  core.notices.send('password-changed', owner.id);
  return { userId: owner.id, email: core.people().addressOf(owner), passwordChangedAt: changed };
}

/** What every new password brings with it, in the transaction that holds the user's row. Answers since when it is. */
export async function replacePassword(
  core: Core,
  tx: LoginTransaction,
  userId: string,
  passwordHash: string,
  keptSession?: string,
): Promise<number> {
  const at = core.now();
  await setPassword(tx, userId, passwordHash, at);
  await voidResetTokens(tx, userId, at);
  await voidChallenges(tx, userId, at);
  await endLogins(core, tx, userId, {
    reason: 'password',
    ...(keptSession === undefined ? {} : { except: keptSession }),
  });
  return at;
}

export function contextOf(core: Core, owner: PasswordOwner): PasswordContext {
  const { serviceName } = core.config;
  return { email: core.people().addressOf(owner), username: owner.username, serviceName };
}

async function refuse(core: Core, principal: UserPrincipal, origin: Origin): Promise<never> {
  await core.recordAudit(core.database, {
    ...ownEvent('authn_password_change_fail', principal, origin),
    outcome: 'failure',
    reason: 'credentials',
  });
  throw new ValidationError([{ path: 'currentPassword', message: 'is not right' }]);
}
