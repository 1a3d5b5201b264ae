import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, LIFTED, NODE_FLAGS, serve, signUp } from './lib/bongsu.mjs';
import { CORES } from './lib/measure.mjs';
import { freePort, stop } from './lib/processes.mjs';
import { median, round } from './lib/statistics.mjs';
import { openIdentity } from './lib/token-identity.mjs';

export const description =
  'PF7: access tokens verified from the cache against verified anew (in process, EdDSA), and the hit rate with 1,000 active users over HTTP';

/** Fewer than the cache holds, so that none of them pushes another out. */
const TOKENS = 900;
const CACHED_PASSES = 20;
const USERS = 1000;
/** One request in 7.5 s, for the five minutes that a token is remembered. */
const REQUESTS_EACH = 40;
const LANES = 16;
const GOAL = { ratio: 20, hitRate: 0.95 };

export async function run({ rounds = 5, log }) {
  const speeds = await measureSpeed(rounds, log);
  const hitRates = await measureHitRates(rounds, log);
  const of = (list, name) => median(list.map((figures) => figures[name]));
  const figures = {
    verifyRatio: round(of(speeds, 'verifyRatio'), 1),
    authenticateRatio: round(of(speeds, 'authenticateRatio'), 1),
    coldMicroseconds: round(of(speeds, 'verifyCold')),
    cachedMicroseconds: round(of(speeds, 'verifyCached')),
    hitRate: round(of(hitRates, 'hitRate'), 4),
  };
  return {
    setting: {
      tokens: TOKENS,
      cachedPasses: CACHED_PASSES,
      users: USERS,
      requestsEach: REQUESTS_EACH,
      lanes: LANES,
      rounds,
      lifted: LIFTED,
      nodeFlags: NODE_FLAGS,
      cores: CORES,
    },
    goal: {
      verifyRatioAtLeast: GOAL.ratio,
      hitRateAtLeast: GOAL.hitRate,
      met: figures.verifyRatio >= GOAL.ratio && figures.hitRate >= GOAL.hitRate,
    },
    median: figures,
    table: speeds.map((speed, n) => ({
      'verify cold µs': round(speed.verifyCold),
      'cached µs': round(speed.verifyCached),
      ratio: round(speed.verifyRatio, 1),
      'authenticate cold µs': round(speed.authenticateCold),
      'authenticate cached µs': round(speed.authenticateCached),
      'authenticate ratio': round(speed.authenticateRatio, 1),
      'hit rate': hitRates[n].hitRate,
    })),
    results: { speeds, hitRates },
  };
}

/** TokenManager.verifyAccessToken and Identity.authenticate as the server has them, one call after another. */
async function measureSpeed(rounds, log) {
  const identity = await openIdentity();
  const speeds = [];
  try {
    await measureRound(identity);
    for (let n = 0; n < rounds; n += 1) {
      speeds.push(await measureRound(identity));
      log(`cached against cold: ${JSON.stringify(speeds.at(-1))}`);
    }
  } finally {
    await identity.close();
  }
  return speeds;
}

async function measureRound(identity) {
  const [verifyCold, verifyCached] = await coldAndCached(identity, identity.verify);
  const [authenticateCold, authenticateCached] = await coldAndCached(identity, identity.authenticate);
  return {
    verifyCold,
    verifyCached,
    verifyRatio: verifyCold / verifyCached,
    authenticateCold,
    authenticateCached,
    authenticateRatio: authenticateCold / authenticateCached,
  };
}

/** Microseconds a call: of tokens that were never seen, and of the same ones again. */
async function coldAndCached({ makeTokens }, use) {
  const tokens = await makeTokens(TOKENS);
  const cold = await timed(tokens, use);
  let cached = 0;
  for (let pass = 0; pass < CACHED_PASSES; pass += 1) cached += await timed(tokens, use);
  return [cold, cached / CACHED_PASSES];
}

async function timed(tokens, use) {
  const startedAt = performance.now();
  for (const token of tokens) await use(token);
  return ((performance.now() - startedAt) * 1000) / tokens.length;
}

async function measureHitRates(rounds, log) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-'));
  const settings = { PORT: String(await freePort()), DATA_DIR: folder };
  const server = await serve(settings, { core: CORES.server });
  try {
    log(`signing ${USERS} users up`);
    const users = [];
    await inLanes(USERS, async () => users.push(await signUp(server.url)));
    const hitRates = [];
    for (let n = 0; n < rounds; n += 1) {
      hitRates.push(await measureHitRate(server.url, users));
      log(`hit rate: ${JSON.stringify(hitRates.at(-1))}`);
    }
    return hitRates;
  } finally {
    await stop(server.child, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From tokens that the server has never seen; each user's requests come between those of all others. */
async function measureHitRate(url, users) {
  await inLanes(users.length, async (n) => {
    const { refreshToken } = users[n];
    Object.assign(users[n], await call(url, 'POST', '/api/auth/refresh', { body: { refreshToken } }));
  });
  const before = await countsOf(url);
  const startedAt = performance.now();
  await inLanes(users.length * REQUESTS_EACH, async (n) => {
    await call(url, 'GET', '/api/users/me', { token: users[n % users.length].accessToken });
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await countsOf(url);
  const [hits, misses] = [after.hits - before.hits, after.misses - before.misses];
  const hitRate = round(hits / (hits + misses), 4);
  return { hits, misses, hitRate, requestsASecond: round((hits + misses) / seconds) };
}

async function countsOf(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const count = (name) =>
    Number(new RegExp(`^bongsu_cache_${name}_total\\{cache="jwt"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { hits: count('hits'), misses: count('misses') };
}

async function inLanes(count, work) {
  let next = 0;
  const lane = async () => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
