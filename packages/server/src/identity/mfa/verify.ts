import { AuthenticationError } from '@bongsu/protocol';
import type { Origin } from '../../platform/principal.js';
import type { Core } from '../core.js';
import type { LoginTransaction } from '../logins/login-transaction.js';
import { anonymousFailure, openLogin, ownEvent, type Proof, type SignedInLogin } from '../logins/sign-in.js';
import { type ChallengeTry, consumeChallenge, countChallengeTry } from '../store/challenges.js';
import { lockAccount, recordLogin } from '../store/users.js';
import { credentialOf } from './challenge.js';
import { hashChallengeId, isGenuineChallengeId } from './challenge-ids.js';
import { isRefusal, refusalError, type SecondFactor } from './second-factors.js';

const TRIES_A_CHALLENGE = 5;

/** How a login was proven, in the words of RFC 8176; a recovery code has none there. */
export const PROOFS: Record<SecondFactor, Proof> = {
  totp: { acr: 'aal2', amr: 'pwd otp' },
  recovery: { acr: 'aal2', amr: 'pwd rc' },
};

export interface VerifyInput {
  challengeId: string;
  code: string;
  /** Called for a challenge that is none, or none any more, before anything is written of it; what it throws refuses it. */
  countRefused(): Promise<void>;
}

/**
 * The second step of a log-in: a challenge and a code of the user that it was made for.
 * @throws AUTH_ERROR, with `details.triesLeft` where only the code was wrong; ACCOUNT_LOCKED with retryAfterMs; what countRefused throws
 */
export async function verifyMfa(
  core: Core,
  { challengeId, code, countRefused }: VerifyInput,
  origin: Origin,
): Promise<SignedInLogin> {
  const idHash = hashChallengeId(challengeId);
  const tried = isGenuineChallengeId(core.hashes(), challengeId)
    ? await countChallengeTry(core.database, idHash, core.now(), TRIES_A_CHALLENGE)
    : undefined;
  if (!tried) {
    await countRefused();
    return refuseChallenge(core, origin);
  }
  const { userId, attempts } = tried;
  const result = await core.mfa
    .attempt(userId, (tx) => redeem(core, tx, { idHash, tried, code, origin }))
    .catch((error: unknown) =>
      error instanceof UsedChallengeError ? refuseChallenge(core, origin, userId) : Promise.reject(error),
    );
  if (!isRefusal(result)) {
    core.metrics.login('success');
    return result.signedIn;
  }
  core.metrics.login('failure');
  await core.recordAudit(core.database, anonymousFailure('authn_mfa_fail', result.refused, origin, userId));
  if (result.refused === 'locked') throw refusalError(result);
  throw new AuthenticationError('AUTH_ERROR', { details: { triesLeft: TRIES_A_CHALLENGE - attempts } });
}

/** Another request used it, or it ran out, after this one's try was counted. */
class UsedChallengeError extends Error {}

/** The same for one that never was, is over, or was used. */
async function refuseChallenge(core: Core, origin: Origin, userId?: string): Promise<never> {
  core.metrics.login('failure');
  await core.recordAudit(core.database, anonymousFailure('authn_mfa_fail', 'challenge', origin, userId));
  throw new AuthenticationError();
}

/** Undefined when the code is wrong, or the account is not any more what it was at the first step. */
async function redeem(
  core: Core,
  tx: LoginTransaction,
  { idHash, tried, code, origin }: { idHash: Uint8Array; tried: ChallengeTry; code: string; origin: Origin },
): Promise<{ factor: SecondFactor; signedIn: SignedInLogin } | undefined> {
  const { userId, data } = tried;
  const account = await lockAccount(tx, userId);
  if (!account?.passwordHash || credentialOf(account.passwordHash) !== data.credential) return undefined;
  const factor = await core.mfa.spend(tx, userId, code);
  if (!factor) return undefined;
  const lastLogin = core.now();
  // Thrown, so that the code which met a used challenge is not spent.
  if (!(await consumeChallenge(tx, idHash, lastLogin))) throw new UsedChallengeError();
  await recordLogin(tx, userId, lastLogin, undefined);
  const { email } = core.people().profile(account);
  const how = { rememberMe: data.rememberMe, origin, proof: PROOFS[factor] };
  const signedIn = await openLogin(core, tx, { ...account, lastLogin }, email, how);
  const { sessionId } = signedIn.login;
  await core.recordAudit(tx, {
    ...ownEvent('authn_login_success', { userId, sessionId }, origin),
    data: { factor },
  });
  return { factor, signedIn };
}
