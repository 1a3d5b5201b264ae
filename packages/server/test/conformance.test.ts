import { conformanceSuite, limitsConformanceSuite, tokenConformanceSuite, World } from '@bongsu/conformance';
import { ALGORITHM, ALGORITHMS, GIVEN_ALGORITHM } from './support/algorithm.js';
import { describeEachServer, type StartServer } from './support/server.js';
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

async function startTarget(start: StartServer, algorithm = ALGORITHM) {
  const clock = new SkewedClock();
  const { url } = await start({ settings: { ...LIFTED, JWT_ALG: algorithm }, overrides: { clock } });
  clock.skewMs = -HOUR_MS;
  const { accessToken: expiredToken } = await new World({ url }).signUp();
  clock.skewMs = 0;
  return { url, admin: ADMIN, algorithm, allowedOrigin: ORIGIN, expiredToken };
}

describeEachServer('[BEY3] conformance', (start) => {
  conformanceSuite(() => startTarget(start));
});

// `npm run prove -- algorithms` runs the whole suite with each: there this part would only be a repetition.
const others = GIVEN_ALGORITHM ? [] : ALGORITHMS.filter((algorithm) => algorithm !== ALGORITHM);
for (const algorithm of others) {
  describeEachServer(`[TOK1] conformance of tokens with ${algorithm}`, (start) => {
    tokenConformanceSuite(() => startTarget(start, algorithm));
  });
}

describeEachServer('[BEY3] conformance of the limits', (start) => {
  limitsConformanceSuite(async () => ({ url: (await start({ settings: BY_DEFAULT })).url }));
});
