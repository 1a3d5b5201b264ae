import { randomUUID } from 'node:crypto';
import { AuthenticationError, BongsuError, type MfaState, type TotpEnrolment } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import { totpSecretPlace } from '../accounts/people.js';
import type { Core } from '../core.js';
import { endLogins } from '../logins/end-logins.js';
import type { LoginTransaction } from '../logins/login-transaction.js';
import { assertLoginOpen } from '../logins/open-login.js';
import { ownEvent, PASSWORD_ONLY } from '../logins/sign-in.js';
import { recordProof } from '../store/logins.js';
import {
  activateFactor,
  countRecoveryCodes,
  deleteFactors,
  findFactor,
  replacePendingFactor,
  replaceRecoveryCodes,
} from '../store/mfa.js';
import { findProfile, lockAccount } from '../store/users.js';
import { mustHaveFactor } from './must-have-factor.js';
import { assertOwnPassword } from './own-password.js';
import { hashNewCodes, newRecoveryCodes } from './recovery-codes.js';
import { isRefusal, refusalError, type SecondFactorRefusal } from './second-factors.js';
import { newTotpSecret, otpauthUrl, typedSecret } from './totp.js';
import { PROOFS } from './verify.js';

const PENDING_MS = 10 * 60_000;

/** Whether a second factor is on, and how many recovery codes are left. */
export async function mfaState(core: Core, { userId, role }: UserPrincipal): Promise<MfaState> {
  const required = mustHaveFactor(core.config, role);
  const factor = await findFactor(core.database, userId, 'active');
  if (!factor) return { totp: false, since: null, recoveryCodesLeft: 0, required };
  const recoveryCodesLeft = await countRecoveryCodes(core.database, userId);
  return { totp: true, since: factor.activatedAt, recoveryCodesLeft, required };
}

/**
 * A new secret, which counts for nothing until a code confirms it within 10 minutes. An earlier one that waits is void.
 * @throws AUTH_ERROR for a wrong password, RATE_LIMIT after ten; CONFLICT when a factor is on; BUSY
 */
export async function beginTotp(
  core: Core,
  principal: UserPrincipal,
  { password }: { password: string },
  origin: Origin,
): Promise<TotpEnrolment> {
  const { userId } = principal;
  const passwordHash = await assertOwnPassword(core, principal, password, origin);
  const profile = await findProfile(core.database, userId);
  if (!profile) throw new AuthenticationError('TOKEN_REVOKED');
  const id = randomUUID();
  const secret = newTotpSecret();
  const secretEnc = core.people().seal(userId, profile, totpSecretPlace(id), secret);
  await core.database.transaction(async (tx) => {
    await lockOwn(tx, principal, passwordHash);
    if (await core.mfa.isOn(userId, tx))
      throw new BongsuError('CONFLICT', { details: { reason: 'factor-on' } });
    await replacePendingFactor(tx, { id, userId, secretEnc, at: core.now() });
    await core.recordAudit(tx, ownEvent('user_mfa_begun', principal, origin));
  });
  const { email } = core.people().profile(profile);
  return {
    secret: typedSecret(secret),
    otpauthUrl: otpauthUrl(secret, core.config.totpIssuer, email),
  };
}

/**
 * Turns the factor on. The code counts as used, this login as proven by two factors, and every other login ends, since it was
 * proven by one.
 * @returns the recovery codes, shown this once
 * @throws CONFLICT when nothing waits to be confirmed, AUTH_ERROR for a wrong code, ACCOUNT_LOCKED with retryAfterMs
 */
export async function confirmTotp(
  core: Core,
  principal: UserPrincipal,
  { code }: { code: string },
  origin: Origin,
): Promise<string[]> {
  const { userId, sessionId } = principal;
  // Before the try is counted: there is nothing to guess.
  await findPending(core, core.database, userId);
  const recoveryCodes = newRecoveryCodes();
  const result = await core.mfa.attempt(userId, async (tx) => {
    await lockOwn(tx, principal);
    const pending = await findPending(core, tx, userId);
    const [step] = core.mfa.matchingSteps(pending, code);
    if (step === undefined) return undefined;
    const at = core.now();
    if (!(await activateFactor(tx, pending.id, step, at)))
      throw new BongsuError('CONFLICT', { details: { reason: 'nothing-pending' } });
    await replaceRecoveryCodes(tx, userId, hashNewCodes(core.hashes(), recoveryCodes), at);
    if (!(await recordProof(tx, sessionId, null, PROOFS.totp)))
      throw new AuthenticationError('TOKEN_REVOKED');
    await endOthers(core, tx, principal);
    await core.recordAudit(tx, ownEvent('user_mfa_enabled', principal, origin));
    return { factor: 'totp' } as const;
  });
  if (isRefusal(result)) return refuse(core, result, principal, origin);
  core.notices.send('second-factor-on', userId);
  return recoveryCodes;
}

