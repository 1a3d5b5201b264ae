import type { Accepted, Answer } from '@bongsu/protocol';
import type { Made } from './command-maker.js';

const ANSWER_MS = 5000;

/** A command as one HTTP request. Undefined when no answer came. */
export async function sendOverHttp(
  url: string,
  token: string,
  { type, payload }: Made,
): Promise<Answer<Accepted> | undefined> {
  const { target, ...body } = payload;
  const screen = 'screenId' in target ? target.screenId : '';
  try {
    const response = await fetch(`${url}/api/screens/${screen}/${type}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { ...((await response.json()) as object), success: response.ok } as Answer<Accepted>;
  } catch {
    return undefined;
  }
}
