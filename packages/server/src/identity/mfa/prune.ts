import type { Core } from '../core.js';
import { deleteOldChallenges } from '../store/challenges.js';
import { deleteOldPendingFactors } from '../store/mfa.js';

/** Enrolments that nobody confirmed hold a secret: they go soon after their 10 minutes. */
const PENDING_KEPT_MS = 3_600_000;

export async function pruneMfa(core: Core): Promise<void> {
  const now = core.now();
  await deleteOldChallenges(core.database, now);
  await deleteOldPendingFactors(core.database, now - PENDING_KEPT_MS);
  await core.mfa.prune(now);
}
