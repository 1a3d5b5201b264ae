// What the proof of several nodes demands of its reports. Each verdict is what is wrong with them, a line each; none: passed.

/** Of the whole list, all sites together. */
export const LEAST_RUNS = 200;
const LEAST_CROSSED = 0.4;
export const LONGEST_RECOVERY_MS = 5000;
const LONGEST_DELAY_MS = 1000;
const LEAST_OUTAGES = 2;

/** What recovery is measured of. */
export const RECOVERED = [
  ...['node-kill-*', 'node-freeze-*', 'redis-*', 'postgres-crash', 'postgres-freeze'],
  ...['balancer-restart', 'partition-*'],
];
/** What nothing may be lost in, and nothing run twice: nodes that die anywhere or stand still, Redis, PostgreSQL, balancer, links. */
export const FAULT_LIST = [
  ...['node-kill-*', 'node-freeze-*', 'kill-*', 'every-node-kill', 'redis-*', 'postgres-crash'],
  ...['balancer-restart', 'partition-*'],
];

export function isListed(fault) {
  return FAULT_LIST.some((pattern) =>
    pattern.endsWith('*') ? fault.startsWith(pattern.slice(0, -1)) : fault === pattern,
  );
}

/** Of each site what the suites counted. */
export function judgeSuites(suites) {
  const [first] = Object.values(suites);
  return ofEach(suites, ({ passed, failed }) => [
    ...wrong(failed > 0, `${failed} tests failed`),
    ...wrong(!(passed > 0), 'no test passed'),
    ...wrong(passed !== first.passed, `${passed} tests passed, elsewhere ${first.passed}`),
  ]);
}

/** Of each site a report; each fault of the list must count somewhere. */
export function judgeChaos(reports) {
  const all = Object.values(reports);
  const listed = [...new Set(all.flatMap(({ chosen }) => chosen.filter(isListed)))];
  const counted = (fault) => all.reduce((sum, { faults }) => sum + (faults[fault]?.runs ?? 0), 0);
  const runs = listed.reduce((sum, fault) => sum + counted(fault), 0);
  return [
    ...ofEach(reports, judgeRuns),
    ...wrong(!(runs >= LEAST_RUNS), `${runs} runs of the list count, of ${LEAST_RUNS}`),
    ...listed.filter((fault) => counted(fault) === 0).map((fault) => `${fault} never counted`),
  ];
}

/** Of one site. */
export const judgeRuns = (report) => [...violated(report), ...notCrossed(report)];

/** Of each site the reports of its sessions; each fault chosen for one must count in it. */
export function judgeRecovery(sites) {
  return ofEach(sites, (reports) => [
    ...wrong(reports.length === 0, 'no session'),
    ...reports.flatMap(judgeRecovered),
  ]);
}

/** Of one session. */
export function judgeRecovered(report) {
  return [
    ...violated(report),
    ...report.chosen
      .filter((fault) => !(report.faults[fault]?.runs > 0))
      .map((fault) => `${fault} never counted`),
    ...Object.entries(report.faults)
      .filter(([, { settleMs }]) => !(settleMs <= LONGEST_RECOVERY_MS))
      .map(([fault, { settleMs }]) => `${fault}: recovered after ${settleMs} ms`),
  ];
}

export function judgeWithoutRedis(report) {
  const { delayMs } = report.faults['redis-outage'] ?? {};
  return [
    ...violated(report),
    ...notCrossed(report),
    ...wrong(!(report.runs >= LEAST_OUTAGES), `${report.runs} outages count, of ${LEAST_OUTAGES}`),
    ...wrong(!(delayMs > 0 && delayMs <= LONGEST_DELAY_MS), `accepted to executed: ${delayMs} ms`),
  ];
}

const wrong = (isWrong, what) => (isWrong ? [what] : []);

const violated = ({ violations }) => wrong(violations !== 0, `${violations} violations`);

/** What nobody knows of is left out; of nothing at all the share is none. */
export function crossedShare({ crossed, stayed }) {
  return crossed / Math.max(1, crossed + stayed);
}

function notCrossed({ crossing }) {
  const { crossed, stayed, unknown } = crossing;
  const share = crossedShare(crossing);
  return [
    ...wrong(!(share >= LEAST_CROSSED), `${Math.floor(share * 1000) / 10} % crossed`),
    ...wrong(unknown > crossed + stayed, `of ${unknown} deliveries nobody knows whether they crossed`),
  ];
}

/** @returns what is wrong, each line with its site; no site at all is wrong too */
function ofEach(sites, judge) {
  const lines = Object.entries(sites).flatMap(([name, found]) =>
    judge(found).map((what) => `${name}: ${what}`),
  );
  return [...wrong(Object.keys(sites).length === 0, 'no site'), ...lines];
}
