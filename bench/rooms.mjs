import { fileURLToPath } from 'node:url';
import { LIFTED, NODE_FLAGS, signUp } from './lib/bongsu.mjs';
import { CORES, measure, withBongsu, withPeer } from './lib/measure.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { cpuSeconds, start, stop } from './lib/processes.mjs';
import { ADMIN, visitConsole } from './lib/room-console.mjs';
import { median, round } from './lib/statistics.mjs';

export const description =
  'PF2, PF9: deliveries a second in rooms of 10 and signals a second against bare Socket.IO, the cost of a delivery by the size of the room, of a recovery by the length of its log, and an administrator’s console by the number of rooms';

const LOAD = fileURLToPath(new URL('lib/room-load.mjs', import.meta.url));
const RECOVERY = fileURLToPath(new URL('lib/room-recovery.mjs', import.meta.url));
const PEER = fileURLToPath(new URL('peers/bare-rooms.mjs', import.meta.url));
const PEOPLE = 10;
/** As everybody runs it but for these, which would be what is measured. */
const SETTINGS = {
  SIGNALS_PER_SECOND: '100000',
  ROOMS_PER_MINUTE: '1000000',
  JOINS_PER_MINUTE: '1000000',
  ROOM_HISTORY_MAX: '10000000',
  MAX_CONNECTIONS_PER_USER: '100000',
};
/** Of the specification. A ratio says nothing where the table shows that neither the server nor the load was busy. */
const GOALS = {
  firstStep: { deliveriesRatioAtLeast: 0.6, flatWithin: 0.25 },
  target: { deliveriesRatioAtLeast: 1, flatWithin: 0.15 },
};
const SHAPES = {
  deliveries: [{ name: 'rooms of 10', what: 'message', rooms: 10, seats: 10, senders: 100, inFlight: 8 }],
  signals: [{ name: 'pairs', what: 'signal', rooms: 50, seats: 2, senders: 100, inFlight: 8 }],
  // A thousand sockets each time, and about as many deliveries under way: only the size differs. A room has no more than 1,000 seats.
  sizes: [
    { name: '10 members', what: 'message', rooms: 100, seats: 10, senders: 100, inFlight: 8 },
    { name: '100 members', what: 'message', rooms: 10, seats: 100, senders: 80, inFlight: 1 },
    { name: '1000 members', what: 'message', rooms: 1, seats: 1000, senders: 8, inFlight: 1 },
  ],
};
/** 10^7 would take a quarter of an hour to post: `--entries` adds it. */
const ENTRIES = [1e3, 1e4, 1e5, 1e6];
const MISSED = 100;
const RECOVERIES = 200;
/** Ten sockets in each. */
const CONSOLE_ROOMS = [10, 1000];
const CONSOLE_SEATS = 10;

export async function run({
  seconds = 5,
  rounds = 5,
  cpuProfile,
  only = [...Object.keys(SHAPES), 'recovery', 'console'],
  entries = ENTRIES,
  log,
  bin,
}) {
  const postgres = await startPostgres({ core: CORES.others });
  const figures = {};
  const context = { postgres, seconds, rounds, cpuProfile, log, bin };
  try {
    for (const [part, shapes] of Object.entries(SHAPES).filter(([name]) => only.includes(name))) {
      figures[part] = [];
      for (const shape of shapes) figures[part].push(await comparePairs(shape, context));
    }
    if (only.includes('recovery')) figures.recovery = await measureRecovery(entries, context);
    if (only.includes('console')) figures.console = await measureConsole(context);
  } finally {
    await postgres.stop();
  }
  return {
    setting: {
      people: PEOPLE,
      shapes: SHAPES,
      entries,
      missed: MISSED,
      recoveries: RECOVERIES,
      seconds,
      rounds,
      lifted: { ...LIFTED, ...SETTINGS },
      nodeFlags: NODE_FLAGS,
      cores: CORES,
    },
    postgres: postgres.version,
    goal: Object.fromEntries(
      Object.entries(GOALS).map(([name, goal]) => [name, { ...goal, ...judge(figures, goal) }]),
    ),
    median: summarize(figures),
    table: tableOf(figures),
    figures,
  };
}

