import { BongsuError } from '@bongsu/protocol';
import { type Fetch, type RequestOptions, readAnswer, send, toRequestInit } from './http.js';
import type { TokenSource } from './token-manager.js';

/** A JSON call of the API by whoever is signed in. */
export type Request = <T>(path: string, options?: RequestOptions) => Promise<T>;

/** Calls with an access token, and once more after TOKEN_EXPIRED. */
export function requests({
  url,
  fetch,
  tokens,
}: {
  url: string | URL;
  fetch: Fetch;
  tokens: TokenSource;
}): Request {
  return async <T>(path: string, options: RequestOptions = {}) => {
    const attempt = async (token: string) => {
      const headers = { ...options.headers, authorization: `Bearer ${token}` };
      return readAnswer<T>(await send(fetch, new URL(path, url), toRequestInit({ ...options, headers })));
    };
    try {
      return await attempt(await tokens.getToken());
    } catch (error) {
      if (!(error instanceof BongsuError) || error.code !== 'TOKEN_EXPIRED') throw error;
      return attempt(await tokens.refresh());
    }
  };
}
