import { randomUUID } from 'node:crypto';
import type { ClosingKey, Pairing, Screen } from '@bongsu/protocol';
import type { FastifyInstance } from 'fastify';
import { createRecordAudit } from '../../src/audit/record.js';
import { type Commands, createCommands } from '../../src/commands/index.js';
import { createHttp } from '../../src/gateway/http.js';
import { RateLimiter } from '../../src/guards/rate-limiter.js';
import type { Identity } from '../../src/identity/index.js';
import { systemClock } from '../../src/platform/clock.js';
import type { Database } from '../../src/platform/database/database.js';
import type { Ephemeral } from '../../src/platform/ephemeral/ephemeral.js';
import { MemoryEphemeral } from '../../src/platform/ephemeral/memory.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { Principal, UserPrincipal } from '../../src/platform/principal.js';
import type { Push } from '../../src/platform/push.js';
import { Breakers } from '../../src/platform/resilience/breakers.js';
import { createScreens, type Screens, type ScreensConfig } from '../../src/screens/index.js';
import { commandsConfig, UNANSWERED } from './commands.js';
import { createTestIdentity } from './device-identity.js';
import { ManualClock } from './manual-clock.js';
import { memoryLog } from './memory-log.js';

export interface Answer {
  status: number;
  body: Record<string, unknown> & { screen: Screen; items: Screen[]; error: { code: string } };
}

interface CallOptions {
  body?: object;
  /** The peer's address. */
  from?: string;
  headers?: Record<string, string>;
}

interface Pushed {
  userId: string;
  event: string;
  payload: unknown;
}

export interface ScreensHarness {
  screens: Screens;
  commands: Commands;
  identity: Identity;
  database: Database;
  ephemeral: Ephemeral;
  node: { incarnation: string };
  metrics: Metrics;
  clock: ManualClock;
  push: Pick<Push, 'toUser' | 'closeScreen'>;
  pushed: Pushed[];
  closed: { screenId: string; closing: ClosingKey }[];
  /** A new person, known to the user look-up. */
  person(role?: 'user' | 'admin'): UserPrincipal;
  /** A call over the real HTTP surface; without a caller it carries no token. */
  call(caller: Principal | undefined, method: Method, url: string, options?: CallOptions): Promise<Answer>;
  makeScreen(owner: UserPrincipal, name?: string): Promise<Screen>;
  startPairing(from?: string): Promise<Pairing>;
  stop(): Promise<void>;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

interface HarnessOptions {
  config?: ScreensConfig;
  ephemeral?: Ephemeral;
  rateLimits?: boolean;
}

/**
 * Screens with the real identity, commands and HTTP surface over a real database. Only who calls is said rather than
 * proved: a person's token is their id.
 */
export async function screensHarness(
  database: Database,
  options: HarnessOptions = {},
): Promise<ScreensHarness> {
  const clock = new ManualClock();
  const log = memoryLog();
  const metrics = new Metrics();
  const ephemeral = options.ephemeral ?? new MemoryEphemeral(clock, log);
  const databaseClock = clock.now;
  const recordAudit = createRecordAudit({ now: databaseClock, service: 'test' });
  const people = new Map<string, Principal>();
  const pushed: Pushed[] = [];
  const closed: ScreensHarness['closed'] = [];
  const push: ScreensHarness['push'] = {
    toUser: (userId: string, event: string, payload: unknown) => void pushed.push({ userId, event, payload }),
    closeScreen: (screenId: string, closing: ClosingKey) => void closed.push({ screenId, closing }),
  };
  const usernames = async (userIds: readonly string[]) =>
    new Map(userIds.flatMap((id) => nameOf(people.get(id)).map((name) => [id, name] as const)));
  const limits = { requestsPerMinute: 100_000, commandsPerMinute: 6_000, handshakeFailuresPerMinute: 10 };
  const rateLimiter = new RateLimiter(
    { ephemeral, clock, metrics },
    { enabled: options.rateLimits ?? true, ...limits },
  );
  const identity = createTestIdentity({
    database,
    ephemeral,
    databaseClock,
    clock,
    log,
    metrics,
    recordAudit,
    limiter: rateLimiter,
  });
  await identity.start();
  const node = { name: 'test:1', incarnation: randomUUID() };
  const commands = createCommands({
    config: commandsConfig(),
    breakers: new Breakers({ clock, log, metrics }),
    ...{ database, ephemeral, clock, databaseClock, log, metrics, push, usernames },
    authorize: (principal, screenId) => screens.authorizeCommand(principal, screenId),
    ownedScreens: (userId) => screens.ownedBy(userId),
    limit: () => ({ allowed: true, retryAfterMs: 0 }),
    registerNonce: () => true,
    node,
    lease: { leaseSince: () => 0, renewedAt: () => 0 },
    calls: UNANSWERED,
  });
  const screens = createScreens(
    {
      ...{
        node,
        database,
        ephemeral,
        databaseClock,
        clock,
        log,
        metrics,
        recordAudit,
        push,
        identity,
        rateLimiter,
      },
      users: { usernames },
      inbox: commands,
      idempotency: commands.idempotency,
    },
    options.config,
  );
  await commands.start();
  await screens.start();
  const http = await createHttp({
    config: {
      corsOrigins: [],
      forceHttps: 'false',
      publicUrl: undefined,
      version: '0',
      consoleFolder: undefined,
    },
    identity: { authenticate: async (token) => found(people.get(token)) },
    apiRoutes: [screens.routes],
    rootRoutes: [],
    limiter: rateLimiter,
    trust: () => true,
    clock: systemClock,
    databaseClock: Date.now,
    log,
    metrics,
  });
  const call = caller(http, people);
  return {
    ...{ screens, commands, identity, node, database, ephemeral, metrics, clock, push, pushed, closed, call },
    person: (role = 'user') => addPerson(people, role),
    async makeScreen(owner, name = 'Lobby') {
      return (await call(owner, 'POST', '/screens', { body: { name } })).body.screen;
    },
    async startPairing(from) {
      const { body } = await call(undefined, 'POST', '/screens/pairings', from ? { from } : {});
      return body as unknown as Pairing;
    },
    async stop() {
      await http.close();
      await screens.stop();
      await commands.stop(AbortSignal.timeout(1_000));
      await identity.stop();
      await ephemeral.close();
    },
  };
}

function addPerson(people: Map<string, Principal>, role: 'user' | 'admin'): UserPrincipal {
  const userId = randomUUID();
  const username = `name-${people.size}`;
  const person: UserPrincipal = {
    ...{ kind: 'user', userId, username, role },
    sessionId: randomUUID(),
    expiresAt: Number.MAX_SAFE_INTEGER,
    provenAt: 0,
  };
  people.set(userId, person);
  return person;
}

function nameOf(principal: Principal | undefined): string[] {
  return principal?.kind === 'user' ? [principal.username] : [];
}

function found(principal: Principal | undefined): Principal {
  if (!principal) throw new Error('no such test person');
  return principal;
}

function caller(http: FastifyInstance, people: Map<string, Principal>): ScreensHarness['call'] {
  return async (principal, method, url, { body, from = '192.0.2.1', headers = {} } = {}) => {
    const token = principal && (principal.kind === 'user' ? principal.userId : principal.screenId);
    if (principal && token) people.set(token, principal);
    const response = await http.inject({
      method,
      url: `/api${url}`,
      headers: {
        'x-forwarded-for': from,
        'user-agent': 'Test Device',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      ...(body ? { payload: body } : {}),
    });
    return { status: response.statusCode, body: response.body === '' ? {} : response.json() } as Answer;
  };
}
