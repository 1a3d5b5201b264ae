import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LIFTED, NODE_FLAGS } from './lib/bongsu.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { cpuSeconds, residentMiB } from './lib/processes.mjs';
import { median, round } from './lib/statistics.mjs';
import { loopDelay, populate, startReporter, withTwoNodes } from './lib/two-nodes.mjs';
import { judgeRun } from './lib/verdict.mjs';

export const description =
  'SCL4, PF4, PF5: many connections on two nodes, and commands each of which crosses from one node to the other: memory of a node, accepted to executed, errors, CPU of all';

const CROWD = fileURLToPath(new URL('lib/returning-crowd.mjs', import.meta.url));
const LOAD = fileURLToPath(new URL('lib/steady-load.mjs', import.meta.url));
const CONNECTIONS = 10_000;
const PER_SECOND = 500;
const PEOPLE = 20;
/** Of the connections: the others are people's. */
const SCREENS = 0.5;
const WARM_UP_MS = 5000;

export async function run({
  seconds = 60,
  rounds = 1,
  sizes = [CONNECTIONS],
  rate = PER_SECOND,
  cpuProfile,
  log,
  bin,
}) {
  const postgres = await startPostgres({ countStatements: true });
  const results = [];
  try {
    for (const connections of sizes) {
      for (let round = 0; round < rounds; round += 1) {
        const wanted = { connections, seconds, rate };
        const figures = await withTwoNodes({ postgres, cpuProfile, bin }, (site) => measure(site, wanted));
        results.push({ connections, ...figures });
        log(`${connections}: ${JSON.stringify(figures.commands)}, RSS ${figures.rssMiB.join(' and ')} MiB`);
      }
    }
  } finally {
    await postgres.stop();
  }
  const middle = (connections, figure) =>
    round(median(results.filter((one) => one.connections === connections).map(figure)));
  return {
    setting: {
      ...{ sizes, perSecond: rate, people: PEOPLE, screens: SCREENS, seconds, rounds },
      ...{ lifted: LIFTED, nodeFlags: NODE_FLAGS },
    },
    postgres: postgres.version,
    median: Object.fromEntries(
      sizes.flatMap((size) => [
        [`${size}: RSS of a node, MiB`, middle(size, ({ rssMiB }) => Math.max(...rssMiB))],
        [`${size}: accepted to executed, p95 ms`, middle(size, ({ crossingMs }) => crossingMs.p95)],
        [`${size}: errors`, middle(size, ({ errors }) => errors)],
      ]),
    ),
    failures: results.flatMap(({ connections: of, commands, closed }) =>
      judgeRun({ of, ...commands, counts: { 'connections were closed': closed } }),
    ),
    table: results.map(rowOf),
    results,
  };
}

async function measure({ nodes, database, redis, postgres }, { connections, seconds, rate }) {
  const half = Math.floor((connections * SCREENS) / 2);
  const { tokens, screens } = await populate(nodes[0].url, { people: PEOPLE, screens: 2 * half });
  const [first, second] = [screens.slice(0, half), screens.slice(half)];
  const users = Math.floor(connections / 2) - half;
  const crowds = [first, second].map((of, place) =>
    startReporter(CROWD, { url: nodes[place].url, screens: of, tokens, users }),
  );
  // Each to screens of the other node.
  const senders = [second, first].map((of, place) => ({
    ...{ name: 'crossing', url: nodes[place].url, token: tokens[0] },
    screenIds: of.filter(({ owner }) => owner === 0).map(({ screenId }) => screenId),
  }));
  let load;
  try {
    await Promise.all(crowds.map((crowd) => crowd.next('settled')));
    load = startReporter(LOAD, { senders, perSecond: rate / senders.length });
    await load.next('steady');
    await pause(WARM_UP_MS);
    const usage = () =>
      Promise.all([...nodes.map(({ pid }) => cpuSeconds(pid)), postgres.cpuSeconds(), redis.cpuSeconds()]);
    await Promise.all([...nodes.map(loopDelay), postgres.takeStatements(database), redis.takeCommands()]);
    const before = await usage();
    load.tell({ phase: 'measured' });
    await pause(seconds * 1000);
    const cpuShares = (await usage()).map((now, place) => round((now - before[place]) / seconds));
    const [late, rssMiB, statements, commands] = await Promise.all([
      Promise.all(nodes.map(loopDelay)),
      Promise.all(nodes.map(async ({ pid }) => Math.round(await residentMiB(pid)))),
      postgres.takeStatements(database),
      redis.takeCommands(),
    ]);
    load.tell({ end: true });
    const { executedMs, ...sent } = await load.next('sent');
    const ends = await Promise.all(crowds.map(endOf));
    const of = (figure) => ends.reduce((total, end) => total + end[figure], 0);
    const refused = Object.values(sent.refusals).reduce((total, count) => total + count, 0);
    return {
      commands: { ...sent, twice: of('twice') },
      crossingMs: executedMs['measured: crossing'],
      errors: refused + sent.lost + of('twice') + of('closed'),
      closed: of('closed'),
      rssMiB,
      cpuShares: { nodes: cpuShares.slice(0, 2), postgres: cpuShares[2], redis: cpuShares[3] },
      loopDelayMs: late,
      statementsPerSecond: round(statements.reduce((total, { calls }) => total + calls, 0) / seconds),
      redisPerSecond: round(Object.values(commands).reduce((total, calls) => total + calls, 0) / seconds),
    };
  } finally {
    await Promise.all([...crowds, load].map((one) => one?.stop()));
  }
}

async function endOf(reporter) {
  reporter.tell({ end: true });
  return reporter.next('ended');
}

function rowOf({ connections, crossingMs, errors, rssMiB, cpuShares, loopDelayMs, redisPerSecond, ...rest }) {
  return {
    ...{ connections, commands: crossingMs.commands, p50: crossingMs.p50, p95: crossingMs.p95 },
    ...{
      p99: crossingMs.p99,
      errors,
      'RSS MiB': rssMiB.join(', '),
      'CPU of nodes': cpuShares.nodes.join(', '),
    },
    ...{ 'CPU of PostgreSQL': cpuShares.postgres, 'CPU of Redis': cpuShares.redis },
    ...{ 'loop p99 ms': loopDelayMs.map(({ p99 }) => p99).join(', ') },
    ...{ 'SQL/s': rest.statementsPerSecond, 'Redis/s': redisPerSecond },
  };
}
