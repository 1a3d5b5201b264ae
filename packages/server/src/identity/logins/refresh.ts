import type { Origin } from '../../platform/principal.js';
import type { Core } from '../core.js';
import type { IssuedLogin } from './sign-in.js';

/**
 * The next pair of a login; everybody who presents the same token gets the same refresh token.
 * @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED
 */
export async function refresh(core: Core, refreshToken: string, origin: Origin): Promise<IssuedLogin> {
  try {
    const { login, ...pair } = await core.tokens.refreshAccessToken(refreshToken, origin);
    core.metrics.refresh('success');
    return { pair, login };
  } catch (error) {
    core.metrics.refresh('failure');
    throw error;
  }
}
