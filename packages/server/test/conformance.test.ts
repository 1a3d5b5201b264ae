import { conformanceSuite, limitsConformanceSuite, tokenConformanceSuite, World } from '@bongsu/conformance';
import { afterAll } from 'vitest';
import { ALGORITHM, ALGORITHMS, GIVEN_ALGORITHM } from './support/algorithm.js';
import { BEHIND_BALANCER, NODES, openEntrance } from './support/entrance.js';
import { describeStartedNodes } from './support/nodes.js';
import { describeServer, type RunningServer, type ServerOptions } from './support/server.js';
import { SkewedClock } from './support/skewed-clock.js';

const ORIGIN = 'https://console.example.com';
const ADMIN = { email: 'admin@example.com', password: 'a beacon on the ridge' };
const HOUR_MS = 3_600_000;

/** The suite is faster than people; what it shows of limits it shows on a server that has them. */
const LIFTED = {
  CORS_ORIGINS: ORIGIN,
  RATE_LIMIT_PER_MINUTE: '100000',
  COMMAND_RATE_PER_MINUTE: '1000000',
  HANDSHAKE_FAILURES_PER_MINUTE: '100000',
  ROOMS_PER_MINUTE: '100000',
  JOINS_PER_MINUTE: '100000',
  ADMIN_EMAIL: ADMIN.email,
  ADMIN_PASSWORD: ADMIN.password,
};
const BY_DEFAULT = {
  ADMIN_EMAIL: ADMIN.email,
  ADMIN_PASSWORD: ADMIN.password,
  RATE_LIMIT_PER_MINUTE: '100',
  COMMAND_RATE_PER_MINUTE: '6000',
  HANDSHAKE_FAILURES_PER_MINUTE: '10',
};

type Start = (
  options: Omit<ServerOptions, 'profile'>,
) => Promise<readonly [RunningServer, ...RunningServer[]]>;

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function open(servers: Awaited<ReturnType<Start>>) {
  const admin = async () => (await new World({ url: servers[0].url, admin: ADMIN }).admin()) ?? '';
  const { stop, ...entrance } = await openEntrance(servers, admin);
  stops.push(stop);
  return entrance;
}

async function startTarget(start: Start, algorithm = ALGORITHM) {
  const clock = new SkewedClock();
  const servers = await start({ settings: { ...LIFTED, JWT_ALG: algorithm }, overrides: { clock } });
  clock.skewMs = -HOUR_MS;
  const { accessToken: expiredToken } = await new World({ url: servers[0].url }).signUp();
  clock.skewMs = 0;
  return { ...(await open(servers)), admin: ADMIN, algorithm, allowedOrigin: ORIGIN, expiredToken };
}

/** On the embedded database, and on several nodes, where those who talk to each other are on different ones. */
function describeDeployments(title: string, suite: (start: Start) => void): void {
  describeServer('embedded', title, (start) => suite(async (options) => [await start(options)]));
  describeStartedNodes(NODES, title, (start) =>
    suite((options) => start({ ...options, settings: { ...options.settings, ...BEHIND_BALANCER } })),
  );
}

describeDeployments('[BEY3] conformance', (start) => {
  conformanceSuite(() => startTarget(start));
});

// `npm run prove -- algorithms` runs the whole suite with each: there this part would only be a repetition.
const others = GIVEN_ALGORITHM ? [] : ALGORITHMS.filter((algorithm) => algorithm !== ALGORITHM);
for (const algorithm of others) {
  describeServer('embedded', `[TOK1] conformance of tokens with ${algorithm}`, (start) => {
    tokenConformanceSuite(() => startTarget(async (options) => [await start(options)], algorithm));
  });
}

describeDeployments('[BEY3] conformance of the limits', (start) => {
  limitsConformanceSuite(async () => {
    return open(await start({ settings: BY_DEFAULT }));
  });
});
