import { measureStolen } from '../../lib/stolen-time.mjs';
import { chaosOn } from './chaos.mjs';
import { runSuites } from './suites.mjs';
import {
  FAULT_LIST,
  judgeChaos,
  judgeRecovered,
  judgeRecovery,
  judgeRuns,
  judgeSuites,
  judgeWithoutRedis,
  LEAST_RUNS,
  LONGEST_RECOVERY_MS,
  RECOVERED,
} from './verdicts.mjs';

const CHAOS = new URL('../../../packages/server/dist/chaos/', import.meta.url);
const { formatReport } = await import(new URL('report.js', CHAOS));

export const description =
  'several nodes: the tests of one server and the list of faults on 2 and 4 nodes behind nginx and HAProxy, recovery from each, and delivery without Redis';

const SITES = [
  { balancer: 'haproxy', nodes: 2 },
  { balancer: 'nginx', nodes: 4 },
  { balancer: 'nginx', nodes: 2 },
  { balancer: 'haproxy', nodes: 4 },
];
const EXAMPLES = 5;
/** Enough for 200 of the list: of the 53 of a site one or two are of the other fault. */
const RUNS = 212;
/** Beyond the list, for here both connections of a screen are on nodes of their own. */
const OTHERS = ['screen-twice'];
/** Of faults that take a quarter of a minute and more: struck on the first two sites only. */
const LONG_ROUND = 4;
/** Nothing fails, waits or expires by itself: what is slow is slow for the fault. */
const CALM = { failing: 0, silent: 0, expiring: 0, navigates: 0, cancels: 0 };
const STEADY_PER_SECOND = 50;

/** Each a proof of its own, and a file. */
export const parts = ['suites', 'chaos', 'recovery', 'redis'];

/** Too little to stand for the proof. */
export const isReduced = ({ runs = RUNS }) => !(runs >= LEAST_RUNS);

const nameOf = ({ nodes, balancer }) => `${nodes} nodes, ${balancer}`;

/** @param runs that count, of all sites of chaos together */
export async function prove({ part, seed, runs = RUNS, faults, log }) {
  const proofs = {
    suites: proveSuites,
    chaos: proveChaos,
    recovery: proveRecovery,
    redis: proveWithoutRedis,
  };
  const { wrong, figures } = await proofs[part]({ seed, runs, faults, log });
  for (const what of wrong) log(`${part}: ${what}`);
  return { passed: wrong.length === 0, figures: { [part]: figures, wrong } };
}

async function proveSuites({ log }) {
  const suites = {};
  for (const site of SITES) {
    const { failures, ...counts } = await runSuites(site);
    suites[nameOf(site)] = { ...counts, failures: failures.slice(0, EXAMPLES) };
    log(`${nameOf(site)}: ${JSON.stringify(counts)}`);
    for (const failure of failures) log(`  ${failure}`);
  }
  return { figures: suites, wrong: judgeSuites(suites) };
}

/** Two sites at a time: most of a run is waiting for due times. */
async function proveChaos({ seed, runs, faults = [...FAULT_LIST, ...OTHERS], log }) {
  const each = Math.ceil(runs / SITES.length);
  const run = async (site, n, only) => {
    const name = nameOf(site);
    const report = await chaosOn({
      ...{ ...site, faults, only, seed: seed + n, runs: each, judge: judgeRuns },
      log: (line) => log(`${name}: ${line}`),
    });
    if (report === undefined) return [];
    log(`${name}:\n${formatReport(report)}`);
    return [[name, report]];
  };
  const first = await Promise.all(SITES.slice(0, 2).map((site, n) => run(site, n)));
  const isShort = ({ everyNthRound = 1 }) => everyNthRound < LONG_ROUND;
  const second = await Promise.all(SITES.slice(2).map((site, n) => run(site, n + 2, isShort)));
  const reports = Object.fromEntries([...first, ...second].flat());
  return { figures: reports, wrong: judgeChaos(reports) };
}

/**
 * Each fault once; what did not count after three tries has three more at the end, for there may have been too little in flight by
 * luck. One after another, or they would be slow for each other. What kills counts only with much in flight, so under all the load that
 * is answered; what lasts under a steady one, which never pauses and leaves no backlog of its own. A killed node is started again only
 * when everything has ended without it: that is what its loss costs.
 */
async function proveRecovery({ seed, faults = RECOVERED, log }) {
  const calm = { mix: CALM, measureStolen, settlesWithinMs: LONGEST_RECOVERY_MS };
  const kills = { only: ({ isKill }) => isKill, load: { ...calm, healsLast: true } };
  const lasting = { only: ({ isKill }) => !isKill, load: { ...calm, perSecond: STEADY_PER_SECOND } };
  const recovery = {};
  for (const site of SITES.slice(0, 2)) {
    const reports = [];
    for (const session of [kills, lasting]) {
      const report = await chaosOn({ ...site, ...session, faults, seed, judge: judgeRecovered, log });
      if (report === undefined) continue;
      log(`${nameOf(site)}:\n${formatReport(report)}`);
      reports.push(report);
    }
    recovery[nameOf(site)] = reports;
  }
  return { figures: recovery, wrong: judgeRecovery(recovery) };
}

/** Controllers and screens are on different nodes throughout. */
async function proveWithoutRedis({ seed, log }) {
  const report = await chaosOn({
    ...{ nodes: 2, seed, runs: 2, faults: ['redis-outage'], judge: judgeWithoutRedis, log },
    load: { mix: CALM, perSecond: STEADY_PER_SECOND },
  });
  log(formatReport(report));
  return { figures: report, wrong: judgeWithoutRedis(report) };
}
