import type { Queryable } from '../../platform/database/database.js';
import type { Core } from '../core.js';
import { revokeUserSessions } from '../store/passwords.js';
import { insertRevocation, type Revocation } from '../store/revocations.js';
import { revocationOf } from './revoke.js';

/**
 * Ends the logins of a person in the caller's transaction, all or all but one. Give the result to `feed.committed` after the
 * commit: that is when their sockets are cut.
 */
export async function endLogins(
  core: Core,
  tx: Queryable,
  userId: string,
  { except, reason }: { except?: string; reason: string },
): Promise<Revocation[]> {
  const ids = await revokeUserSessions(tx, userId, except ?? null, reason, core.now());
  return revokeIds(core, tx, ids, reason);
}

/** That these count no longer: logins, or `key:` and the id of an API key. */
export async function revokeIds(
  core: Core,
  tx: Queryable,
  ids: readonly string[],
  reason: string,
): Promise<Revocation[]> {
  const revocations: Revocation[] = [];
  for (const id of ids)
    revocations.push(await insertRevocation(tx, revocationOf(core, 'session', id, reason)));
  return revocations;
}
