import { BongsuError, type CreatedApiKey } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { revocationOf } from '../logins/revoke.js';
import { ownEvent } from '../logins/sign-in.js';
import { findOwnKey, markRotated } from '../store/api-keys.js';
import { insertRevocation } from '../store/revocations.js';
import { assertRoom, issueKey, lockKeys } from './issue.js';

const HOUR_MS = 3_600_000;

/**
 * A new key in place of an old one: same name, scopes and length of life. The old one works for `overlapHours` more, so that
 * services can change over one by one.
 * @throws NOT_FOUND also for somebody else's; CONFLICT for one that ended or was rotated before, and beyond 50 in their overlap
 */
export async function rotateApiKey(
  core: Core,
  { userId, sessionId }: UserPrincipal,
  { id, overlapHours }: { id: string; overlapHours: number },
  origin: Origin,
): Promise<CreatedApiKey> {
  const { created, revocation } = await core.database.transaction(async (tx) => {
    await lockKeys(tx, { userId, sessionId });
    const old = await findOwnKey(tx, userId, id);
    if (!old) throw new BongsuError('NOT_FOUND');
    const now = core.now();
    if (old.rotatedTo !== null || (old.expiresAt !== null && old.expiresAt <= now)) {
      throw new BongsuError('CONFLICT', { details: { rotatedTo: old.rotatedTo } });
    }
    await assertRoom(core, tx, userId, true);
    const { name, scopes } = old;
    const expiresAt = old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt);
    const next = await issueKey(core, tx, { userId, name, scopes, at: now, expiresAt });
    await markRotated(tx, id, next.id, now + overlapHours * HOUR_MS);
    await core.recordAudit(tx, {
      ...ownEvent('api_key_rotated', { userId, sessionId }, origin),
      target: { type: 'api-key', ref: id },
      data: { rotatedTo: next.id, overlapHours },
    });
    // It does not end yet, but everybody has to learn when it will.
    const change = await insertRevocation(tx, revocationOf(core, 'api-key', id, 'rotated'));
    return { created: next, revocation: change };
  });
  core.feed.committed([revocation]);
  return created;
}