/**
 * Takes the factor and its recovery codes off, and ends every other login.
 * @throws CONFLICT when no factor is on; AUTH_ERROR for a wrong password or code; RATE_LIMIT after ten wrong passwords; ACCOUNT_LOCKED
 * with retryAfterMs; BUSY
 */
export async function removeTotp(
  core: Core,
  principal: UserPrincipal,
  { password, code }: { password: string; code: string },
  origin: Origin,
): Promise<void> {
  const { userId, sessionId } = principal;
  const passwordHash = await assertOwnPassword(core, principal, password, origin);
  if (!(await core.mfa.isOn(userId)))
    throw new BongsuError('CONFLICT', { details: { reason: 'factor-off' } });
  const result = await core.mfa.attempt(userId, async (tx) => {
    await lockOwn(tx, principal, passwordHash);
    const factor = await core.mfa.spend(tx, userId, code);
    if (!factor) return undefined;
    await deleteFactors(tx, userId);
    // Else MFA_REQUIRED_FOR would go on taking this login for one by two factors.
    if (!(await recordProof(tx, sessionId, null, PASSWORD_ONLY)))
      throw new AuthenticationError('TOKEN_REVOKED');
    await endOthers(core, tx, principal);
    await core.recordAudit(tx, { ...ownEvent('user_mfa_disabled', principal, origin), data: { factor } });
    return { factor };
  });
  if (isRefusal(result)) return refuse(core, result, principal, origin);
  core.notices.send('second-factor-off', userId);
}

/** Ten new recovery codes; all earlier ones are void. @throws CONFLICT when no factor is on */
export async function renewRecoveryCodes(
  core: Core,
  principal: UserPrincipal,
  origin: Origin,
): Promise<string[]> {
  const { userId } = principal;
  const recoveryCodes = newRecoveryCodes();
  await core.database.transaction(async (tx) => {
    await lockOwn(tx, principal);
    if (!(await core.mfa.isOn(userId, tx)))
      throw new BongsuError('CONFLICT', { details: { reason: 'factor-off' } });
    await replaceRecoveryCodes(tx, userId, hashNewCodes(core.hashes(), recoveryCodes), core.now());
    await core.recordAudit(tx, ownEvent('user_mfa_codes_updated', principal, origin));
  });
  return recoveryCodes;
}

/**
 * One change of a person's factors at a time, and none for an account or a login that is not open any more.
 * @param passwordHash of the password that was right a moment ago: the owner may have changed it because of who asks
 */
async function lockOwn(
  tx: Queryable,
  { userId, sessionId }: UserPrincipal,
  passwordHash?: string,
): Promise<void> {
  const account = await lockAccount(tx, userId);
  if (!account) throw new AuthenticationError('TOKEN_REVOKED');
  await assertLoginOpen(tx, sessionId);
  if (passwordHash !== undefined && account.passwordHash !== passwordHash) throw new AuthenticationError();
}

async function findPending(core: Core, db: Queryable, userId: string) {
  const pending = await findFactor(db, userId, 'pending');
  if (!pending || pending.createdAt + PENDING_MS <= core.now())
    throw new BongsuError('CONFLICT', { details: { reason: 'nothing-pending' } });
  return pending;
}

async function refuse(
  core: Core,
  refusal: SecondFactorRefusal,
  principal: UserPrincipal,
  origin: Origin,
): Promise<never> {
  const event = { ...ownEvent('authn_mfa_fail', principal, origin), outcome: 'failure' } as const;
  await core.recordAudit(core.database, { ...event, reason: refusal.refused });
  throw refusalError(refusal);
}

/** What the others were proven by is no longer enough, or was taken off; this one and the person's API keys are read anew. */
async function endOthers(
  core: Core,
  tx: LoginTransaction,
  { userId, sessionId }: UserPrincipal,
): Promise<void> {
  await endLogins(core, tx, userId, { except: sessionId, reason: 'second-factor' });
  await tx.announce('user', userId, 'proven');
}
