import { AuthenticationError } from '@bongsu/protocol';
import type { UserStatus } from '../store/sessions.js';

/** What a process has seen may not be in SQL yet: rows that look idle by so little may be live all the same. */
export const UNWRITTEN_MS = 5 * 60_000;

/** What decides whether a login still counts. */
export interface Liveness {
  revokedAt: number | null;
  /** Null never ends by itself. */
  expiresAt: number | null;
  idleMs: number | null;
  lastSeen: number;
  /** Of the user; null for a device. */
  status: UserStatus | null;
}

/** @throws TOKEN_REVOKED when somebody ended it, TOKEN_EXPIRED when it ended by itself */
export function assertLive(login: Liveness, now: number): void {
  if (login.revokedAt !== null) throw new AuthenticationError('TOKEN_REVOKED');
  if (login.status !== null && login.status !== 'active') throw new AuthenticationError('TOKEN_REVOKED');
  if (login.expiresAt !== null && now >= login.expiresAt) throw new AuthenticationError('TOKEN_EXPIRED');
  if (isIdle(login, now)) throw new AuthenticationError('TOKEN_EXPIRED');
}

/** What was seen after a login had idled out does not bring it back: one event on a socket that has not heard would. */
export function latestSeen(
  { lastSeen, idleMs }: Pick<Liveness, 'lastSeen' | 'idleMs'>,
  seen: number,
): number {
  const wasOver = idleMs !== null && seen - lastSeen >= idleMs;
  return wasOver ? lastSeen : Math.max(lastSeen, seen);
}

export function isIdle({ idleMs, lastSeen }: Liveness, now: number): boolean {
  return idleMs !== null && now - lastSeen >= idleMs;
}