async function comparePairs(shape, context) {
  const pairs = [];
  for (let n = 0; n < context.rounds; n += 1) {
    pairs.push(await pair(shape, context, n % 2 === 1));
    const { bongsu, bare, ratio } = pairs.at(-1);
    context.log(
      `${shape.name}, ${shape.what}s: ${bongsu.deliveriesPerSecond}/s against ${bare.deliveriesPerSecond}/s: ${round(ratio)}`,
    );
  }
  return { name: shape.name, pairs };
}

async function pair(shape, { postgres, seconds, cpuProfile, bin }, bareFirst) {
  const load = { ...shape, warmUpSeconds: 2, seconds };
  const measureBare = () =>
    withPeer({ script: PEER }, (server) => measure(server, LOAD, { ...load, tokens: ['none'] }));
  const first = bareFirst ? await measureBare() : undefined;
  const bongsu = await withBongsu({ postgres, settings: SETTINGS, cpuProfile, bin }, async (server) =>
    measure(server, LOAD, { ...load, tokens: await tokensOf(server.url, PEOPLE) }, postgres),
  );
  const bare = first ?? (await measureBare());
  return { bongsu, bare, ratio: bongsu.deliveriesPerSecond / bare.deliveriesPerSecond };
}

async function tokensOf(url, count) {
  const tokens = [];
  for (let n = 0; n < count; n += 1) tokens.push((await signUp(url)).accessToken);
  return tokens;
}

/** One room whose log grows; at each length somebody comes back again and again to the same number of missed entries. */
function measureRecovery(entries, { postgres, bin, log }) {
  return withBongsu({ postgres, settings: SETTINGS, bin }, async ({ url, pid }) => {
    const reader = startRecovery({ url, tokens: await tokensOf(url, 2) });
    const usage = () => Promise.all([cpuSeconds(pid), postgres.cpuSeconds()]);
    const results = [];
    try {
      await reader.done();
      for (const count of entries) {
        const { seconds } = await reader.tell({ fill: count });
        await reader.tell({ recover: { times: 20, missed: MISSED } });
        const before = await usage();
        const times = await reader.tell({ recover: { times: RECOVERIES, missed: MISSED } });
        const [server, database] = (await usage()).map((now, place) =>
          round(((now - before[place]) * 1000) / RECOVERIES),
        );
        results.push({ entries: count, ...times, serverCpuMs: server, postgresCpuMs: database });
        log(`${count} entries (written in ${seconds} s): ${JSON.stringify(results.at(-1))}`);
      }
    } finally {
      await reader.stop();
    }
    return results;
  });
}

/** The same console on a server with few rooms, and with many. */
async function measureConsole({ postgres, bin, log }) {
  const settings = { ...SETTINGS, ADMIN_EMAIL: ADMIN.email, ADMIN_PASSWORD: ADMIN.password };
  const results = [];
  for (const rooms of CONSOLE_ROOMS) {
    const visit = async (server) => {
      const tokens = await tokensOf(server.url, PEOPLE);
      return visitConsole(server, { tokens, rooms, seats: CONSOLE_SEATS });
    };
    results.push(await withBongsu({ postgres, settings, bin }, visit));
    log(`console: ${JSON.stringify(results.at(-1))}`);
  }
  return results;
}

