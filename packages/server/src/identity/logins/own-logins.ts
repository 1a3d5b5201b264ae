import { AuthenticationError, BongsuError, type LoginItem } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import type { OpenLoginRow } from '../store/logins.js';
import { lockActiveUser } from '../store/users.js';
import { inLockOrder, liveLogins } from './login-limit.js';
import { loginTransaction } from './login-transaction.js';
import { assertLoginOpen } from './open-login.js';
import { ownEvent } from './sign-in.js';

/** The caller's logins that still count, the most recently seen first. */
export async function listLogins(
  core: Core,
  { userId, sessionId }: UserPrincipal,
): Promise<{ items: LoginItem[]; nextCursor: null }> {
  const rows = await liveLogins(core, core.database, userId);
  return { items: rows.reverse().map((row) => toItem(row, sessionId)), nextCursor: null };
}

function toItem(row: OpenLoginRow, asking: string): LoginItem {
  const { id, ipPrefix, userAgent, createdAt, lastSeen, expiresAt, idleMs, acr } = row;
  return {
    id,
    current: id === asking,
    device: { address: ipPrefix, userAgent },
    createdAt,
    lastSeenAt: lastSeen,
    expiresAt,
    rememberMe: idleMs === null,
    mfa: acr === 'aal2',
  };
}

/** @throws NOT_FOUND for one that is over, that never was or that is somebody else's; TOKEN_REVOKED */
export async function endOwnLogin(
  core: Core,
  principal: UserPrincipal,
  id: string,
  origin: Origin,
): Promise<void> {
  await endSome(core, principal, origin, (live) => {
    const wanted = live.filter((login) => login.id === id.toLowerCase());
    if (wanted.length === 0) throw new BongsuError('NOT_FOUND');
    return wanted;
  });
}

/** Ends all logins of the caller but the one that asks. @throws TOKEN_REVOKED */
export async function endOtherLogins(core: Core, principal: UserPrincipal, origin: Origin): Promise<void> {
  await endSome(core, principal, origin, (live) => live.filter(({ id }) => id !== principal.sessionId));
}

async function endSome(
  core: Core,
  principal: UserPrincipal,
  origin: Origin,
  choose: (live: readonly OpenLoginRow[]) => readonly OpenLoginRow[],
): Promise<void> {
  const { userId, sessionId } = principal;
  await loginTransaction(core, async (tx) => {
    // Of two logins that end each other at once the second finds that it is over.
    if (!(await lockActiveUser(tx, userId))) throw new AuthenticationError('TOKEN_REVOKED');
    await assertLoginOpen(tx, sessionId);
    for (const { id } of inLockOrder(choose(await liveLogins(core, tx, userId)))) {
      if (!(await tx.end(id, 'ended'))) continue;
      const event = ownEvent('session_ended', principal, origin);
      await core.recordAudit(tx, { ...event, reason: 'ended', target: { type: 'session', ref: id } });
    }
  });
}
