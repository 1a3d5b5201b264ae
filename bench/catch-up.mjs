import { LIFTED, NODE_FLAGS } from './lib/bongsu.mjs';
import { allSettled, sendTriggers, startScreens, statementsOf, withCrowd } from './lib/crowd.mjs';
import { CORES } from './lib/measure.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { cpuSeconds } from './lib/processes.mjs';
import { median, round } from './lib/statistics.mjs';

export const description =
  'a screen comes back to 10,000 triggers that wait for it: entries a second in order with their receipts, and statements';

const ENTRIES = 10_000;
const WINDOWS = [1, 32];
const GOAL = { window: 32, perSecond: 2000 };

export async function run({ rounds = 3, log, bin }) {
  const postgres = await startPostgres({ core: CORES.others, countStatements: true });
  const results = [];
  try {
    for (let n = 0; n < rounds; n += 1) {
      for (const [profile, cluster] of [['embedded'], ['postgres', postgres]]) {
        for (const window of WINDOWS) {
          const figures = await withCrowd({ postgres: cluster, count: 1, bin }, (crowd) =>
            measure(crowd, cluster, window),
          );
          results.push({ profile, window, ...figures });
          log(`${profile}, window ${window}: ${figures.perSecond}/s, ${JSON.stringify(figures.statements)}`);
        }
      }
    }
  } finally {
    await postgres.stop();
  }
  const reached = (profile, window) =>
    median(
      results
        .filter((result) => result.profile === profile && result.window === window)
        .map(({ perSecond }) => perSecond),
    );
  const perSecond = Object.fromEntries(
    ['embedded', 'postgres'].flatMap((profile) =>
      WINDOWS.map((window) => [`${profile}Window${window}`, reached(profile, window)]),
    ),
  );
  return {
    setting: {
      entries: ENTRIES,
      windows: WINDOWS,
      rounds,
      lifted: LIFTED,
      nodeFlags: NODE_FLAGS,
      cores: CORES,
    },
    postgres: postgres.version,
    goal: {
      ...GOAL,
      met: ['embedded', 'postgres'].every(
        (profile) => perSecond[`${profile}Window${GOAL.window}`] >= GOAL.perSecond,
      ),
    },
    median: { perSecond },
    table: results.map(({ profile, window, perSecond, statementsEach, serverCpuMsPer1000 }) => ({
      profile,
      window,
      'entries/s': perSecond,
      'statements an entry': statementsEach ?? '',
      'CPU ms/1000': serverCpuMsPer1000,
    })),
    results,
  };
}

async function measure(crowd, postgres, window) {
  const { server, database, screens } = crowd;
  await sendTriggers(crowd, ENTRIES);
  await postgres?.takeStatements(database);
  const before = await cpuSeconds(server.pid);
  const process = startScreens({ url: server.url, screens, window, expect: ENTRIES });
  try {
    const done = await process.next('done');
    await allSettled(crowd, postgres);
    const used = (await cpuSeconds(server.pid)) - before;
    return {
      ...done,
      ...(await statementsOf(crowd, postgres, ENTRIES)),
      serverCpuMsPer1000: round((used * 1e6) / ENTRIES),
    };
  } finally {
    await process.stop();
  }
}
