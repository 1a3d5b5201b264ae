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
import type { KnownDevice } from './known-devices.js';
import type { Attempt } from './lockout.js';
import { loginTransaction } from './login-transaction.js';
import { anonymousFailure, openLogin, ownEvent, type SignedInLogin } from './sign-in.js';

export interface LoginInput {
  /** Normalised, where it can be an address at all. */
  email: string;
  password: string;
  rememberMe: boolean;
  /** What the browser's cookie says of this address. */
  devices: readonly KnownDevice[];
  /** Called with each name that the attempt counts by; what it throws refuses it. */
  count?(key: string): Promise<void>;
}

/**
 * The same answer and the same work for an unknown address, a wrong password and a disabled account. Where a second factor is
 * on, a right password gets a challenge and nothing else.
 * @throws AUTH_ERROR; ACCOUNT_LOCKED, RATE_LIMIT, BUSY with retryAfterMs
 */
export async function login(
  core: Core,
  input: LoginInput,
  origin: Origin,
): Promise<SignedInLogin | MfaChallenge> {
  const attempt = await reserve(core, input, origin);
  let found: CredentialRow | undefined;
  let signedIn: SignedInLogin | MfaChallenge | undefined;
  try {
    found = await findCredentials(core.database, core.people().indexOf(input.email));
    const right = await checkPassword(core, input.password, found);
    signedIn = right && found?.passwordHash ? await open(core, found, input, origin) : undefined;
  } catch (error) {
    await attempt.abandoned();
    throw error;
  }
  if (signedIn) {
    await attempt.succeeded();
    core.metrics.login('mfaRequired' in signedIn ? 'challenge' : 'success');
    return signedIn;
  }
  await attempt.failed(found?.id);
  core.metrics.login('failure');
  await core.recordAudit(
    core.database,
    anonymousFailure('authn_login_fail', 'credentials', origin, found?.id),
  );
  throw new AuthenticationError();
}

/** An address that cannot be one is looked for like any other, and nobody has it. */
export function normalise(typed: string): string {
  const parsed = EmailSchema.safeParse(typed);
  return parsed.success ? parsed.data : typed;
}

async function reserve(core: Core, { email, devices, count }: LoginInput, origin: Origin): Promise<Attempt> {
  const lane = devices.length === 0 ? undefined : () => knownDevice(core, email, devices);
  try {
    return await core.lockout.reserve({ subject: email, origin, lane, count });
  } catch (error) {
    if (error instanceof BongsuError) core.metrics.login(error.code === 'BUSY' ? 'busy' : 'locked');
    throw error;
  }
}

/** The id of the one that still counts: of who has the address now, and of their present password. */
async function knownDevice(
  core: Core,
  email: string,
  devices: readonly KnownDevice[],
): Promise<string | undefined> {
  const found = await findCredentials(core.database, core.people().indexOf(email));
  const changedAt = found?.passwordChangedAt ?? 0;
  return devices.find((one) => one.userId === found?.id && one.passwordChangedAt === changedAt)?.id;
}

async function checkPassword(
  core: Core,
  password: string,
  found: CredentialRow | undefined,
): Promise<boolean> {
  const kinds = await core.foreignHashes.kinds();
  try {
    return await core.passwords.verify(password, found?.passwordHash, kinds);
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
