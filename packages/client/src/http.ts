import { BongsuError } from '@bongsu/protocol';
import { errorFromWire } from './errors.js';

export type Fetch = typeof globalThis.fetch;

export interface RequestOptions {
  /** Default: POST with a body, else GET. */
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const REQUEST_TIMEOUT_MS = 15_000;

/** `options` as fetch wants them. */
export function toRequestInit({ method, body, headers = {}, signal }: RequestOptions): RequestInit {
  return {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { accept: 'application/json', ...(body === undefined ? {} : JSON_BODY), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  };
}
const JSON_BODY = { 'content-type': 'application/json' };

/**
 * One HTTP call. Network faults and 15 s of silence become UNAVAILABLE (retryable); the caller's own abort
 * rejects with the signal's reason.
 */
export async function send(fetch: Fetch, url: URL, init: RequestInit): Promise<Response> {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  try {
    return await fetch(url, { ...init, signal });
  } catch (error) {
    if (init.signal?.aborted) throw init.signal.reason;
    throw new BongsuError('UNAVAILABLE', { cause: error });
  }
}

/**
 * A JSON call of the API that needs no login: the resource, or a throw of the protocol's error.
 * @example await requestWithoutLogin(new URL('/api/auth/password/forgot', server), { body: { email } });
 */
export async function requestWithoutLogin<T>(url: URL, options: RequestOptions = {}): Promise<T> {
  return readAnswer<T>(
    await send((input, init) => globalThis.fetch(input, init), url, toRequestInit(options)),
  );
}

/** The body of a success, or a throw of the protocol's error. */
export async function readAnswer<T>(response: Response): Promise<T> {
  const text = await response.text().catch((cause: unknown) => {
    throw new BongsuError('UNAVAILABLE', { cause });
  });
  const body = parseJson(text);
  if (response.ok) return body as T;
  throw failureOf(response, body);
}

function failureOf(response: Response, body: unknown): BongsuError {
  const retryAfterMs = retryAfter(response);
  const wire = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  const error = errorFromWire(wire);
  const wait = error?.retryAfterMs ?? retryAfterMs;
  const options = wait === undefined ? {} : { retryAfterMs: wait };
  if (error) return new BongsuError(error.code, { details: error.details, ...options });
  // No envelope: something between us and the server answered. That says nothing about our credentials.
  const code = response.status === 429 ? 'RATE_LIMIT' : 'UNAVAILABLE';
  return new BongsuError(code, { details: { status: response.status }, ...options });
}

/** Seconds or an HTTP date, as milliseconds from now. */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  if (!value) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
