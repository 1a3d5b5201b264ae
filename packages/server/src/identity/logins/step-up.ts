import { AuthenticationError, RateLimitError, type SteppedUp } from '@bongsu/protocol';
import type { Limit } from '../../guards/limit.js';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import { STEP_UP_MS } from '../../platform/rights.js';
import type { Core } from '../core.js';
import { isRefusal, refusalError } from '../mfa/second-factors.js';
import { PROOFS } from '../mfa/verify.js';
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

const SCOPE = 'step-up';
/** Of one person, whatever login asks: an open page must not be a way to guess the password. */
const GUESSES: Limit = { limit: 5, windowMs: 5 * 60_000 };

/**
 * Proves anew who sits there. Counts at once for the access token and the sockets that the login has already, everywhere.
 * @throws AUTH_ERROR, MFA_REQUIRED without a code where one is due, RATE_LIMIT after 5 wrong ones in 5 minutes, BUSY
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

/** A wrong guess, which counts; everything else that goes wrong does not. */
class WrongGuess {
  constructor(readonly what: 'password' | 'code') {}
}

/** Counted before it is looked at and given back unless wrong, so that many guesses at once are no way around the limit. */
async function checkProofs(
  core: Core,
  principal: UserPrincipal,
  input: StepUpInput,
  origin: Origin,
): Promise<Proven> {
  const key = `user:${principal.userId}`;
  const { allowed, retryAfterMs, resetMs } = await core.limiter.checkLimit(SCOPE, key, GUESSES);
  if (!allowed) throw new RateLimitError(retryAfterMs ?? resetMs);
  const giveBack = () => core.limiter.refund(SCOPE, key, GUESSES);
  const proven = await guess(core, principal, input).catch(async (error: unknown) => {
    await giveBack();
    throw error;
  });
  if (proven instanceof WrongGuess) {
    const event = ownEvent('authn_step_up_fail', principal, origin);
    await core.recordAudit(core.database, { ...event, outcome: 'failure', reason: proven.what });
    throw new AuthenticationError();
  }
  await giveBack();
  return proven;
}

async function guess(
  core: Core,
  { userId }: UserPrincipal,
  { password, code }: StepUpInput,
): Promise<Proven | WrongGuess> {
  const found = await findProofs(core.database, userId);
  const isRight = await core.passwords.verify(password, found?.passwordHash);
  if (!found?.passwordHash || !isRight) return new WrongGuess('password');
  const { passwordHash, secondFactor } = found;
  if (!secondFactor) return { passwordHash, proof: undefined };
  if (code === undefined) throw new AuthenticationError('MFA_REQUIRED');
  const factor = await core.mfa.checkSecondFactor(userId, code);
  if (!isRefusal(factor)) return { passwordHash, proof: PROOFS[factor] };
  if (factor.refused === 'locked') throw refusalError(factor);
  return new WrongGuess('code');
}

async function answer(core: Core, sessionId: string, provenAt: number): Promise<SteppedUp> {
  const row = await findSession(core.database, sessionId);
  if (!row) throw new AuthenticationError('TOKEN_REVOKED');
  const accessToken = await core.tokens.generateAccessToken(loginOf(row));
  const lifeMs = core.tokens.getExpiryTime(accessToken) - core.now();
  return { accessToken, expiresIn: Math.ceil(lifeMs / 1000), provenUntil: provenAt + STEP_UP_MS };
}
