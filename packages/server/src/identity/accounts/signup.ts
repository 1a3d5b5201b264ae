import { BongsuError } from '@bongsu/protocol';
import type { Origin } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { loginTransaction } from '../logins/login-transaction.js';
import { anonymousFailure, openLogin, ownEvent, type SignedInLogin } from '../logins/sign-in.js';
import { assertAcceptablePassword } from '../passwords/acceptable.js';
import { findCredentials } from '../store/users.js';
import { asConflict, createAccount } from './accounts.js';
import { awaitVerification } from './pending-signup.js';

export interface SignupInput {
  /** Normalised. */
  email: string;
  password: string;
  username: string;
}

/**
 * A new account, signed in; or, with EMAIL_VERIFICATION=required, a mail to the address, whether or not it is taken.
 * @throws FORBIDDEN when sign-up is closed, VALIDATION_ERROR naming password, CONFLICT for a taken address, BUSY
 */
export async function signup(
  core: Core,
  input: SignupInput,
  origin: Origin,
): Promise<SignedInLogin | 'verification-required'> {
  const { signup: state, emailVerification, serviceName } = core.config;
  if (state === 'closed') throw new BongsuError('FORBIDDEN');
  assertAcceptablePassword(input.password, { ...input, serviceName });
  if (emailVerification === 'off') return signUpAtOnce(core, input, origin);
  const { email, username } = input;
  // Hashed in any case, so that a taken address costs the same.
  const passwordHash = await core.passwords.hash(input.password);
  core.errands.add('signup', () => awaitVerification(core, { email, username, passwordHash }, origin));
  return 'verification-required';
}

async function signUpAtOnce(core: Core, input: SignupInput, origin: Origin): Promise<SignedInLogin> {
  const { email, username } = input;
  const taken = await findCredentials(core.database, core.people().indexOf(email));
  if (taken) return refuseTaken(core, origin, taken.id);
  const passwordHash = await core.passwords.hash(input.password);
  try {
    return await loginTransaction(core, async (tx) => {
      const account = { email, username, passwordHash, role: 'user', signedIn: true } as const;
      const user = await createAccount(core, tx, account);
      const signedIn = await openLogin(core, tx, user, email, { rememberMe: false, origin });
      const { sessionId } = signedIn.login;
      await core.recordAudit(tx, ownEvent('user_created', { userId: user.id, sessionId }, origin));
      return signedIn;
    });
  } catch (thrown) {
    const error = asConflict(thrown);
    if (error !== thrown) return refuseTaken(core, origin);
    throw error;
  }
}

async function refuseTaken(core: Core, origin: Origin, userId?: string): Promise<never> {
  await core.recordAudit(core.database, anonymousFailure('user_created', 'address-taken', origin, userId));
  throw new BongsuError('CONFLICT', { details: { reason: 'address-taken' } });
}
