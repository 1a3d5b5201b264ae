import { randomUUID } from 'node:crypto';
import type { DeviceCredential } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { Core } from '../core.js';
import { insertRevocation } from '../store/revocations.js';
import { insertSession, revokeScreenSessions } from '../store/sessions.js';
import { hashRefreshToken } from '../tokens/refresh-token.js';
import type { Login } from '../tokens/token-manager.js';
import { revocationOf } from './revoke.js';

/**
 * A new device login for a screen, with the rights of that screen only. It never idles out. Earlier ones end when the
 * caller's transaction commits; the caller's verb writes the audit row.
 */
export async function issueDeviceCredential(
  core: Core,
  tx: Queryable,
  screenId: string,
): Promise<DeviceCredential> {
  await revokeDevice(core, tx, screenId, 'replaced');
  const at = core.now();
  const login: Login = {
    kind: 'device',
    sessionId: randomUUID(),
    screenId,
    acr: 'aal1',
    amr: 'swk',
    authTime: at,
    expiresAt: null,
    idleMs: null,
  };
  const { accessToken, refreshToken, expiresIn } = await core.tokens.generateTokenPair(login, tx);
  await insertSession(tx, {
    id: login.sessionId,
    kind: 'device',
    userId: null,
    screenId,
    currentHash: hashRefreshToken(core.tokens.verifyRefreshToken(refreshToken)),
    at,
    idleMs: null,
    expiresAt: null,
    ipPrefix: null,
    userAgent: null,
    acr: login.acr,
    amr: login.amr,
  });
  return { screenId, accessToken, refreshToken, expiresIn };
}

/** Ends every device login of a screen when the caller's transaction commits; until that is known SQL is asked each time. */
export async function revokeDevice(
  core: Core,
  tx: Queryable,
  screenId: string,
  reason: string,
): Promise<void> {
  const ids = await revokeScreenSessions(tx, screenId, reason, core.now());
  core.live.distrust(ids);
  for (const id of ids) {
    const { seq } = await insertRevocation(tx, revocationOf(core, 'session', id, reason));
    core.feed.expect(seq);
  }
}
