import { BongsuError } from '@bongsu/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type CsrfOptions, isCookieMode } from '../../guards/csrf.js';
import type { Core } from '../core.js';
import { onlyCookie, refreshCookie } from '../logins/cookie-mode.js';
import { deviceCookie } from '../logins/known-devices.js';
import type { IssuedLogin, SignedInLogin } from '../logins/sign-in.js';
import type { ChangedPassword } from '../passwords/change.js';

/** What decides whether a request in cookie mode is meant by its user. */
export function csrfOptions(core: Core): CsrfOptions {
  return {
    allowedOrigins: core.config.allowedOrigins,
    keys: core.csrfKeys,
    now: core.now,
    loginOf: (request) => loginOfCookie(core, request),
  };
}

/** The login that the cookie names, living or not; undefined without a genuine cookie. */
export function loginOfCookie(core: Core, request: FastifyRequest): string | undefined {
  const token = cookieToken(core, request);
  return token === undefined ? undefined : loginNamedBy(core, token);
}

export function loginNamedBy(core: Core, refreshToken: string): string | undefined {
  try {
    return core.tokens.verifyRefreshToken(refreshToken).sessionId;
  } catch {
    return undefined;
  }
}

/** The header decides: with it only the cookie counts, without it only the body; a cookie alone is not believed. */
export function presentedToken(
  core: Core,
  request: FastifyRequest,
  inBody: string | undefined,
): string | undefined {
  if (isCookieMode(request)) return cookieToken(core, request);
  if (inBody === undefined && request.cookies[cookieOf(core, request).name] !== undefined) {
    throw new BongsuError('CSRF_ERROR');
  }
  return inBody;
}

export function signedIn(core: Core, request: FastifyRequest, reply: FastifyReply, result: SignedInLogin) {
  const body = { user: result.user, ...issued(core, request, reply, result) };
  const { user, passwordChangedAt } = result;
  rememberDevice(core, request, reply, { userId: user.userId, email: user.email, passwordChangedAt });
  return body;
}

/** The pair as it goes into the body; in cookie mode without the refresh token, which script must never see. */
export function issued(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
  { pair, login }: IssuedLogin,
) {
  const { accessToken, refreshToken, expiresIn } = pair;
  if (!isCookieMode(request)) return { accessToken, refreshToken, expiresIn };
  const { name, options } = cookieOf(core, request);
  const { expiresAt: endsAt, idleMs } = login;
  // Without rememberMe it ends with the browser.
  const maxAge =
    idleMs !== null || endsAt === null
      ? {}
      : { maxAge: Math.max(0, Math.floor((endsAt - core.now()) / 1000)) };
  reply.setCookie(name, refreshToken, { ...options, ...maxAge });
  return { accessToken, expiresIn };
}

export function clearCookie(core: Core, request: FastifyRequest, reply: FastifyReply): void {
  const { name, options } = cookieOf(core, request);
  reply.clearCookie(name, options);
}

function cookieToken(core: Core, request: FastifyRequest): string | undefined {
  return onlyCookie(request.headers.cookie, cookieOf(core, request).name);
}

/** The entries of this browser, as it sent them. */
export function deviceCookieOf(core: Core, request: FastifyRequest): string | undefined {
  return request.cookies[deviceCookie(request.protocol === 'https', core.config.production).name];
}

/** In and outside of cookie mode: it lets nobody in, it only keeps a lane at log-in open. */
export function rememberDevice(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
  { userId, email, passwordChangedAt }: ChangedPassword,
): void {
  const { name, options } = deviceCookie(request.protocol === 'https', core.config.production);
  const value = core.devices.write(deviceCookieOf(core, request), email, { userId, passwordChangedAt });
  reply.setCookie(name, value, options);
}

function cookieOf(core: Core, request: FastifyRequest) {
  return refreshCookie(request.protocol === 'https', core.config.production);
}
