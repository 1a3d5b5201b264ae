import {
  AuthenticationError,
  BongsuError,
  ErrorResponseSchema,
  JwksSchema,
  LoginSchema,
  RateLimitError,
  RefreshSchema,
  SetupSchema,
  SignedInSchema,
  SignupSchema,
  TokenPairSchema,
  UsernameSchema,
  UserSchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { addressKey } from '../guards/address.js';
import { rateLimitHeaders } from '../guards/limit.js';
import type { UserPrincipal } from '../platform/principal.js';
import { getMe, updateMe } from './accounts/me.js';
import { isSetupNeeded, setup } from './accounts/setup.js';
import { signup } from './accounts/signup.js';
import type { Core } from './core.js';
import { assertOwnSite, COOKIE_MODE_HEADER, refreshCookie } from './logins/cookie-mode.js';
import { login } from './logins/login.js';
import { logout } from './logins/logout.js';
import { refresh } from './logins/refresh.js';
import type { IssuedLogin, SignedInLogin } from './logins/sign-in.js';
import type { SigningKeys } from './tokens/signing-keys.js';

const open = { access: 'public', limit: 'general' } as const;
const person = { access: 'user', limit: 'general' } as const;
const JWKS_MAX_AGE_SECONDS = 300;

const LoggedOutSchema = z.object({ success: z.literal(true) });
const SetupStateSchema = z.object({ needed: z.boolean() });
const UpdateMeSchema = z.object({ username: UsernameSchema.optional() });

/** Sign-up, log-in and everything else under /auth and /users/me. */
export function identityRoutes(core: Core): FastifyPluginAsync {
  return async (app) => {
    takeEmptyBodies(app);
    signInRoutes(app, core);
    tokenRoutes(app, core);
    profileRoutes(app, core);
  };
}

function signInRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.post(
    '/auth/signup',
    {
      config: open,
      schema: describe(
        'Make an account and sign in',
        ['VALIDATION_ERROR', 'FORBIDDEN', 'CSRF_ERROR', 'CONFLICT', 'BUSY'],
        {
          body: SignupSchema,
          response: { 201: SignedInSchema, ...refusals(400, 403, 409, 503) },
        },
      ),
    },
    async (request, reply) => {
      checkCookieMode(core, request);
      return reply
        .status(201)
        .send(signedIn(core, request, reply, await signup(core, request.body, request.origin)));
    },
  );
  typed.post(
    '/auth/login',
    {
      config: open,
      schema: describe('Sign in', ['VALIDATION_ERROR', 'AUTH_ERROR', 'CSRF_ERROR', 'BUSY'], {
        body: LoginSchema,
        response: { 200: SignedInSchema, ...refusals(400, 401, 403, 503) },
      }),
    },
    async (request, reply) => {
      checkCookieMode(core, request);
      return signedIn(core, request, reply, await login(core, request.body, request.origin));
    },
  );
  typed.get(
    '/auth/setup',
    {
      config: open,
      schema: describe('Whether the first administrator is still to be made', [], {
        response: { 200: SetupStateSchema },
      }),
    },
    async () => ({ needed: await isSetupNeeded(core) }),
  );
  typed.post(
    '/auth/setup',
    {
      config: open,
      schema: describe(
        'Make the first administrator by the one-time link',
        ['VALIDATION_ERROR', 'AUTH_ERROR', 'CSRF_ERROR', 'CONFLICT', 'BUSY'],
        {
          body: SetupSchema,
          response: { 201: SignedInSchema, ...refusals(400, 401, 403, 409, 503) },
        },
      ),
    },
    async (request, reply) => {
      checkCookieMode(core, request);
      return reply
        .status(201)
        .send(signedIn(core, request, reply, await setup(core, request.body, request.origin)));
    },
  );
}

function tokenRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const codes = [
    'VALIDATION_ERROR',
    'AUTH_ERROR',
    'TOKEN_EXPIRED',
    'TOKEN_REVOKED',
    'CSRF_ERROR',
    'RATE_LIMIT',
  ];
  typed.post(
    '/auth/refresh',
    {
      // Counted below, by login: a hundred screens behind one address may all come back at once.
      config: { access: 'public', limit: 'none' },
      schema: describe('Rotate the refresh token and get a new access token', codes, {
        body: RefreshSchema,
        response: { 200: TokenPairSchema, ...refusals(400, 401, 403, 429) },
      }),
    },
    async (request, reply) => {
      const token = presentedToken(core, request, request.body?.refreshToken);
      await countRefresh(core, request, reply, token);
      if (token === undefined) throw new AuthenticationError();
      return issued(core, request, reply, await refreshOrClear(core, request, reply, token));
    },
  );
  typed.post(
    '/auth/logout',
    {
      config: open,
      schema: describe('End this login, its tokens and its sockets', codes, {
        body: RefreshSchema,
        response: { 200: LoggedOutSchema, ...refusals(400, 401, 403) },
      }),
    },
    async (request, reply) => {
      const token = presentedToken(core, request, request.body?.refreshToken);
      if (isCookieMode(request)) clearCookie(core, request, reply);
      const sessionId = await loginToEnd(core, request, token);
      if (sessionId !== undefined) await logout(core, sessionId, request.origin);
      return { success: true } as const;
    },
  );
}

function profileRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/users/me',
    {
      config: person,
      schema: describe('My profile', ['AUTH_ERROR', 'TOKEN_EXPIRED', 'TOKEN_REVOKED', 'FORBIDDEN'], {
        response: { 200: UserSchema, ...refusals(401, 403) },
      }),
    },
    async (request) => getMe(core, personOf(request)),
  );
  typed.patch(
    '/users/me',
    {
      config: person,
      schema: describe(
        'Change my profile',
        ['VALIDATION_ERROR', 'AUTH_ERROR', 'TOKEN_EXPIRED', 'TOKEN_REVOKED', 'FORBIDDEN'],
        {
          body: UpdateMeSchema,
          response: { 200: UserSchema, ...refusals(400, 401, 403) },
        },
      ),
    },
    async (request) => updateMe(core, personOf(request), request.body, request.origin),
  );
}

/** `/.well-known/jwks.json`: with it anybody can verify an access token. Lives outside /api. */
export function wellKnownRoutes(keys: Pick<SigningKeys, 'jwks'>): FastifyPluginAsync {
  return async (app) => {
    app.withTypeProvider<ZodTypeProvider>().get(
      '/.well-known/jwks.json',
      {
        config: { access: 'public', limit: 'none' },
        schema: describe('Public keys of access tokens', [], { response: { 200: JwksSchema } }),
      },
      async (_request, reply) => {
        reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE_SECONDS}`);
        return { keys: keys.jwks().keys.map((key) => ({ ...key })) };
      },
    );
  };
}

function describe<Schema extends object>(summary: string, codes: readonly string[], schema: Schema) {
  const description = codes.length === 0 ? {} : { description: `Errors: ${codes.join(', ')}.` };
  return { tags: ['identity'], summary, ...description, ...schema };
}

function refusals<Status extends number>(...statuses: Status[]) {
  return Object.fromEntries(statuses.map((status) => [status, ErrorResponseSchema])) as Record<
    Status,
    typeof ErrorResponseSchema
  >;
}

/** In cookie mode nothing has to be in the body, and fetch sends a JSON content type all the same. */
function takeEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('ignore', 'ignore');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, String(body), done);
  });
}

function isCookieMode(request: FastifyRequest): boolean {
  return headerOf(request, COOKIE_MODE_HEADER) === '1';
}

/** Signing somebody in by a cookie is a change that another site must not be able to make either. */
function checkCookieMode(core: Core, request: FastifyRequest): void {
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
function presentedToken(core: Core, request: FastifyRequest, inBody: string | undefined): string | undefined {
  const cookie = request.cookies[cookieOf(core, request).name];
  if (isCookieMode(request)) {
    assertCookieAllowed(core, request);
    return cookie;
  }
  if (inBody === undefined && cookie !== undefined) throw new BongsuError('CSRF_ERROR');
  return inBody;
}

/** A genuine token by the login it names, anything else by its address. @throws RATE_LIMIT */
async function countRefresh(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string | undefined,
): Promise<void> {
  const login = token === undefined ? undefined : loginNamedBy(core, token);
  const result =
    login === undefined
      ? await core.limiter.checkLimit('general', `ip:${addressKey(request.ip)}`)
      : await core.limiter.checkLimit('refresh', `login:${login}`);
  reply.headers(rateLimitHeaders(result));
  if (!result.allowed) throw new RateLimitError(result.retryAfterMs ?? result.resetMs);
}

function loginNamedBy(core: Core, token: string): string | undefined {
  try {
    return core.tokens.verifyRefreshToken(token).sessionId;
  } catch {
    return undefined;
  }
}

/** By refresh token, else by access token; a browser whose cookie is gone or spoilt is signed out already. */
async function loginToEnd(
  core: Core,
  request: FastifyRequest,
  token: string | undefined,
): Promise<string | undefined> {
  if (isCookieMode(request)) {
    return token === undefined ? undefined : loginNamedBy(core, token);
  }
  if (token !== undefined) return core.tokens.verifyRefreshToken(token).sessionId;
  const [, bearer] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (bearer === undefined) throw new AuthenticationError();
  return (await core.tokens.verifyAccessToken(bearer)).sessionId;
}

/** A cookie whose login is over for certain goes; a merely stale one stays, for a newer answer may have set it. */
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

function signedIn(core: Core, request: FastifyRequest, reply: FastifyReply, result: SignedInLogin) {
  return { user: result.user, ...issued(core, request, reply, result) };
}

/** The pair as it goes into the body; in cookie mode without the refresh token, which script must never see. */
function issued(
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

function clearCookie(core: Core, request: FastifyRequest, reply: FastifyReply): void {
  const { name, options } = cookieOf(core, request);
  reply.clearCookie(name, options);
}

function cookieOf(core: Core, request: FastifyRequest) {
  return refreshCookie(request.protocol === 'https', core.config.production);
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The gateway lets only people in here. */
function personOf(request: FastifyRequest): UserPrincipal {
  if (request.principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  return request.principal;
}
