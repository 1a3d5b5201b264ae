import { LIFTED, NODE_FLAGS } from './lib/bongsu.mjs';
import { allSettled, sendTriggers, startScreens, statementsOf, withCrowd } from './lib/crowd.mjs';
import { CORES } from './lib/measure.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { median, round } from './lib/statistics.mjs';

export const description =
  'screens that come back all at once, each with one trigger waiting: time until all are ready and served, and statements';

const CROWDS = [250, 500, 1000];

export async function run({ rounds = 3, log, bin }) {
  const postgres = await startPostgres({ core: CORES.others, countStatements: true });
  const results = [];
  try {
    for (const [profile, cluster] of [['embedded'], ['postgres', postgres]]) {
      for (const count of CROWDS) {
        await withCrowd({ postgres: cluster, count, bin }, async (crowd) => {
          for (const figures of await measure(crowd, cluster, rounds)) {
            results.push({ profile, screens: count, ...figures });
            log(
              `${profile}, ${count}: ready in ${figures.readyMs} ms, ${JSON.stringify(figures.statements)}`,
            );
          }
        });
      }
    }
  } finally {
    await postgres.stop();
  }
  const of = (profile, count, figure) =>
    median(
      results
        .filter((result) => result.profile === profile && result.screens === count)
        .map((result) => result[figure]),
    );
  return {
    setting: { crowds: CROWDS, rounds, lifted: LIFTED, nodeFlags: NODE_FLAGS, cores: CORES },
    postgres: postgres.version,
    median: {
      embeddedReadyMs: Object.fromEntries(CROWDS.map((count) => [count, of('embedded', count, 'readyMs')])),
      postgresReadyMs: Object.fromEntries(CROWDS.map((count) => [count, of('postgres', count, 'readyMs')])),
      statementsPerScreen: Object.fromEntries(
        CROWDS.map((count) => [count, of('postgres', count, 'statementsEach')]),
      ),
    },
    table: results.map(({ profile, screens, readyMs, servedMs, statementsEach, statements }) => ({
      profile,
      screens,
      'ready ms': readyMs,
      'served ms': servedMs,
      'statements a screen': statementsEach ?? '',
      ...statements,
    })),
    results,
  };
}

async function measure(crowd, postgres, rounds) {
  const { server, database, screens } = crowd;
  await sendTriggers(crowd, 1);
  const process = startScreens({ url: server.url, screens, window: 1, expect: 1 });
  const figures = [];
  try {
    await process.next('ready');
    await process.next('done');
    for (let n = 0; n < rounds; n += 1) {
      await sendWhileAway(crowd, process);
      await postgres?.takeStatements(database);
      const startedAt = performance.now();
      process.again();
      const readyMs = await process.next('ready');
      await process.next('done');
      await allSettled(crowd, postgres);
      const servedMs = round(performance.now() - startedAt);
      figures.push({ readyMs, servedMs, ...(await statementsOf(crowd, postgres, screens.length)) });
    }
  } finally {
    await process.stop();
  }
  return figures;
}

/** One trigger for each screen, which is gone before it comes and back after it. */
async function sendWhileAway(crowd, process) {
  process.leave();
  await process.next('left');
  await sendTriggers(crowd, 1);
}
