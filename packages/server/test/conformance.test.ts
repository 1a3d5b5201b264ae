import { conformanceSuite, limitsConformanceSuite, tokenConformanceSuite, World } from '@bongsu/conformance';
import { ALGORITHM, ALGORITHMS, GIVEN_ALGORITHM } from './support/algorithm.js';
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
  RATE_LIMIT_PER_MINUTE: '100',
  COMMAND_RATE_PER_MINUTE: '6000',
  HANDSHAKE_FAILURES_PER_MINUTE: '10',
};

type Start = (
  options: Omit<ServerOptions, 'profile'>,
) => Promise<readonly [RunningServer, ...RunningServer[]]>;

async function startTarget(start: Start, algorithm = ALGORITHM) {
  const clock = new SkewedClock();
  const servers = await start({ settings: { ...LIFTED, JWT_ALG: algorithm }, overrides: { clock } });
  const [{ url }] = servers;
  clock.skewMs = -HOUR_MS;
  const { accessToken: expiredToken } = await new World({ url }).signUp();
  clock.skewMs = 0;
  const sockets = servers.map((server) => ({ url: server.url }));
  return { url, sockets, admin: ADMIN, algorithm, allowedOrigin: ORIGIN, expiredToken };
}

/** On the embedded database, and on two nodes, where those who talk to each other are on different ones. */
function describeDeployments(title: string, suite: (start: Start) => void): void {
  describeServer('embedded', title, (start) => suite(async (options) => [await start(options)]));
  describeStartedNodes(['node-1', 'node-2'], title, suite);
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
    const servers = await start({ settings: BY_DEFAULT });
    return { url: servers[0].url, sockets: servers.map(({ url }) => ({ url })) };
  });
});
