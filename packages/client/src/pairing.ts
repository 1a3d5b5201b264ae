import type { BongsuError, DeviceCredential, Pairing } from '@bongsu/protocol';
import { jittered, reconnectDelayMs } from './backoff.js';
import { type Clock, sleep, systemClock } from './clock.js';
import { toBongsuError } from './errors.js';
import { type Fetch, readAnswer, send, toRequestInit } from './http.js';

export interface PairOptions {
  /** The server, e.g. "https://bongsu.example.org". */
  url: string | URL;
  /** Shows the code ("ABCD-2345") to whoever stands before the screen; called again when a code ran out. */
  onCode: (pairing: { code: string; expiresInMs: number }) => void;
  signal?: AbortSignal;
  fetch?: Fetch;
  clock?: Clock;
}

/**
 * Makes this device a screen: asks for a code, shows it, and waits until somebody claims it. Goes on through
 * network faults, refusals for now and codes that run out, until it is claimed or aborted.
 * @throws the signal's reason
 * @example const credential = await pair({ url, onCode: ({ code }) => show(code) });
 */
export async function pair(options: PairOptions): Promise<DeviceCredential> {
  const { clock = systemClock, signal } = options;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const pairing = await post<Pairing>(options, '/api/screens/pairings', {});
      attempt = 0;
      options.onCode({ code: pairing.code, expiresInMs: pairing.expiresIn * 1000 });
      const credential = await awaitClaim(options, pairing);
      if (credential) return credential;
    } catch (error) {
      signal?.throwIfAborted();
      await sleep(clock, pauseMs(toBongsuError(error), attempt), signal);
    }
  }
}

/** The credential, or undefined when the code is over. */
async function awaitClaim(options: PairOptions, pairing: Pairing): Promise<DeviceCredential | undefined> {
  const { clock = systemClock, signal } = options;
  const path = `/api/screens/pairings/${encodeURIComponent(pairing.pairingId)}/token`;
  const end = clock.now() + pairing.expiresIn * 1000;
  let waitMs = pairing.intervalMs;
  for (;;) {
    await sleep(clock, waitMs, signal);
    if (clock.now() >= end) return undefined;
    waitMs = pairing.intervalMs;
    try {
      const { pairingSecret } = pairing;
      const answer = await post<DeviceCredential | { status: 'pending' }>(options, path, { pairingSecret });
      if ('refreshToken' in answer) return answer;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = toBongsuError(error);
      if (!failure.retryable) return undefined;
      waitMs = Math.max(waitMs, failure.retryAfterMs ?? 0);
    }
  }
}

const MIN_PAUSE_MS = 1_000;

function pauseMs(error: BongsuError, attempt: number): number {
  // A server that refuses codes outright is asked calmly; a kiosk may stand there for days.
  const calm = error.retryable ? MIN_PAUSE_MS : 30 * MIN_PAUSE_MS;
  return (error.retryAfterMs ?? calm) + jittered(reconnectDelayMs(attempt), Math.random());
}

async function post<T>({ url, fetch = globalThis.fetch, signal }: PairOptions, path: string, body: unknown) {
  const init = toRequestInit({ body, ...(signal ? { signal } : {}) });
  return readAnswer<T>(await send(fetch, new URL(path, url), init));
}
