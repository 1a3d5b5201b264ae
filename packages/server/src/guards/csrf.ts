import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { BongsuError } from '@bongsu/protocol';
import type { FastifyRequest } from 'fastify';

/** A page asks for cookie mode with this header; a form of another site cannot send it. */
export const COOKIE_MODE_HEADER = 'x-bongsu-cookies';
export const CSRF_HEADER = 'x-csrf-token';

const VERSION = 1;
const RANDOM_BYTES = 16;
const BODY_BYTES = 1 + 8 + RANDOM_BYTES;
/** 57 bytes are 76 characters without padding bits: one token has one spelling. */
const SHAPE = /^[A-Za-z0-9_-]{76}$/;

interface Bound {
  /** The login that it is for. */
  sessionId: string;
  /** Milliseconds since 1970. */
  now: number;
}

/**
 * base64url(version 1 | end 8 | chance 16 | HMAC 32): it says for how long it is good, and its MAC for which login. Signed, not
 * stored, so that it outlives a restart and holds on every node.
 * @param random 16 bytes, for tests
 */
export function generateCSRFToken(
  key: Uint8Array,
  {
    sessionId,
    now,
    lifetimeMs,
    random = randomBytes(RANDOM_BYTES),
  }: Bound & { lifetimeMs: number; random?: Uint8Array },
): string {
  const body = Buffer.alloc(BODY_BYTES);
  body[0] = VERSION;
  body.writeBigUInt64BE(BigInt(Math.floor(now + lifetimeMs)), 1);
  body.set(random, 9);
  return Buffer.concat([body, mac(key, sessionId, body)]).toString('base64url');
}

/** True for a token of this login, made with one of the keys, that has not ended. */
export function verifyCSRFToken(
  keys: readonly Uint8Array[],
  token: string,
  { sessionId, now }: Bound,
): boolean {
  if (!SHAPE.test(token)) return false;
  const bytes = Buffer.from(token, 'base64url');
  const body = bytes.subarray(0, BODY_BYTES);
  const given = bytes.subarray(BODY_BYTES);
  const genuine = keys.some((key) => timingSafeEqual(mac(key, sessionId, body), given));
  return genuine && body[0] === VERSION && now < Number(body.readBigUInt64BE(1));
}

/** Each part behind its length, so that no part can pass for a piece of its neighbour. */
function mac(key: Uint8Array, sessionId: string, body: Uint8Array): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of [Buffer.from(sessionId), body]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hmac.update(length).update(part);
  }
  return hmac.digest();
}

/** What a browser says of where a request comes from; no page can forge it. */
export interface SiteFacts {
  secFetchSite: string | undefined;
  origin: string | undefined;
  /** Host and port as asked for, by a trusted proxy if there is one. */
  host: string;
}

/** `silent`: nothing was said at all, so it is no browser of our days. */
export type Site = 'own' | 'foreign' | 'silent';

export function siteOf({ secFetchSite, origin, host }: SiteFacts, allowedOrigins: readonly string[]): Site {
  if (secFetchSite === 'same-origin' || secFetchSite === 'none') return 'own';
  if (origin !== undefined && allowedOrigins.includes(origin)) return 'own';
  if (secFetchSite === undefined && origin === undefined) return 'silent';
  return secFetchSite === undefined && origin !== undefined && hostOf(origin) === host ? 'own' : 'foreign';
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

export interface CsrfOptions {
  /** Origins besides this host's own whose pages may use cookies. */
  allowedOrigins: readonly string[];
  /** Any of them may have made a token. */
  keys: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  now(): number;
  /** The login that the cookie of a request names; undefined without a genuine one. */
  loginOf(request: FastifyRequest): string | undefined;
}

/** Methods that change nothing, and whose answers another site cannot read. */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * An `onRequest` hook for routes that may be called in cookie mode. Calls without the header `x-bongsu-cookies: 1` pass: there no
 * cookie counts. Else the request must come from a page of ours; where nothing says so it must carry a token, and a token
 * that it carries must be right in any case.
 * @throws CSRF_ERROR
 */
export function csrfMiddleware(options: CsrfOptions): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (!isCookieMode(request)) return;
    const token = headerOf(request, CSRF_HEADER);
    if (token !== undefined && !hasCsrfToken(options, request)) throw new BongsuError('CSRF_ERROR');
    const facts: SiteFacts = {
      secFetchSite: headerOf(request, 'sec-fetch-site'),
      origin: headerOf(request, 'origin'),
      host: request.host,
    };
    const site = siteOf(facts, options.allowedOrigins);
    if (site === 'foreign') throw new BongsuError('CSRF_ERROR');
    if (site === 'silent' && token === undefined && !SAFE_METHODS.includes(request.method)) {
      throw new BongsuError('CSRF_ERROR');
    }
  };
}

/** Whether the request carries a token for the login that its cookie names. */
export function hasCsrfToken({ keys, now, loginOf }: CsrfOptions, request: FastifyRequest): boolean {
  const token = headerOf(request, CSRF_HEADER);
  const sessionId = loginOf(request);
  if (token === undefined || sessionId === undefined) return false;
  return verifyCSRFToken(keys, token, { sessionId, now: now() });
}

export function isCookieMode(request: FastifyRequest): boolean {
  return headerOf(request, COOKIE_MODE_HEADER) === '1';
}

/** Node joins what is sent twice by a comma: such a value is none that we know. */
function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
