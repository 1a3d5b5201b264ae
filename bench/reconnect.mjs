import { LIFTED, NODE_FLAGS } from './lib/bongsu.mjs';
import { allSettled, countStatements, sendTriggers, startScreens, withCrowd } from './lib/crowd.mjs';
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
    for (const count of CROWDS) {
      await withCrowd({ postgres, count, bin }, async (crowd) => {
        for (const figures of await measure(crowd, postgres, rounds)) {
          results.push({ screens: count, ...figures });
          log(`${count}: ready in ${figures.readyMs} ms, ${JSON.stringify(figures.statements)}`);
        }
      });
    }
  } finally {
    await postgres.stop();
  }
  const of = (count, figure) => median(results.filter(({ screens }) => screens === count).map(figure));
  return {
    setting: { crowds: CROWDS, rounds, lifted: LIFTED, nodeFlags: NODE_FLAGS, cores: CORES },
    postgres: postgres.version,
    median: Object.fromEntries(
      CROWDS.flatMap((count) => [
        [`readyMs${count}`, of(count, ({ readyMs }) => readyMs)],
        [`statementsPerScreen${count}`, of(count, ({ statementsPerScreen }) => statementsPerScreen)],
      ]),
    ),
    table: results.map(({ screens, readyMs, servedMs, statementsPerScreen, statements }) => ({
      screens,
      'ready ms': readyMs,
      'served ms': servedMs,
      'statements a screen': statementsPerScreen,
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
      await postgres.takeStatements(database);
      const startedAt = performance.now();
      process.again();
      const readyMs = await process.next('ready');
      await process.next('done');
      await allSettled(crowd, postgres);
      const servedMs = round(performance.now() - startedAt);
      const statements = countStatements(await postgres.takeStatements(database));
      const total = Object.values(statements).reduce((sum, calls) => sum + calls, 0);
      figures.push({ readyMs, servedMs, statements, statementsPerScreen: round(total / screens.length, 3) });
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
