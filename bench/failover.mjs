import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LIFTED, NODE_FLAGS } from './lib/bongsu.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { cpuSeconds, stop } from './lib/processes.mjs';
import { median, round } from './lib/statistics.mjs';
import { loopDelay, populate, startReporter, withTwoNodes } from './lib/two-nodes.mjs';
import { judgeRun } from './lib/verdict.mjs';

export const description =
  'PF6: one of two nodes is killed under commands, and all its sockets come back to the other one: time until each is ready, sockets not resumed, commands lost, statements of SQL and commands of Redis for each, and what the sockets of the other node notice';

const CROWD = fileURLToPath(new URL('lib/returning-crowd.mjs', import.meta.url));
const LOAD = fileURLToPath(new URL('lib/steady-load.mjs', import.meta.url));
const SIZES = [1000, 5000];
const SEATS = 4;
const PEOPLE = 20;
/** Of the node that lives. */
const STANDING = 50;
const PER_SECOND = 50;
const CALM_MS = 5000;
/** Receipts and presence are written after `ready`. */
const SETTLE_MS = 1000;
const KINDS = ['screens', 'users', 'rooms'];

export async function run({ rounds = 3, sizes = SIZES, only = KINDS, cpuProfile, log, bin }) {
  const postgres = await startPostgres({ countStatements: true });
  const results = [];
  try {
    for (const kind of only) {
      for (const size of sizes) {
        for (let round = 0; round < rounds; round += 1) {
          const figures = await withTwoNodes({ postgres, cpuProfile, bin }, (site) => fail(site, kind, size));
          results.push({ kind, size, ...figures });
          log(`${kind}, ${size}: ${JSON.stringify(figures.back)}, lost ${figures.commands.lost}`);
        }
      }
    }
  } finally {
    await postgres.stop();
  }
  return {
    setting: {
      ...{ kinds: only, sizes, seats: SEATS, people: PEOPLE, standing: STANDING, perSecond: 2 * PER_SECOND },
      ...{ rounds, lifted: LIFTED, nodeFlags: NODE_FLAGS },
    },
    postgres: postgres.version,
    median: summarize(results, only, sizes),
    failures: results.flatMap(judge),
    table: results.map(rowOf),
    results,
  };
}

async function fail({ nodes: [dying, living], database, redis, postgres }, kind, size) {
  const { tokens, screens } = await populate(living.url, {
    people: PEOPLE,
    // Commands go to screens of the dying node, whoever else comes back.
    screens: STANDING + (kind === 'screens' ? size : STANDING),
  });
  const own = screens.slice(0, STANDING);
  const theirs = screens.slice(STANDING);
  const standing = startReporter(CROWD, { url: living.url, screens: own });
  const crowd = startReporter(CROWD, {
    ...{ url: dying.url, to: living.url, screens: theirs, tokens },
    ...(kind === 'users' ? { users: size } : {}),
    ...(kind === 'rooms' ? { rooms: Math.floor(size / SEATS), seats: SEATS } : {}),
  });
  const senderOf = (name, targets) => ({
    ...{ name, url: living.url, token: tokens[0] },
    screenIds: targets.filter(({ owner }) => owner === 0).map(({ screenId }) => screenId),
  });
  let load;
  try {
    await Promise.all([standing.next('settled'), crowd.next('settled')]);
    load = startReporter(LOAD, {
      senders: [senderOf('to those who stay', own), senderOf('to those who come back', theirs)],
      perSecond: PER_SECOND,
    });
    await load.next('steady');
    const take = takeUsage({ living, database, redis, postgres });
    await take();
    await pause(CALM_MS);
    const calm = await take();
    load.tell({ phase: 'storm' });
    crowd.tell({ killedAt: Date.now() });
    await stop(dying.child, 'SIGKILL');
    const back = await crowd.next('back');
    await pause(SETTLE_MS);
    const storm = await take();
    load.tell({ end: true });
    const sent = await load.next('sent');
    const [stayed, came] = await Promise.all([standing, crowd].map(endOf));
    const sockets = size + (kind === 'screens' ? 0 : STANDING);
    return {
      back,
      commands: { ...sent, twice: came.twice + stayed.twice },
      stayed: { closed: stayed.closed, longestSilenceMs: stayed.longestSilenceMs },
      loopDelayMs: { calm: calm.loopDelayMs, storm: storm.loopDelayMs },
      cpuMsEach: moreThan(calm, storm, sockets, ({ cpuSeconds }) => cpuSeconds * 1000),
      sqlEach: moreThan(calm, storm, sockets, ({ sql }) => sum(Object.values(sql))),
      redisEach: moreThan(calm, storm, sockets, ({ redis }) => sum(Object.values(redis))),
      stormSeconds: round(storm.seconds),
      sql: topOf(storm.sql),
      redis: topOf(storm.redis),
      ...(await breakersOf(living.url)),
    };
  } finally {
    await Promise.all([standing, crowd, load].map((one) => one?.stop()));
  }
}