function startRecovery(options) {
  const child = start(process.execPath, [RECOVERY], {
    core: CORES.others,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const done = () =>
    new Promise((resolve, reject) => {
      const onExit = (code) => reject(new Error(`the reader ended with ${code}`));
      child.once('exit', onExit);
      child.once('message', ({ done }) => {
        child.off('exit', onExit);
        resolve(done);
      });
    });
  child.send(options);
  return {
    done,
    tell(wanted) {
      const answered = done();
      child.send(wanted);
      return answered;
    },
    stop: () => stop(child, 'SIGKILL'),
  };
}

const of = ({ pairs }, side, figure) => round(median(pairs.map((pair) => pair[side][figure])));
const ratioOf = ({ pairs }) => round(median(pairs.map(({ ratio }) => ratio)));
/** The largest over the smallest. */
const spread = (values) => round(Math.max(...values) / Math.max(Number.EPSILON, Math.min(...values)));
const costs = (sizes, side) =>
  Object.fromEntries(sizes.map((shape) => [shape.name, of(shape, side, 'serverCpuMsPer1000')]));

/** By the median: a cost that falls with the size is none that grows. */
function judge({ deliveries, sizes, recovery }, goal) {
  const growth = (values) => round(Math.max(...values.slice(1)) / values[0]);
  return {
    ...(deliveries ? { met: ratioOf(deliveries[0]) >= goal.deliveriesRatioAtLeast } : {}),
    ...(sizes ? { sizesFlat: growth(Object.values(costs(sizes, 'bongsu'))) <= 1 + goal.flatWithin } : {}),
    ...(recovery?.length > 1
      ? { recoveryFlat: growth(recovery.map(({ medianMs }) => medianMs)) <= 1 + goal.flatWithin }
      : {}),
  };
}

function summarize({ deliveries, signals, sizes, recovery, console }) {
  const compared = (prefix, [shape]) => ({
    [`${prefix}Ratio`]: ratioOf(shape),
    [`${prefix}BongsuPerSecond`]: of(shape, 'bongsu', 'deliveriesPerSecond'),
    [`${prefix}BarePerSecond`]: of(shape, 'bare', 'deliveriesPerSecond'),
  });
  return {
    ...(deliveries ? compared('deliveries', deliveries) : {}),
    ...(signals ? compared('signals', signals) : {}),
    ...(sizes
      ? { cpuMsPer1000Deliveries: costs(sizes, 'bongsu'), bareCpuMsPer1000Deliveries: costs(sizes, 'bare') }
      : {}),
    ...(recovery
      ? {
          recoveryMs: Object.fromEntries(recovery.map(({ entries, medianMs }) => [entries, medianMs])),
          recoverySpread: spread(recovery.map(({ medianMs }) => medianMs)),
        }
      : {}),
    ...(console
      ? { consolePageMs: Object.fromEntries(console.map(({ rooms, pageMs }) => [rooms, pageMs.p95])) }
      : {}),
  };
}

function tableOf({ recovery = [], console = [], ...compared }) {
  const rows = Object.entries(compared).flatMap(([part, shapes]) =>
    shapes.map((shape) => ({
      part: `${part}: ${shape.name}`,
      'Bongsu/s': of(shape, 'bongsu', 'deliveriesPerSecond'),
      'bare/s': of(shape, 'bare', 'deliveriesPerSecond'),
      ratio: ratioOf(shape),
      'Bongsu CPU ms/1000': of(shape, 'bongsu', 'serverCpuMsPer1000'),
      'bare CPU ms/1000': of(shape, 'bare', 'serverCpuMsPer1000'),
      'server busy': of(shape, 'bongsu', 'serverCpuShare'),
      'load busy': of(shape, 'bongsu', 'loadCpuShare'),
    })),
  );
  const recoveries = recovery.map(({ entries, medianMs, p95Ms, serverCpuMs }) => ({
    part: `recovery of ${MISSED} from ${entries}`,
    'median ms': medianMs,
    'p95 ms': p95Ms,
    'server CPU ms': serverCpuMs,
  }));
  const consoles = console.map(({ rooms, sockets, pageMs }) => ({
    part: `a page of ${rooms} rooms with ${sockets} sockets`,
    'median ms': pageMs.p50,
    'p95 ms': pageMs.p95,
  }));
  return [...rows, ...recoveries, ...consoles];
}
