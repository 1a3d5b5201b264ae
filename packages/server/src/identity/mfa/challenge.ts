import { createHash } from 'node:crypto';
import type { MfaChallenge } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { Core } from '../core.js';
import { insertChallenge } from '../store/challenges.js';
import { hashChallengeId, newChallengeId } from './challenge-ids.js';

const CHALLENGE_MS = 5 * 60_000;

/** What a right password gets where a second factor is on, in the transaction that saw both: no login, no token, no cookie. */
export async function openChallenge(
  core: Core,
  tx: Queryable,
  { userId, passwordHash, rememberMe }: { userId: string; passwordHash: string; rememberMe: boolean },
): Promise<MfaChallenge> {
  const challengeId = newChallengeId(core.hashes());
  const at = core.now();
  await insertChallenge(tx, {
    idHash: hashChallengeId(challengeId),
    userId,
    purpose: 'login',
    data: { rememberMe, credential: credentialOf(passwordHash) },
    at,
    expiresAt: at + CHALLENGE_MS,
  });
  return { mfaRequired: true, challengeId, expiresIn: CHALLENGE_MS / 1000 };
}

/** Names the stored password hash without repeating it: a challenge is void once there is another. */
export function credentialOf(passwordHash: string): string {
  return createHash('sha256').update(passwordHash).digest('base64url');
}
