import { BongsuError } from '@bongsu/protocol';
import { type Fetch, readAnswer, send, toRequestInit } from './http.js';
import type { TokenSource } from './token-manager.js';

/** DELETE /api/commands/:id with an access token, once more after TOKEN_EXPIRED. */
export async function cancelCommand(
  id: string,
  { url, fetch, tokens }: { url: string | URL; fetch: Fetch; tokens: TokenSource },
): Promise<void> {
  const path = new URL(`/api/commands/${encodeURIComponent(id)}`, url);
  const attempt = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    await readAnswer(await send(fetch, path, toRequestInit({ method: 'DELETE', headers })));
  };
  try {
    await attempt(await tokens.getToken());
  } catch (error) {
    if (!(error instanceof BongsuError) || error.code !== 'TOKEN_EXPIRED') throw error;
    await attempt(await tokens.refresh());
  }
}
