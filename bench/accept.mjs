import { LIFTED, NODE_FLAGS } from './lib/bongsu.mjs';
import { CORES, measureBare, measureBongsu } from './lib/measure.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { median, round } from './lib/statistics.mjs';

export const description =
  'PF1: durable, idempotent, acked triggers a second, each controller to its own offline screen, against bare Socket.IO acking the same event';

const CONTROLLERS = 100;
const IN_FLIGHT = 8;
const GOAL = 0.5;

export async function run({ seconds = 5, rounds = 5, cpuProfile, log }) {
  const load = { inFlight: IN_FLIGHT, warmUpSeconds: 2, seconds, execute: false };
  const postgres = await startPostgres({ core: CORES.others });
  const pairs = [];
  try {
    for (let n = 0; n < rounds; n += 1) {
      pairs.push(await pair({ postgres, load, cpuProfile, bareFirst: n % 2 === 1 }));
      log(line(pairs.at(-1)));
    }
  } finally {
    await postgres.stop();
  }
  const of = (side, name) => median(pairs.map((pair) => pair[side][name]));
  const ratio = round(median(pairs.map((pair) => pair.ratio)));
  return {
    setting: {
      controllers: CONTROLLERS,
      inFlight: IN_FLIGHT,
      ...load,
      rounds,
      lifted: LIFTED,
      nodeFlags: NODE_FLAGS,
      cores: CORES,
    },
    postgres: postgres.version,
    goal: { ratioAtLeast: GOAL, met: ratio >= GOAL },
    median: {
      ratio,
      bongsuPerSecond: of('bongsu', 'acceptedPerSecond'),
      barePerSecond: of('bare', 'acceptedPerSecond'),
      bongsuCpuMsPer1000: of('bongsu', 'serverCpuMsPer1000'),
      bareCpuMsPer1000: of('bare', 'serverCpuMsPer1000'),
      bongsuAckMsP95: median(pairs.map(({ bongsu }) => bongsu.ackMs.p95)),
      bareAckMsP95: median(pairs.map(({ bare }) => bare.ackMs.p95)),
    },
    table: pairs.map(({ bongsu, bare, ratio }) => ({
      'Bongsu/s': bongsu.acceptedPerSecond,
      'bare/s': bare.acceptedPerSecond,
      ratio: round(ratio),
      'Bongsu CPU ms/1000': bongsu.serverCpuMsPer1000,
      'bare CPU ms/1000': bare.serverCpuMsPer1000,
      'Bongsu ack p95 ms': bongsu.ackMs.p95,
      'bare ack p95 ms': bare.ackMs.p95,
    })),
    pairs,
  };
}

async function pair({ postgres, load, cpuProfile, bareFirst }) {
  const both = { controllers: CONTROLLERS, load };
  const first = bareFirst ? await measureBare(both) : undefined;
  const bongsu = await measureBongsu({ ...both, postgres, cpuProfile });
  const bare = first ?? (await measureBare(both));
  return { bongsu, bare, ratio: bongsu.acceptedPerSecond / bare.acceptedPerSecond };
}

function line({ bongsu, bare, ratio }) {
  return `${bongsu.acceptedPerSecond}/s against ${bare.acceptedPerSecond}/s: ${round(ratio)}`;
}
