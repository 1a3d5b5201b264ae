import { RateLimitError } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { ownEvent } from '../logins/sign-in.js';
import { type AttemptLimit, countAttempt, refundAttempt } from '../store/attempts.js';
import type { PasswordOwner } from '../store/passwords.js';

const GUESSES: AttemptLimit = { scope: 'own-password', limit: 10, windowMs: 15 * 60_000 };

/**
 * Whether it is the password of somebody who is signed in. A stolen access token is no way to find it out: whatever route asks,
 * guesses are counted by person before they are looked at, and given back unless wrong.
 * @throws RATE_LIMIT after ten wrong ones in 15 minutes; BUSY
 */
export async function isOwnPassword(
  core: Core,
  { id, passwordHash }: Pick<PasswordOwner, 'id' | 'passwordHash'>,
  guess: string,
  { principal, origin }: { principal: UserPrincipal; origin: Origin },
): Promise<boolean> {
  const key = core.hashes().hash('lockout', `${GUESSES.scope}/${id}`);
  const waitMs = await countAttempt(core.database, GUESSES, key, core.now());
  if (waitMs !== undefined) {
    const event = ownEvent('authn_password_fail', principal, origin);
    await core.recordAudit(core.database, { ...event, outcome: 'failure', reason: 'limit' });
    throw new RateLimitError(waitMs);
  }
  const giveBack = () => refundAttempt(core.database, GUESSES.scope, key);
  const isRight = await core.passwords.verify(guess, passwordHash).catch(async (error: unknown) => {
    await giveBack();
    throw error;
  });
  if (isRight) await giveBack();
  return isRight;
}
