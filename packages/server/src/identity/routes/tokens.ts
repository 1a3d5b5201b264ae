import {
  AuthenticationError,
  BongsuError,
  CsrfTokenSchema,
  RefreshSchema,
  TokenPairSchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { hasCsrfToken, isCookieMode } from '../../guards/csrf.js';
import type { Core } from '../core.js';
import { isLiving, issueCsrfToken } from '../logins/csrf.js';
import { logout } from '../logins/logout.js';
import { refresh } from '../logins/refresh.js';
import type { IssuedLogin } from '../logins/sign-in.js';
import { clearCookie, csrfOptions, issued, loginNamedBy, loginOfCookie, presentedToken } from './cookies.js';
import { countByLogin, countsInHandler } from './counting.js';
import { describe, open } from './describe.js';

const LoggedOutSchema = z.object({ success: z.literal(true) });

export function tokenRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const codes = [
    'VALIDATION_ERROR',
    'AUTH_ERROR',
    'TOKEN_EXPIRED',
    'TOKEN_REVOKED',
    'CSRF_ERROR',
    'RATE_LIMIT',
  ] as const;
  typed.post(
    '/auth/refresh',
    {
      // Counted below, by login: a hundred screens behind one address may all come back at once.
      ...countsInHandler(core),
      schema: describe('Rotate the refresh token and get a new access token', codes, {
        body: RefreshSchema,
        response: { 200: TokenPairSchema },
      }),
    },
    async (request, reply) => {
      const token = presentedToken(core, request, request.body?.refreshToken);
      const login = token === undefined ? undefined : loginNamedBy(core, token);
      await countByLogin(core, request, reply, { scope: 'refresh', login });
      if (token === undefined) throw new AuthenticationError();
      return issued(core, request, reply, await refreshOrClear(core, request, reply, token));
    },
  );
  typed.post(
    '/auth/logout',
    {
      // Counted below, by login: an office behind one address goes home at one time of the day.
      ...countsInHandler(core),
      schema: describe('End this login, its tokens and its sockets', codes, {
        body: RefreshSchema,
        response: { 200: LoggedOutSchema },
      }),
    },
    async (request, reply) => {
      const token = presentedToken(core, request, request.body?.refreshToken);
      const login = await loginShown(core, request, token);
      await countByLogin(core, request, reply, { scope: 'logout', login });
      const sessionId = await loginToEnd(core, request, token);
      if (sessionId !== undefined) await logout(core, sessionId, request.origin);
      // Not before: without its cookie another try would find nothing to end.
      if (isCookieMode(request)) clearCookie(core, request, reply);
      return { success: true } as const;
    },
  );
  typed.get(
    '/auth/csrf',
    {
      config: open,
      schema: describe('In cookie mode: a token for the header x-csrf-token', ['AUTH_ERROR', 'CSRF_ERROR'], {
        response: { 200: CsrfTokenSchema },
      }),
    },
    async (request) => issueCsrfToken(core, isCookieMode(request) ? loginOfCookie(core, request) : undefined),
  );
}

/** Whose login a log-out is about, by whatever genuine comes with it. */
async function loginShown(
  core: Core,
  request: FastifyRequest,
  token: string | undefined,
): Promise<string | undefined> {
  if (token !== undefined) return loginNamedBy(core, token);
  return loginOfBearer(core, request).catch(() => undefined);
}

/** By refresh token, else by access token; a browser whose cookie is gone or spoilt is signed out already. */
async function loginToEnd(
  core: Core,
  request: FastifyRequest,
  token: string | undefined,
): Promise<string | undefined> {
  if (isCookieMode(request)) return cookieLoginToEnd(core, request);
  if (token !== undefined) return core.tokens.verifyRefreshToken(token).sessionId;
  return loginOfBearer(core, request);
}

/** A cookie alone ends no living login: a header that only a page of ours can know must name the same one. @throws CSRF_ERROR */
async function cookieLoginToEnd(core: Core, request: FastifyRequest): Promise<string | undefined> {
  const sessionId = loginOfCookie(core, request);
  if (sessionId === undefined || !(await isLiving(core, sessionId))) return undefined;
  if (hasCsrfToken(csrfOptions(core), request)) return sessionId;
  const named = await loginOfBearer(core, request).catch(() => undefined);
  if (named !== sessionId) throw new BongsuError('CSRF_ERROR');
  return sessionId;
}

/** @throws AUTH_ERROR, TOKEN_EXPIRED */
async function loginOfBearer(core: Core, request: FastifyRequest): Promise<string> {
  const [, bearer] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (bearer === undefined) throw new AuthenticationError();
  return (await core.tokens.verifyAccessToken(bearer)).sessionId;
}

/** A cookie whose login is over for certain goes; any other stays, for a newer answer may have set it. */
async function refreshOrClear(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
): Promise<IssuedLogin> {
  try {
    return await refresh(core, token, request.origin);
  } catch (error) {
    const isOver = error instanceof BongsuError && ['TOKEN_REVOKED', 'TOKEN_EXPIRED'].includes(error.code);
    if (isOver && isCookieMode(request)) clearCookie(core, request, reply);
    throw error;
  }
}
