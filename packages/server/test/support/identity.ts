import { randomBytes } from 'node:crypto';
import type { CreatedApiKey, SignedIn } from '@bongsu/protocol';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { expect } from 'vitest';
import { createRecordAudit } from '../../src/audit/record.js';
import { createHttp } from '../../src/gateway/http.js';
import { RateLimiter } from '../../src/guards/rate-limiter.js';
import { createIdentity, type Identity, type IdentityConfig } from '../../src/identity/index.js';
import type { Clock } from '../../src/platform/clock.js';
import { systemClock } from '../../src/platform/clock.js';
import type { Database } from '../../src/platform/database/database.js';
import { MemoryEphemeral } from '../../src/platform/ephemeral/memory.js';
import { Metrics } from '../../src/platform/metrics.js';
import { ALGORITHM } from './algorithm.js';
import { emptyTables } from './empty-tables.js';
import { type LogLine, memoryLog } from './memory-log.js';
import { QUICK_HASHES } from './password-cost.js';

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;
/** Where links in mails lead. */
export const SITE = 'https://bongsu.test';
export const SECRET = randomBytes(48).toString('base64');
export const PII_KEYS = [{ kid: 'k1', key: new Uint8Array(randomBytes(32)) }];

export const IDENTITY_DEFAULTS: IdentityConfig = {
  issuer: 'https://bongsu.test',
  jwtSecret: SECRET,
  jwtAlgorithm: ALGORITHM,
  passwordCost: QUICK_HASHES,
  piiKeys: PII_KEYS,
  accessTokenMs: 15 * MINUTE_MS,
  refreshTokenMs: 30 * DAY_MS,
  sessionIdleMs: 30 * MINUTE_MS,
  maxLogins: 5,
  mfaRequiredFor: 'nobody',
  totpPreviousSteps: 1,
  signup: 'open',
  totpIssuer: 'bongsu.test',
  emailVerification: 'off',
  mail: undefined,
  serviceName: 'bongsu-test',
  firstAdmin: undefined,
  allowedOrigins: ['https://bongsu.test'],
  production: false,
};

/** The database's clock, moved by a test. */
export class MovableTime {
  offsetMs = 0;
  now = (): number => Date.now() + this.offsetMs;
  advance(ms: number): void {
    this.offsetMs += ms;
  }
}

/** As if nobody had ever started here: cheaper than a fresh database for each test. */
export async function emptyIdentity(database: Database): Promise<void> {
  await emptyTables(
    database,
    'users',
    'sessions',
    'subject_keys',
    'data_keys',
    'signing_keys',
    'revocations',
    'setup_tokens',
    'audit_outbox',
    'pending_signups',
    'auth_counters',
  );
}

export interface TestIdentity {
  identity: Identity;
  time: MovableTime;
  http: FastifyInstance;
  lines: LogLine[];
  metrics: Metrics;
  /** POST with a JSON body. */
  post(url: string, body?: object, headers?: Record<string, string>): Promise<Answer>;
  get(url: string, accessToken?: string): Promise<Answer>;
  delete(url: string, accessToken: string): Promise<Answer>;
  signUp(email?: string): Promise<SignedIn & { refreshToken: string }>;
  stop(): Promise<void>;
}

export interface Answer {
  status: number;
  body: Record<string, unknown> & { error: { code: string; retryAfterMs?: number } };
  headers: Record<string, unknown>;
  /** All but the one of the device. */
  cookies: Cookie[];
  device: Cookie | undefined;
}

interface Cookie {
  name: string;
  value: string;
  [attribute: string]: unknown;
}

