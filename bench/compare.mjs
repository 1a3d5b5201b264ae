import { NODE_FLAGS, SERVER } from './lib/bongsu.mjs';
import { checkOut } from './lib/checkout.mjs';
import { CORES, measureBongsu } from './lib/measure.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { median, round } from './lib/statistics.mjs';

export const description =
  'this tree against another commit of it, run in pairs by turns on one machine: ratios of this to that';

const CONTROLLERS = 100;
const IN_FLIGHT = 8;
const FIGURES = {
  accept: { perSecond: 'acceptedPerSecond', latency: 'ackMs' },
  execute: { perSecond: 'executedPerSecond', latency: 'executedMs' },
};

export async function run({ what, base, seconds = 5, rounds = 5, log }) {
  if (base === undefined) throw new Error('compare needs --base COMMIT');
  const load = { inFlight: IN_FLIGHT, warmUpSeconds: 2, seconds, execute: what === 'execute' };
  const other = checkOut(base, log);
  const postgres = await startPostgres({ core: CORES.others });
  const pairs = [];
  try {
    for (let n = 0; n < rounds; n += 1) {
      const sides = [
        ['head', SERVER],
        ['base', other.bin],
      ];
      if (n % 2 === 1) sides.reverse();
      const pair = {};
      for (const [side, bin] of sides)
        pair[side] = await measureBongsu({ controllers: CONTROLLERS, postgres, load, bin });
      pairs.push({ ...pair, ratio: ratios(pair, what) });
      log(`round ${n + 1}: ${JSON.stringify(pairs.at(-1).ratio)}`);
    }
  } finally {
    await postgres.stop();
    other.remove();
  }
  return {
    base: other.commit,
    setting: { controllers: CONTROLLERS, ...load, rounds, nodeFlags: NODE_FLAGS, cores: CORES },
    postgres: postgres.version,
    median: Object.fromEntries(
      ['perSecond', 'serverCpu', 'postgresCpu', 'p95'].map((name) => [
        `${name}Ratio`,
        round(median(pairs.map(({ ratio }) => ratio[name]))),
      ]),
    ),
    /** Slower in every pair is slower; anything else is within what one and the same commit shows. */
    slowerInEveryPair: pairs.every(({ ratio }) => ratio.perSecond < 1),
    table: pairs.map(({ head, base: before, ratio }) => row(head, before, ratio, FIGURES[what].perSecond)),
    pairs,
  };
}

function ratios({ head, base }, what) {
  const { perSecond, latency } = FIGURES[what];
  return {
    perSecond: round(head[perSecond] / base[perSecond]),
    serverCpu: round(head.serverCpuMsPer1000 / base.serverCpuMsPer1000),
    postgresCpu: round(head.postgresCpuMsPer1000 / base.postgresCpuMsPer1000),
    p95: round(head[latency].p95 / base[latency].p95),
  };
}

function row(head, base, ratio, perSecond) {
  return {
    'here/s': head[perSecond],
    'base/s': base[perSecond],
    ratio: ratio.perSecond,
    'here CPU ms/1000': head.serverCpuMsPer1000,
    'base CPU ms/1000': base.serverCpuMsPer1000,
    'here Postgres CPU': head.postgresCpuMsPer1000,
    'base Postgres CPU': base.postgresCpuMsPer1000,
  };
}
