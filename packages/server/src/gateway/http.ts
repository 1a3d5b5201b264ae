import type { Server } from 'node:http';
import {
  AuthenticationError,
  BongsuError,
  MAX_BODY_BYTES,
  RateLimitError,
  ValidationError,
} from '@bongsu/protocol';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import Fastify, {
  type FastifyError,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { addressKey, withoutPort } from '../guards/address.js';
import { securityHeaders } from '../guards/headers.js';
import { rateLimitHeaders } from '../guards/limit.js';
import type { RateLimiter } from '../guards/rate-limiter.js';
import type { Identity } from '../identity/index.js';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { ReplicaReads } from '../platform/database/replica-reads.js';
import { uuidv7 } from '../platform/ids.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { assertRight } from '../platform/rights.js';
import type { LimitScope } from '../platform/surface.js';
import { bearerToken } from './authenticate.js';
import { type Trust, unreadableAddressWarning } from './client-address.js';
import { serveConsole } from './console.js';
import { corsOf } from './cors.js';
import { type ForceHttps, isForbiddenPlain } from './https-only.js';
import { listMounted } from './mounted.js';
import { apiDocs } from './openapi.js';
import { AS_OF, readPages } from './page-reads.js';
import { failure, logRefusal, toBongsuError } from './reply.js';
import { limitKey } from './sockets.js';
import { refuseUnread } from './unread-requests.js';

export interface HttpConfig {
  corsOrigins: readonly string[] | true;
  forceHttps: ForceHttps;
  publicUrl: string | undefined;
  version: string;
  /** The built console; undefined serves none. */
  consoleFolder: string | undefined;
}

export interface HttpDeps {
  config: HttpConfig;
  identity: Pick<Identity, 'authenticate'>;
  /** Mounted below /api. */
  apiRoutes: FastifyPluginAsync[];
  /** Mounted at the root: JWKS, health, metrics, the console. */
  rootRoutes: FastifyPluginAsync[];
  limiter: Pick<RateLimiter, 'checkLimit' | 'checkBurst' | 'isUsedUp' | 'paceLookUps'>;
  /** With a replica. */
  reads?: ReplicaReads | undefined;
  trust: Trust;
  clock: Pick<Clock, 'after'>;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
}

/** Of all headers of a request. */
const MAX_HEADER_BYTES = 16_384;

/** The HTTP surface: everything that holds for all routes attaches here, once. */
export async function createHttp(deps: HttpDeps): Promise<FastifyInstance> {
  const app = Fastify(fastifyOptions(deps));
  // What a form of another site can send without being asked is not read.
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('principal');
  app.decorateRequest('origin');
  app.setErrorHandler((error: FastifyError, request, reply) => refuse(deps, request, reply, error));
  app.setNotFoundHandler((request, reply) => refuse(deps, request, reply, new BongsuError('NOT_FOUND')));
  listMounted(app);
  observe(app, deps.metrics);
  answerBeforeClosing(app, deps.clock);
  await app.register(securityHeaders);
  await app.register(cors, {
    ...corsOf(deps.config.corsOrigins),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      AS_OF,
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
      'Retry-After',
      'X-Request-Id',
    ],
  });
  await app.register(cookie);
  const tellUnreadable = unreadableAddressWarning(deps.log);
  app.addHook('onRequest', (request, reply) => {
    tellUnreadable(request.ip);
    return arrive(deps, request, reply);
  });
  if (deps.reads) readPages(app, deps.reads);
  await app.register(apiDocs(deps.config.version));
  for (const routes of deps.rootRoutes) await app.register(routes);
  for (const routes of deps.apiRoutes) await app.register(routes, { prefix: '/api' });
  if (deps.config.consoleFolder) await serveConsole(app, deps.config.consoleFolder);
  return app;
}

function fastifyOptions(deps: HttpDeps): FastifyHttpOptions<Server> {
  return {
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: deps.trust,
    genReqId: () => uuidv7(),
    forceCloseConnections: true,
    // Said here, so that no flag of the process can make the parser lenient: an ambiguous request is never read.
    http: { insecureHTTPParser: false, requireHostHeader: true, maxHeaderSize: MAX_HEADER_BYTES },
    clientErrorHandler: refuseUnread(deps.log),
    // A "__proto__" key is data like any other: nothing here merges a body into an object.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    // A path that cannot be decoded never reaches a route's handlers.
    frameworkErrors: (error, request, reply) => refuse(deps, request, reply, error),
    routerOptions: { maxParamLength: 300 },
  };
}

