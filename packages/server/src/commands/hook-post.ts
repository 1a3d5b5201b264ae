import { createHmac } from 'node:crypto';
import { HOOK_EVENT_HEADER, HOOK_SIGNATURE_HEADER, HOOK_TIMESTAMP_HEADER } from '@bongsu/protocol';
import type { DatabaseClock } from '../platform/clock.js';

export interface HookMessage {
  event: 'command' | 'executed' | 'dead';
  idempotencyKey: string;
  /** JSON. */
  body: string;
}

export interface HookReply {
  /** 200–299 or 400–499, but for 408, 425 and 429. */
  status: number;
  /** The answer's text; undefined when it was longer than what is read. */
  text: string | undefined;
}

/**
 * The hook gave no answer that decides anything. Its message names neither the URL nor what was sent, and a stack would only tell
 * where we wait for it.
 */
export class HookFault extends Error {
  override readonly name = 'HookFault';

  constructor(message: string) {
    super(message);
    this.stack = '';
  }
}

/** Signs and sends. @throws HookFault, or the signal's reason */
export type HookPost = (message: HookMessage, signal: AbortSignal) => Promise<HookReply>;

/** Connecting, headers and answer together. */
export const HOOK_TIMEOUT_MS = 2000;
const LONGEST_ANSWER_BYTES = 64 * 1024;
/** "Come again later" in the range of refusals. */
const PASSING = [408, 425, 429];

export function createHookPost(
  { url, secret }: { url: string; secret: string },
  databaseClock: DatabaseClock,
): HookPost {
  return async ({ event, idempotencyKey, body }, signal) => {
    const timestamp = String(Math.floor(databaseClock() / 1000));
    try {
      const response = await fetch(url, {
        method: 'POST',
        // Followed, a redirect would carry the command to somebody else.
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          'accept-encoding': 'identity',
          [HOOK_EVENT_HEADER]: event,
          [HOOK_TIMESTAMP_HEADER]: timestamp,
          [HOOK_SIGNATURE_HEADER]: signHook(secret, timestamp, body),
          'idempotency-key': idempotencyKey,
        },
        body,
        signal,
      });
      const text = await readShort(response);
      if (!decides(response.status)) throw new HookFault(`The hook answered ${response.status}`);
      return { status: response.status, text };
    } catch (error) {
      if (error instanceof HookFault) throw error;
      if (signal.aborted) throw signal.reason;
      throw new HookFault(`The hook cannot be reached or broke off its answer (${codeOf(error)})`);
    }
  };
}

/** Not the error itself: fetch names host and port in it. */
function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return 'no code';
}

export function tookTooLong(): HookFault {
  return new HookFault(`The hook took longer than ${HOOK_TIMEOUT_MS} ms`);
}

/** @param timestamp seconds since 1970 */
export function signHook(secret: string, timestamp: string, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}

function decides(status: number): boolean {
  return (status >= 200 && status < 300) || (status >= 400 && status < 500 && !PASSING.includes(status));
}

/** Stops reading, and ends the connection, where more would only cost memory. */
async function readShort(response: Response): Promise<string | undefined> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > LONGEST_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
