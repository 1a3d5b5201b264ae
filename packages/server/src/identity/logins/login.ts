import { AuthenticationError, BongsuError, EmailSchema, type MfaChallenge } from '@bongsu/protocol';
import type { Origin } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { openChallenge } from '../mfa/challenge.js';
import {
  type CredentialRow,
  findCredentials,
  lockCredentials,
  recordLogin,
  replacePasswordHash,
} from '../store/users.js';
import { loginTransaction } from './login-transaction.js';
import { anonymousFailure, openLogin, ownEvent, type SignedInLogin } from './sign-in.js';

export interface LoginInput {
  /** As typed. */
  email: string;
  password: string;
  rememberMe: boolean;
}

/**
 * The same answer and the same work for an unknown address, a wrong password and a disabled account. Where a second factor is
 * on, a right password gets a challenge and nothing else.
 * @throws AUTH_ERROR, BUSY with retryAfterMs
 */
export async function login(
  core: Core,
  input: LoginInput,
  origin: Origin,
): Promise<SignedInLogin | MfaChallenge> {
  const email = normalise(input.email);
  const found = await findCredentials(core.database, core.people().indexOf(email));
  const right = await checkPassword(core, input.password, found);
  const signedIn =
    right && found?.passwordHash ? await open(core, found, { ...input, email }, origin) : undefined;
  if (signedIn) {
    core.metrics.login('mfaRequired' in signedIn ? 'challenge' : 'success');
    return signedIn;
  }
  core.metrics.login('failure');
  await core.recordAudit(
    core.database,
    anonymousFailure('authn_login_fail', 'credentials', origin, found?.id),
  );
  throw new AuthenticationError();
}

/** An address that cannot be one is looked for like any other, and nobody has it. */
function normalise(typed: string): string {
  const parsed = EmailSchema.safeParse(typed);
  return parsed.success ? parsed.data : typed;
}

async function checkPassword(
  core: Core,
  password: string,
  found: CredentialRow | undefined,
): Promise<boolean> {
  try {
    return await core.passwords.verify(password, found?.passwordHash);
  } catch (error) {
    if (error instanceof BongsuError && error.code === 'BUSY') core.metrics.login('busy');
    throw error;
  }
}

/** Undefined when the account was disabled, or its password changed while this one was being checked. */
async function open(
  core: Core,
  found: CredentialRow,
  { email, password, rememberMe }: LoginInput,
  origin: Origin,
): Promise<SignedInLogin | MfaChallenge | undefined> {
  const { passwordHash } = found;
  if (passwordHash === null || found.status !== 'active') return undefined;
  const rehashed = core.passwords.needsRehash(passwordHash) ? await core.passwords.hash(password) : undefined;
  return loginTransaction(core, async (tx) => {
    const user = await lockCredentials(tx, found.id, passwordHash);
    if (!user) return undefined;
    if (await core.mfa.isOn(user.id, tx)) {
      if (rehashed !== undefined) await replacePasswordHash(tx, user.id, rehashed);
      const credential = { userId: user.id, passwordHash: rehashed ?? passwordHash, rememberMe };
      await core.recordAudit(tx, ownEvent('authn_mfa_challenge', { userId: user.id }, origin));
      return openChallenge(core, tx, credential);
    }
    const lastLogin = core.now();
    await recordLogin(tx, user.id, lastLogin, rehashed);
    const signedIn = await openLogin(core, tx, { ...user, lastLogin }, email, { rememberMe, origin });
    const { sessionId } = signedIn.login;
    await core.recordAudit(tx, ownEvent('authn_login_success', { userId: user.id, sessionId }, origin));
    return signedIn;
  });
}