async function arrive(
  deps: HttpDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  // Nothing is kept by caches unless a route says so: most answers hold tokens or personal data.
  reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' });
  request.origin = {
    address: withoutPort(request.ip),
    userAgent: (request.headers['user-agent'] ?? '').slice(0, 300),
    requestId: request.id,
  };
  const secure = secureUrl(deps, request);
  if (secure !== undefined) return reply.redirect(secure, 308);
  // Every route names its right (mounted.ts); where nothing answers, everybody may hear so.
  const { right = 'public', limit = 'general' } = request.routeOptions.config;
  if (right === 'public') {
    await count(deps, limit, `ip:${addressKey(request.ip)}`, reply);
    return undefined;
  }
  request.principal = await authenticate(deps, request, limit, reply);
  await count(deps, limit, limitKey(request.principal), reply);
  assertRight(right, request.principal, deps.databaseClock);
  return undefined;
}

/** Where a plain request is sent instead, if it must be. Probes come from inside and are left alone. */
function secureUrl({ config, trust }: HttpDeps, request: FastifyRequest): string | undefined {
  const { forceHttps, publicUrl } = config;
  if (/^\/(api\/)?(health|metrics)/.test(request.url)) return undefined;
  if (!isForbiddenPlain(request.raw, forceHttps, trust)) return undefined;
  return secureOrigin(publicUrl, request) + (request.url.startsWith('/') ? request.url : '/');
}

/** Without PUBLIC_URL the host that was asked, as the peer that we trust names it. */
function secureOrigin(publicUrl: string | undefined, request: FastifyRequest): string {
  if (publicUrl?.startsWith('https:')) return new URL(publicUrl).origin;
  const { host = '' } = request.headers;
  if (!/^([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.test(host)) {
    throw new ValidationError([{ path: 'host', message: 'must be a host and a port' }]);
  }
  return `https://${host}`;
}

/** A request that nobody vouches for is counted by its address, so that guessing tokens is limited too. */
async function authenticate(deps: HttpDeps, request: FastifyRequest, limit: LimitScope, reply: FastifyReply) {
  const scope = limit === 'refresh' ? limit : 'general';
  const key = `ip:${addressKey(request.ip)}`;
  // Anybody can make up API keys: an address over its limit has few looked up. Those in memory go on from there.
  const mayLookUp = async () => {
    if (await deps.limiter.isUsedUp(scope, key)) await deps.limiter.paceLookUps(request.ip);
  };
  try {
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) throw new AuthenticationError();
    return await deps.identity.authenticate(token, mayLookUp);
  } catch (thrown) {
    await count(deps, scope, key, reply);
    throw thrown;
  }
}

async function count(deps: HttpDeps, scope: LimitScope, key: string, reply: FastifyReply): Promise<void> {
  if (scope === 'none') return;
  const result =
    scope === 'command' ? deps.limiter.checkBurst(key) : await deps.limiter.checkLimit(scope, key);
  reply.headers(rateLimitHeaders(result));
  if (!result.allowed) throw new RateLimitError(result.retryAfterMs ?? result.resetMs);
}

function refuse(deps: HttpDeps, request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = toBongsuError(thrown);
  const { url: route, config } = request.routeOptions;
  const context = { requestId: request.id, method: request.method, route };
  logRefusal(deps.log, error, context, { counted: config?.limit === 'command' });
  if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
  // Past the route's response schemas: the envelope is the same for every route.
  return reply
    .status(error.status)
    .header('cache-control', 'no-store')
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(failure(error, request.id));
}

/** A request that is still being sent, or whose answer nobody reads, holds the stop no longer than this. */
const ANSWER_PATIENCE_MS = 5000;

/** Closing cuts every connection, so it waits for the requests under way: theirs may be the answer of a commit. */
function answerBeforeClosing(app: FastifyInstance, clock: HttpDeps['clock']): void {
  let underWay = 0;
  let onIdle = () => {};
  app.addHook('onRequest', async (_request, reply) => {
    underWay += 1;
    reply.raw.once('close', () => {
      underWay -= 1;
      if (underWay === 0) onIdle();
    });
  });
  app.addHook('preClose', async () => {
    if (underWay === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(ANSWER_PATIENCE_MS, resolve);
      onIdle = () => {
        cancel();
        resolve();
      };
    });
  });
}

const REQUEST_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

function observe(app: FastifyInstance, metrics: Metrics): void {
  const seconds = metrics.histogram(
    'bongsu_http_request_seconds',
    'HTTP requests by route and status.',
    REQUEST_SECONDS,
    ['method', 'route', 'status'],
  );
  app.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: String(reply.statusCode),
    };
    seconds.observe(labels, reply.elapsedTime / 1000);
  });
}