/** All come back to where they were, or it was no failover. */
function judge({ kind, size, back, stayed, commands }) {
  const seats = kind === 'rooms' ? Math.floor(size / SEATS) * SEATS : 0;
  const counts = {
    'sockets were not resumed': back.notResumed,
    'sockets of the other node were closed': stayed.closed,
    'seats were not kept': seats - (back.seatsKept ?? 0),
  };
  return judgeRun({ of: `${kind}, ${size}`, ...commands, counts });
}

async function endOf(reporter) {
  reporter.tell({ end: true });
  return reporter.next('ended');
}

/** What the living node, PostgreSQL and Redis did since it was taken last. */
function takeUsage({ living, database, redis, postgres }) {
  let before = { at: performance.now(), cpu: 0 };
  return async () => {
    const [statements, commands, loopDelayMs, cpu] = await Promise.all([
      postgres.takeStatements(database),
      redis.takeCommands(),
      loopDelay(living),
      cpuSeconds(living.pid),
    ]);
    const now = { at: performance.now(), cpu };
    const [seconds, used] = [(now.at - before.at) / 1000, cpu - before.cpu];
    before = now;
    const sql = {};
    for (const { query, calls } of statements) {
      const name = query.replace(/\s+/g, ' ').slice(0, 120);
      sql[name] = (sql[name] ?? 0) + calls;
    }
    return { seconds, cpuSeconds: used, sql, redis: commands, loopDelayMs };
  };
}

/** For each socket, what the storm cost over what goes on in any case. */
function moreThan(calm, storm, sockets, figure) {
  return round((figure(storm) - (figure(calm) / calm.seconds) * storm.seconds) / sockets, 3);
}

/** How often a circuit opened, and what the pool refused. */
async function breakersOf(url) {
  const text = await fetch(`${url}/metrics`).then((answer) => answer.text());
  const count = (pattern) => sum([...text.matchAll(pattern)].map(([, value]) => Number(value)));
  return {
    breakerOpenings: count(/^bongsu_breaker_transitions_total\{[^}]*to="open"[^}]*\} (\d+)/gm),
    databaseFailures: count(
      /^bongsu_breaker_calls_total\{[^}]*name="database"[^}]*outcome="failure"[^}]*\} (\d+)/gm,
    ),
  };
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const topOf = (counts) =>
  Object.fromEntries(
    Object.entries(counts)
      .sort(([, one], [, other]) => other - one)
      .slice(0, 15),
  );

function rowOf({ kind, size, back, commands, stayed, loopDelayMs, sqlEach, redisEach, cpuMsEach, ...rest }) {
  return {
    ...{ kind, sockets: size, 'ready p50': back.readyMs.p50, 'ready p95': back.readyMs.p95 },
    ...{
      'ready p99': back.readyMs.p99,
      'ready max': back.readyMs.max,
      'seated max': back.seatedMs?.max ?? '',
    },
    ...{ 'seats kept': back.seatsKept ?? '', lost: commands.lost, twice: commands.twice },
    ...{ 'not resumed': back.notResumed, refusals: sum(Object.values(commands.refusals)) },
    ...{ 'SQL each': sqlEach, 'Redis each': redisEach, 'CPU ms each': cpuMsEach },
    ...{
      'loop max ms': loopDelayMs.storm.max,
      'stayed, closed': stayed.closed,
      openings: rest.breakerOpenings,
    },
  };
}

function summarize(results, kinds, sizes) {
  const rows = kinds.flatMap((kind) =>
    sizes.map((size) => [kind, size, results.filter((one) => one.kind === kind && one.size === size)]),
  );
  return Object.fromEntries(
    rows.map(([kind, size, of]) => [
      `${kind}, ${size}: ready p95 ms`,
      round(median(of.map(({ back }) => back.readyMs.p95))),
    ]),
  );
}
