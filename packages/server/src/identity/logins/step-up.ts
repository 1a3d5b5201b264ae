import { AuthenticationError, type BongsuError, type SteppedUp } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import { STEP_UP_MS } from '../../platform/rights.js';
import type { Core } from '../core.js';
import { isRefusal, refusalError } from '../mfa/second-factors.js';
import { PROOFS } from '../mfa/verify.js';
import { isOwnPassword } from '../passwords/own-password.js';
import { findProofs, recordProof } from '../store/logins.js';
import { findSession } from '../store/sessions.js';
import { lockCredentials } from '../store/users.js';
import { loginTransaction } from './login-transaction.js';
import { loginOf } from './sessions.js';
import { ownEvent, type Proof } from './sign-in.js';

export interface StepUpInput {
  password: string;
  /** Needed where a second factor is on. */
  code?: string | undefined;
}

/**
 * Proves anew who sits there. Counts at once for the access token and the sockets that the login has already, everywhere.
 * @throws AUTH_ERROR, MFA_REQUIRED without a code where one is due, ACCOUNT_LOCKED, RATE_LIMIT after ten wrong passwords, BUSY
 */
export async function stepUp(
  core: Core,
  principal: UserPrincipal,
  input: StepUpInput,
  origin: Origin,
): Promise<SteppedUp> {
  const { passwordHash, proof } = await checkProofs(core, principal, input, origin);
  const { userId, sessionId } = principal;
  const at = core.now();
  await loginTransaction(core, async (tx) => {
    // The password that was right a moment ago may have been changed because of who sits here.
    if (!(await lockCredentials(tx, userId, passwordHash))) throw new AuthenticationError();
    // So may the factor have been taken off, and with it what it proves.
    if (proof && !(await core.mfa.isOn(userId, tx))) throw new AuthenticationError();
    if (!(await recordProof(tx, sessionId, at, proof))) throw new AuthenticationError('TOKEN_REVOKED');
    await core.recordAudit(tx, ownEvent('authn_step_up_success', principal, origin));
    await tx.announce('session', sessionId, 'proven');
  });
  return answer(core, sessionId, at);
}

interface Proven {
  /** Of the password that was right. */
  passwordHash: string;
  /** What the code adds to the login. */
  proof: Proof | undefined;
}

/** @throws AUTH_ERROR, MFA_REQUIRED, ACCOUNT_LOCKED with retryAfterMs, RATE_LIMIT, BUSY */
async function checkProofs(
  core: Core,
  principal: UserPrincipal,
  { password, code }: StepUpInput,
  origin: Origin,
): Promise<Proven> {
  const { userId } = principal;
  const refuse = async (reason: string, error: BongsuError): Promise<never> => {
    const event = ownEvent('authn_step_up_fail', principal, origin);
    await core.recordAudit(core.database, { ...event, outcome: 'failure', reason });
    throw error;
  };
  const found = await findProofs(core.database, userId);
  const passwordHash = found?.passwordHash ?? null;
  const isRight = await isOwnPassword(core, { id: userId, passwordHash }, password, { principal, origin });
  if (!isRight || !found || !passwordHash) return refuse('password', new AuthenticationError());
  if (!found.secondFactor) return { passwordHash, proof: undefined };
  if (code === undefined) throw new AuthenticationError('MFA_REQUIRED');
  const factor = await core.mfa.checkSecondFactor(userId, code);
  if (isRefusal(factor))
    return refuse(factor.refused === 'wrong' ? 'code' : factor.refused, refusalError(factor));
  return { passwordHash, proof: PROOFS[factor] };
}

async function answer(core: Core, sessionId: string, provenAt: number): Promise<SteppedUp> {
  const row = await findSession(core.database, sessionId);
  if (!row) throw new AuthenticationError('TOKEN_REVOKED');
  const accessToken = await core.tokens.generateAccessToken(loginOf(row));
  const lifeMs = core.tokens.getExpiryTime(accessToken) - core.now();
  return { accessToken, expiresIn: Math.ceil(lifeMs / 1000), provenUntil: provenAt + STEP_UP_MS };
}