export const PASSWORD = 'correct horse battery';

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Identity under the real HTTP surface, on the given database. Several on one database are several processes. */
export async function startIdentity(
  database: Database,
  config: Partial<IdentityConfig> = {},
  {
    time = new MovableTime(),
    clock = systemClock,
    requestsPerMinute,
  }: { time?: MovableTime; clock?: Clock /** None without it. */; requestsPerMinute?: number } = {},
): Promise<TestIdentity> {
  const log = memoryLog();
  const metrics = new Metrics();
  const ephemeral = new MemoryEphemeral(systemClock, log);
  const recordAudit = createRecordAudit({ now: time.now, service: 'bongsu-test' });
  const limiter = new RateLimiter(
    { ephemeral, clock, metrics },
    {
      enabled: requestsPerMinute !== undefined,
      requestsPerMinute: requestsPerMinute ?? 1,
      commandsPerMinute: 1,
      handshakeFailuresPerMinute: 1,
    },
  );
  const identity = createIdentity({
    config: { ...IDENTITY_DEFAULTS, ...config },
    database,
    ephemeral,
    databaseClock: time.now,
    clock,
    log,
    metrics,
    recordAudit,
    limiter,
    publicUrl: () => SITE,
    takeBackScreens: async () => {},
  });
  await identity.start();
  const http = await createHttp({
    config: {
      corsOrigins: [],
      forceHttps: 'false',
      publicUrl: undefined,
      version: '0',
      consoleFolder: undefined,
    },
    identity,
    apiRoutes: [identity.routes],
    rootRoutes: [identity.wellKnownRoutes],
    limiter,
    trust: () => true,
    clock,
    databaseClock: time.now,
    log,
    metrics,
  });
  const send = async (options: InjectOptions): Promise<Answer> => {
    const response = await http.inject(options);
    return {
      status: response.statusCode,
      body: (response.body === '' ? {} : response.json()) as Answer['body'],
      headers: response.headers,
      cookies: response.cookies.filter(({ name }) => name !== 'bongsu_device'),
      device: response.cookies.find(({ name }) => name === 'bongsu_device'),
    };
  };
  const post: TestIdentity['post'] = (url, body, headers = {}) =>
    send({ method: 'POST', url: `/api${url}`, headers, ...(body ? { payload: body } : {}) });
  return {
    identity,
    time,
    http,
    lines: log.lines,
    metrics,
    post,
    get: (url, token) => send({ method: 'GET', url, headers: token === undefined ? {} : bearer(token) }),
    delete: (url, token) => send({ method: 'DELETE', url, headers: bearer(token) }),
    signUp: async (email = `${randomBytes(6).toString('hex')}@example.com`) => {
      const { status, body } = await post('/auth/signup', { email, password: PASSWORD, username: 'Ada' });
      if (status !== 201) throw new Error(`sign-up answered ${status}`);
      return body as unknown as SignedIn & { refreshToken: string };
    },
    stop: async () => {
      await http.close();
      await identity.stop();
      await ephemeral.close();
    },
  };
}

/** The access token of the first administrator, made by the one-time link. */
export async function firstAdmin(server: TestIdentity): Promise<string> {
  const token = await server.identity.setupToken();
  const input = { token, email: 'root@example.com', password: PASSWORD, username: 'Root' };
  const { status, body } = await server.post('/auth/setup', input);
  if (status !== 201) throw new Error(`setup answered ${status}`);
  return String(body.accessToken);
}

/** `PATCH /users/:id` by an administrator; answers the status. */
export async function changeUser(
  { http }: TestIdentity,
  adminToken: string,
  userId: string,
  payload: { role?: 'user' | 'admin'; disabled?: boolean },
): Promise<number> {
  const url = `/api/users/${userId}`;
  return (await http.inject({ method: 'PATCH', url, headers: bearer(adminToken), payload })).statusCode;
}

/** `POST /api-keys`: one that reads its owner's profile unless `over` says otherwise. */
export async function createApiKey(
  server: TestIdentity,
  accessToken: string,
  over: object = {},
): Promise<CreatedApiKey> {
  const key = { name: 'Signage', scopes: ['users:read'], ...over };
  const { status, body } = await server.post('/api-keys', key, bearer(accessToken));
  expect(status, JSON.stringify(body)).toBe(201);
  return body as unknown as CreatedApiKey;
}
