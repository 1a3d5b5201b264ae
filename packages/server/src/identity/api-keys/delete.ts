import { BongsuError } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { revocationOf } from '../logins/revoke.js';
import { ownEvent } from '../logins/sign-in.js';
import { revokeApiKey } from '../store/api-keys.js';
import { insertRevocation } from '../store/revocations.js';

/** Ends a key and its sockets. @throws NOT_FOUND also for somebody else's, and for one that was deleted before */
export async function deleteApiKey(
  core: Core,
  { userId, sessionId }: UserPrincipal,
  id: string,
  origin: Origin,
): Promise<void> {
  const revocation = await core.database.transaction(async (tx) => {
    if (!(await revokeApiKey(tx, userId, id, core.now()))) throw new BongsuError('NOT_FOUND');
    await core.recordAudit(tx, {
      ...ownEvent('api_key_deleted', { userId, sessionId }, origin),
      target: { type: 'api-key', ref: id },
    });
    return insertRevocation(tx, revocationOf(core, 'api-key', id, 'deleted'));
  });
  core.feed.committed([revocation]);
}
