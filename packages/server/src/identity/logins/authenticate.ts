import { AuthenticationError } from '@bongsu/protocol';
import type { Principal, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { mustHaveFactor } from '../mfa/must-have-factor.js';
import { markSessionUsed, type SessionRow } from '../store/sessions.js';
import { assertLive } from './liveness.js';

/**
 * Access token → who it is, as of now: the login lives, the user is active and their tokens are not voided. The one place
 * where a token becomes a principal, for HTTP, the handshake and `auth-refresh`.
 * @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED
 */
export async function authenticate(core: Core, token: string): Promise<Principal> {
  const claims = await core.tokens.verifyAccessToken(token);
  const { sessionId, expiresAt } = claims;
  const session = await core.live.find(sessionId);
  // A genuine token whose login is gone from SQL: it was deleted with its user or screen.
  if (!session) throw new AuthenticationError('TOKEN_REVOKED');
  assertLive(session, core.now());
  const { row } = session;
  core.live.touch(sessionId);
  if (claims.kind === 'screen') {
    if (row.screenId !== claims.screenId) throw new AuthenticationError();
    if (!session.used) {
      await markSessionUsed(core.database, sessionId, core.now());
      session.used = true;
    }
    return { kind: 'screen', screenId: claims.screenId, sessionId, expiresAt };
  }
  const { userId, username, role, epoch } = row;
  if (userId !== claims.userId || username === null || role === null) throw new AuthenticationError();
  if (epoch !== claims.epoch) throw new AuthenticationError('TOKEN_REVOKED');
  const standing = personOf(core, row, { username, role });
  // Another node may have taken the proof, and this one not have heard of it yet.
  const provenAt = Math.max(standing.provenAt, claims.authTime);
  return { kind: 'user', userId, sessionId, expiresAt, ...standing, provenAt };
}

/** What may become another under an open connection. */
export type Standing = Pick<UserPrincipal, 'username' | 'role' | 'provenAt' | 'lacksFactor'> &
  Partial<Pick<UserPrincipal, 'expiresAt' | 'apiKey'>>;

/**
 * How a person who was let in, or the service that acts for them, stands as of now.
 * @throws TOKEN_REVOKED, TOKEN_EXPIRED when login, key or user have ended meanwhile
 */
export async function standingOf(core: Core, principal: UserPrincipal): Promise<Standing> {
  if (principal.apiKey) {
    // Also when it ends and what it may: a key can be rotated under an open connection.
    return core.keyHolders.current(principal.apiKey.id);
  }
  const session = await core.live.find(principal.sessionId);
  if (!session) throw new AuthenticationError('TOKEN_REVOKED');
  assertLive(session, core.now());
  const { username, role } = session.row;
  if (username === null || role === null) throw new AuthenticationError('TOKEN_REVOKED');
  return personOf(core, session.row, { username, role });
}

function personOf(
  { config }: Core,
  { authTime, acr }: SessionRow,
  { username, role }: Pick<UserPrincipal, 'username' | 'role'>,
): Standing {
  const lacksFactor = acr !== 'aal2' && mustHaveFactor(config, role);
  return { username, role, provenAt: authTime, lacksFactor };
}
