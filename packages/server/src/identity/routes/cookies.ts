import { BongsuError } from '@bongsu/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Core } from '../core.js';
import { assertOwnSite, COOKIE_MODE_HEADER, refreshCookie } from '../logins/cookie-mode.js';
import { deviceCookie } from '../logins/known-devices.js';
import type { IssuedLogin, SignedInLogin } from '../logins/sign-in.js';

export function isCookieMode(request: FastifyRequest): boolean {
  return headerOf(request, COOKIE_MODE_HEADER) === '1';
}

/** Signing somebody in by a cookie is a change that another site must not be able to make either. */
export function checkCookieMode(core: Core, request: FastifyRequest): void {
  if (isCookieMode(request)) assertCookieAllowed(core, request);
}

function assertCookieAllowed(core: Core, request: FastifyRequest): void {
  const facts = {
    secFetchSite: headerOf(request, 'sec-fetch-site'),
    origin: headerOf(request, 'origin'),
    host: request.host,
  };
  assertOwnSite(facts, core.config.allowedOrigins);
}

/** The header decides: with it only the cookie counts, without it only the body; a cookie alone is not believed. */
export function presentedToken(
  core: Core,
  request: FastifyRequest,
  inBody: string | undefined,
): string | undefined {
  const cookie = request.cookies[cookieOf(core, request).name];
  if (isCookieMode(request)) {
    assertCookieAllowed(core, request);
    return cookie;
  }
  if (inBody === undefined && cookie !== undefined) throw new BongsuError('CSRF_ERROR');
  return inBody;
}

export function signedIn(core: Core, request: FastifyRequest, reply: FastifyReply, result: SignedInLogin) {
  const body = { user: result.user, ...issued(core, request, reply, result) };
  rememberDevice(core, request, reply, result);
  return body;
}

/** The pair as it goes into the body; in cookie mode without the refresh token, which script must never see. */
export function issued(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
  { pair, login, idles }: IssuedLogin,
) {
  const { accessToken, refreshToken, expiresIn } = pair;
  reply.header('cache-control', 'no-store');
  if (!isCookieMode(request)) return { accessToken, refreshToken, expiresIn };
  const { name, options } = cookieOf(core, request);
  const endsAt = login.expiresAt;
  const maxAge =
    idles || endsAt === null ? {} : { maxAge: Math.max(0, Math.floor((endsAt - core.now()) / 1000)) };
  reply.setCookie(name, refreshToken, { ...options, ...maxAge });
  return { accessToken, expiresIn };
}

export function clearCookie(core: Core, request: FastifyRequest, reply: FastifyReply): void {
  const { name, options } = cookieOf(core, request);
  reply.clearCookie(name, options);
}

/** The entries of this browser, as it sent them. */
export function deviceCookieOf(core: Core, request: FastifyRequest): string | undefined {
  return request.cookies[deviceCookie(request.protocol === 'https', core.config.production).name];
}

/** In and outside of cookie mode: it lets nobody in, it only keeps a lane at log-in open. */
function rememberDevice(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
  { user, passwordChangedAt }: SignedInLogin,
): void {
  const { name, options } = deviceCookie(request.protocol === 'https', core.config.production);
  const { userId, email } = user;
  const value = core.devices.write(deviceCookieOf(core, request), email, { userId, passwordChangedAt });
  reply.setCookie(name, value, options);
}

function cookieOf(core: Core, request: FastifyRequest) {
  return refreshCookie(request.protocol === 'https', core.config.production);
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
