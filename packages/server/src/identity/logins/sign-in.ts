import { randomUUID } from 'node:crypto';
import { AuthenticationError, type User } from '@bongsu/protocol';
import { addressPrefix } from '../../guards/address.js';
import type { AuditEvent } from '../../platform/audit.js';
import type { Origin } from '../../platform/principal.js';
import { toUser } from '../accounts/people.js';
import { auditOrigin } from '../audit-origin.js';
import type { Core } from '../core.js';
import { insertSession } from '../store/sessions.js';
import { lockActiveUser, type UserRow } from '../store/users.js';
import { hashRefreshToken } from '../tokens/refresh-token.js';
import type { IssuedPair, Login } from '../tokens/token-manager.js';
import { makeRoom } from './login-limit.js';
import type { LoginTransaction } from './login-transaction.js';

/** Tokens, and what says how long a cookie with the refresh token may live. */
export interface IssuedLogin {
  pair: IssuedPair;
  login: Login;
}

export interface SignedInLogin extends IssuedLogin {
  user: User;
  /** A change of the password voids the devices known before it. */
  passwordChangedAt: number;
}

/** How somebody proved who they are, in the words of RFC 8176. */
export interface Proof {
  acr: 'aal1' | 'aal2';
  amr: string;
}

interface OpenedHow {
  rememberMe: boolean;
  origin: Origin;
  /** Absent: by password alone. */
  proof?: Proof;
}

export const PASSWORD_ONLY: Proof = { acr: 'aal1', amr: 'pwd' };
const MAX_USER_AGENT = 300;

/**
 * A new login of a person whose identity was just proven, in the transaction of the proof. Beyond MAX_CONCURRENT_SESSIONS
 * the least recently seen login ends. @throws AUTH_ERROR when the person is not active any more
 */
export async function openLogin(
  core: Core,
  tx: LoginTransaction,
  user: UserRow,
  email: string,
  how: OpenedHow,
): Promise<SignedInLogin> {
  if (!(await lockActiveUser(tx, user.id))) throw new AuthenticationError();
  await makeRoom(core, tx, user.id, how.origin);
  const at = core.now();
  const { sessionIdleMs, refreshTokenMs } = core.config;
  const { id: userId, role, epoch } = user;
  const login: Login = {
    kind: 'user',
    sessionId: randomUUID(),
    userId,
    role,
    epoch,
    ...(how.proof ?? PASSWORD_ONLY),
    authTime: at,
    expiresAt: at + refreshTokenMs,
    idleMs: how.rememberMe ? null : sessionIdleMs,
  };
  const pair = await core.tokens.generateTokenPair(login, tx);
  await insertSession(tx, {
    id: login.sessionId,
    kind: 'user',
    userId,
    screenId: null,
    currentHash: hashRefreshToken(core.tokens.verifyRefreshToken(pair.refreshToken)),
    at,
    idleMs: login.idleMs,
    expiresAt: login.expiresAt,
    ipPrefix: addressPrefix(how.origin.address) ?? null,
    userAgent: how.origin.userAgent.slice(0, MAX_USER_AGENT) || null,
    acr: login.acr,
    amr: login.amr,
  });
  const passwordChangedAt = user.passwordChangedAt ?? 0;
  return { user: toUser(user, email), pair, login, passwordChangedAt };
}

/** An event of a person acting for themselves. */
export function ownEvent(
  action: string,
  who: { userId: string; sessionId?: string | undefined },
  origin: Origin,
): AuditEvent {
  const sid = who.sessionId === undefined ? {} : { sid: who.sessionId };
  return {
    action,
    outcome: 'success',
    actor: { type: 'user', ref: who.userId, ...sid, ...auditOrigin(origin).actor },
    ...auditOrigin(origin).request,
  };
}

/** An event of somebody who is not signed in. `userId`: whom it concerns, where that is known. */
export function anonymousFailure(
  action: string,
  reason: string,
  origin: Origin,
  userId?: string,
): AuditEvent {
  return {
    action,
    outcome: 'failure',
    reason,
    actor: { type: 'anonymous', ...auditOrigin(origin).actor },
    ...(userId === undefined ? {} : { target: { type: 'user', ref: userId } }),
    ...auditOrigin(origin).request,
  };
}
