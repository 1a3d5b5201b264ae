import { AuthenticationError } from '@bongsu/protocol';
import type { TokenSource } from './token-manager.js';

/** One source out of what the caller gave: a manager, a token, or a function. */
export function tokenSource(given: {
  tokens?: TokenSource;
  token?: string | (() => string | Promise<string>);
}): TokenSource {
  if (given.tokens) return given.tokens;
  const { token } = given;
  if (typeof token === 'function') {
    const getToken = async () => token();
    return { getToken, refresh: getToken, on: () => () => {} };
  }
  if (token === undefined) throw new TypeError('connect needs `tokens` or `token`');
  return {
    getToken: async () => token,
    // A fixed token cannot be renewed, so its expiry is final.
    refresh: async () => {
      throw new AuthenticationError('TOKEN_EXPIRED');
    },
    on: () => () => {},
  };
}
