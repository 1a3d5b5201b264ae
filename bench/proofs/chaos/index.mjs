import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../lib/postgres.mjs';

const CHAOS = new URL('../../../packages/server/dist/chaos/', import.meta.url);
const { formatReport } = await import(new URL('report.js', CHAOS));
const { LocalSite } = await import(new URL('local-site.js', CHAOS));
const { Session } = await import(new URL('session.js', CHAOS));

export const description =
  'faults of every kind in full flight: nothing acknowledged is lost, nothing runs twice, nothing out of order';

/**
 * `runs` counted runs of each profile, in `sessions` of their own seeds and databases. All go side by side: most of a run is waiting for
 * due times.
 */
export async function prove({
  seed,
  runs = 300,
  profiles = ['embedded', 'postgres'],
  sessions = 1,
  ...options
}) {
  const each = Math.ceil(runs / sessions);
  const reports = await Promise.all(
    profiles.map((profile) =>
      Promise.all(
        Array.from({ length: sessions }, (_, n) =>
          proveProfile({ ...options, profile, seed: seed + n, runs: each }),
        ),
      ),
    ),
  );
  for (const report of reports.flat()) options.log(formatReport(report));
  return {
    passed: reports.flat().every((report) => report.violations === 0 && report.runs >= each),
    figures: Object.fromEntries(profiles.map((profile, n) => [profile, merge(reports[n])])),
  };
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const least = (values) => Math.min(...values);
const most = (values) => Math.max(...values);
const list = (values) => values.flat();
const HOW = {
  seconds: most,
  examples: list,
  unfinished: (values) => values.find((value) => value !== undefined),
  leastUnsettled: least,
  leastUnanswered: least,
  convergeMsMedian: most,
  convergeMsMost: most,
  settleMs: most,
  delayMs: most,
  residentMiBMost: most,
};

/** Several sessions as one: counts are added, also those in tables. */
function merge([first, ...others]) {
  if (others.length === 0) return first;
  const seeds = [first, ...others].map(({ seed }) => seed);
  return { seeds, ...fold([first, ...others]) };
}

function fold(parts) {
  const keys = new Set(parts.flatMap((part) => Object.keys(part ?? {})).filter((key) => key !== 'seed'));
  return Object.fromEntries(
    [...keys].map((key) => {
      const values = parts.map((part) => part?.[key]);
      if (key in HOW) return [key, HOW[key](values)];
      const known = values.filter((value) => value !== undefined);
      return [key, typeof known[0] === 'object' ? fold(known) : sum(known)];
    }),
  );
}

async function proveProfile({ profile, seed, runs, faults, log: write }) {
  const log = (line) => write(`${profile} ${seed}: ${line}`);
  const folder = mkdtempSync(join(tmpdir(), `bongsu-chaos-${profile}-`));
  const cluster = profile === 'postgres' ? await startPostgres() : undefined;
  const database = await cluster?.freshDatabase();
  const postgres = cluster && {
    ...cluster,
    url: database.url,
    endBackends: () => cluster.endBackends(database.name),
  };
  let kept = true;
  let site;
  try {
    const { PATH, HOME } = process.env;
    site = await LocalSite.open({ folder, environment: { PATH, HOME }, ...(postgres ? { postgres } : {}) });
    const session = new Session({ site, folder, seed, runs, log, ...(faults ? { faults } : {}) });
    const report = await session.run();
    kept = report.violations > 0;
    return report;
  } finally {
    await site?.close();
    await cluster?.stop();
    if (kept) log(`the histories stay in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}
