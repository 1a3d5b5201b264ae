import type { Queryable } from '../platform/database/database.js';
import type { Core } from './core.js';
import { pruneMfa } from './mfa/prune.js';
import { deleteEndedKeys } from './store/api-keys.js';
import { deleteOldAttempts } from './store/attempts.js';
import { deleteOldResetTokens } from './store/passwords.js';
import { deleteOldPendingSignups } from './store/pending-signups.js';
import { deleteEndedSessions, deleteExpiredSessions } from './store/sessions.js';

/** How long an ended login is still known as one that ended. */
const ENDED_LOGIN_MS = 90 * 86_400_000;
/** A statement that deletes more would hold others up. */
const BATCH = 1000;
/** How long an ended API key is still known as one that ended. */
const ENDED_KEY_MS = 90 * 86_400_000;

/** Throws away what counts no longer. What fails is tried again in an hour. */
export function prune(core: Core): void {
  const { database } = core;
  const now = core.now();
  const pruned: Record<string, Promise<void>> = {
    revocations: core.feed.prune(now),
    'reset tokens': deleteOldResetTokens(database, now),
    'pending sign-ups': deleteOldPendingSignups(database, now),
    attempts: deleteOldAttempts(database, now),
    challenges: pruneMfa(core),
    logins: pruneSessions(database, now - ENDED_LOGIN_MS),
    'API keys': deleteEndedKeys(database, now - ENDED_KEY_MS),
    'counters of log-ins': core.lockout.prune(),
  };
  for (const [what, done] of Object.entries(pruned)) {
    done.catch((err: unknown) => core.log.warn({ err }, `old ${what} were not pruned`));
  }
}

/** Those that idled out are among them: every login of a person expires one day. */
async function pruneSessions(database: Queryable, before: number): Promise<void> {
  for (const deleteSome of [deleteEndedSessions, deleteExpiredSessions]) {
    while ((await deleteSome(database, before, BATCH)) === BATCH);
  }
}
