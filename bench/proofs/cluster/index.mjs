import { chaosOn } from './chaos.mjs';
import { runSuites } from './suites.mjs';

const CHAOS = new URL('../../../packages/server/dist/chaos/', import.meta.url);
const { formatReport } = await import(new URL('report.js', CHAOS));

export const description =
  'several nodes: the tests of one server and faults of every kind on 2 and 4 nodes behind nginx and HAProxy, recovery from each fault of the list, and delivery without Redis';

const SITES = [
  { balancer: 'haproxy', nodes: 2 },
  { balancer: 'nginx', nodes: 4 },
  { balancer: 'nginx', nodes: 2 },
  { balancer: 'haproxy', nodes: 4 },
];
/** Each may be proved alone. */
export const parts = ['suites', 'chaos', 'recovery', 'redis'];
const LEAST_CROSSED = 0.4;
const LONGEST_RECOVERY_MS = 5000;
const LONGEST_DELAY_MS = 1000;
const EXAMPLES = 5;
/** What is recovered from; the rest of chaos hurts one server, a screen or a client. */
const FAULT_LIST = [
  ...['node-kill-*', 'node-freeze-*', 'redis-*', 'postgres-crash', 'postgres-freeze'],
  ...['balancer-restart', 'partition-*'],
];
/** Nothing fails, waits or expires by itself: what is slow is slow for the fault. */
const CALM = { failing: 0, silent: 0, expiring: 0, navigates: 0, cancels: 0 };
const STEADY_PER_SECOND = 50;

const nameOf = ({ nodes, balancer }) => `${nodes} nodes, ${balancer}`;

/** @param runs that count, of all sites together. @param only of the parts */
export async function prove({ seed, runs = 240, only = parts, faults, log }) {
  const proofs = {
    suites: proveSuites,
    chaos: proveChaos,
    recovery: proveRecovery,
    redis: proveWithoutRedis,
  };
  const figures = {};
  const verdicts = [];
  for (const part of parts.filter((each) => only.includes(each))) {
    const { passed, ...found } = await proofs[part]({ seed, runs, faults, log });
    figures[part] = found[part];
    verdicts.push(passed);
    log(`${part}: ${passed ? 'passed' : 'FAILED'}`);
  }
  return { passed: verdicts.length > 0 && verdicts.every(Boolean), figures };
}

async function proveSuites({ log }) {
  const suites = {};
  for (const site of SITES) {
    const { failures, ...counts } = await runSuites(site);
    suites[nameOf(site)] = { ...counts, failures: failures.slice(0, EXAMPLES) };
    log(`${nameOf(site)}: ${JSON.stringify(counts)}`);
    for (const failure of failures) log(`  ${failure}`);
  }
  const all = Object.values(suites);
  return {
    suites,
    passed: all.every(({ passed, failed }) => failed === 0 && passed > 0 && passed === all[0].passed),
  };
}

/** Two sites at a time: most of a run is waiting for due times. */
async function proveChaos({ seed, runs, faults, log }) {
  const each = Math.ceil(runs / SITES.length);
  const run = async (site, n) => {
    const name = nameOf(site);
    const report = await chaosOn({
      ...{ ...site, faults, seed: seed + n, runs: each },
      log: (line) => log(`${name}: ${line}`),
    });
    log(`${name}:\n${formatReport(report)}`);
    return [name, report];
  };
  const first = await Promise.all(SITES.slice(0, 2).map((site, n) => run(site, n)));
  const second = await Promise.all(SITES.slice(2).map((site, n) => run(site, n + 2)));
  const reports = [...first, ...second];
  return {
    chaos: Object.fromEntries(reports),
    passed: reports.every(
      ([, report]) => report.violations === 0 && report.runs >= each && report.crossedShare >= LEAST_CROSSED,
    ),
  };
}

/** One after another, or they would be slow for each other. */
async function proveRecovery({ seed, faults = FAULT_LIST, log }) {
  const recovery = {};
  for (const site of SITES.slice(0, 2)) {
    const report = await chaosOn({ ...site, faults, seed, log, load: { mix: CALM } });
    log(`${nameOf(site)}:\n${formatReport(report)}`);
    recovery[nameOf(site)] = report;
  }
  return {
    recovery,
    passed: Object.values(recovery).every(
      (report) =>
        report.violations === 0 &&
        Object.values(report.faults).every(({ settleMs }) => settleMs <= LONGEST_RECOVERY_MS),
    ),
  };
}

/** Controllers and screens are on different nodes throughout. */
async function proveWithoutRedis({ seed, log }) {
  const report = await chaosOn({
    ...{ nodes: 2, seed, runs: 2, faults: ['redis-outage'], log },
    load: { mix: CALM, perSecond: STEADY_PER_SECOND },
  });
  log(formatReport(report));
  const { delayMs } = report.faults['redis-outage'] ?? {};
  return {
    redis: report,
    passed:
      report.violations === 0 &&
      report.crossedShare >= LEAST_CROSSED &&
      delayMs > 0 &&
      delayMs <= LONGEST_DELAY_MS,
  };
}
