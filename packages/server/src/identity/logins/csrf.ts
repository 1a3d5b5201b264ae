import { AuthenticationError, type CsrfToken } from '@bongsu/protocol';
import { generateCSRFToken } from '../../guards/csrf.js';
import type { Core } from '../core.js';
import { assertLive } from './liveness.js';

const LIFETIME_MS = 3_600_000;

/**
 * A token for the header `x-csrf-token` of the login that a cookie names.
 * @throws AUTH_ERROR without a living login
 */
export async function issueCsrfToken(core: Core, sessionId: string | undefined): Promise<CsrfToken> {
  const [key] = core.csrfKeys;
  if (!key || sessionId === undefined || !(await isLiving(core, sessionId))) throw new AuthenticationError();
  core.live.touch(sessionId);
  const csrfToken = generateCSRFToken(key, { sessionId, now: core.now(), lifetimeMs: LIFETIME_MS });
  return { csrfToken, expiresIn: LIFETIME_MS / 1000 };
}

export async function isLiving(core: Core, sessionId: string): Promise<boolean> {
  const session = await core.live.find(sessionId);
  if (!session) return false;
  try {
    assertLive(session, core.now());
    return true;
  } catch (error) {
    if (error instanceof AuthenticationError) return false;
    throw error;
  }
}
