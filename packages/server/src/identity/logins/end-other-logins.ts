import type { Queryable } from '../../platform/database/database.js';
import type { Core } from '../core.js';
import { insertRevocation, type Revocation } from '../store/revocations.js';
import { revokeOtherSessions } from '../store/sessions.js';
import { revocationOf } from './revoke.js';

/** Ends every login of a person but this one. The caller hands the answer to `core.feed.committed` after the commit. */
export async function endOtherLogins(
  core: Core,
  tx: Queryable,
  { userId, sessionId }: { userId: string; sessionId: string },
  reason: string,
): Promise<Revocation[]> {
  const ids = await revokeOtherSessions(tx, userId, sessionId, reason, core.now());
  const revocations: Revocation[] = [];
  for (const id of ids) {
    revocations.push(await insertRevocation(tx, revocationOf(core, 'session', id, reason)));
  }
  return revocations;
}
