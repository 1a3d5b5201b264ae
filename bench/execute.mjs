import { LIFTED, NODE_FLAGS } from './lib/bongsu.mjs';
import { CORES, measureBare, measureBongsu } from './lib/measure.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { median, round } from './lib/statistics.mjs';

export const description =
  'PF1b: the same with connected screens, their receipts and statuses to the sender; against bare Socket.IO that only acks, and one that relays command, receipt and status by hand';

const CONTROLLERS = 100;
const IN_FLIGHT = 8;

export async function run({ seconds = 5, rounds = 5, cpuProfile, log }) {
  const load = { inFlight: IN_FLIGHT, warmUpSeconds: 2, seconds };
  const postgres = await startPostgres({ core: CORES.others });
  const both = { controllers: CONTROLLERS };
  const results = [];
  try {
    for (let n = 0; n < rounds; n += 1) {
      const bongsu = await measureBongsu({ ...both, postgres, cpuProfile, load: { ...load, execute: true } });
      const relay = await measureBare({ ...both, relay: true, load: { ...load, execute: true } });
      const acks = await measureBare({ ...both, load: { ...load, execute: false } });
      results.push({ bongsu, relay, acks });
      log(
        `${bongsu.executedPerSecond}/s, relay ${relay.executedPerSecond}/s, acks ${acks.acceptedPerSecond}/s`,
      );
    }
  } finally {
    await postgres.stop();
  }
  const middle = (figure) => round(median(results.map(figure)));
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
    median: {
      executedPerSecond: middle(({ bongsu }) => bongsu.executedPerSecond),
      ratioToAcks: middle(({ bongsu, acks }) => bongsu.executedPerSecond / acks.acceptedPerSecond),
      ratioToRelay: middle(({ bongsu, relay }) => bongsu.executedPerSecond / relay.executedPerSecond),
      executedMsP50: middle(({ bongsu }) => bongsu.executedMs.p50),
      executedMsP95: middle(({ bongsu }) => bongsu.executedMs.p95),
      serverCpuMsPer1000: middle(({ bongsu }) => bongsu.serverCpuMsPer1000),
      relayCpuMsPer1000: middle(({ relay }) => relay.serverCpuMsPer1000),
    },
    table: results.map(({ bongsu, relay, acks }) => ({
      'Bongsu executed/s': bongsu.executedPerSecond,
      'bare relay/s': relay.executedPerSecond,
      'bare acks/s': acks.acceptedPerSecond,
      'executed p95 ms': bongsu.executedMs.p95,
      'CPU ms/1000': bongsu.serverCpuMsPer1000,
    })),
    results,
  };
}
