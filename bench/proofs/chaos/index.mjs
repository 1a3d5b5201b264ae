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

/** Both profiles side by side, `runs` counted runs each: most of a run is waiting for due times. */
export async function prove({ seed, runs = 300, profiles = ['embedded', 'postgres'], faults, log }) {
  const reports = await Promise.all(
    profiles.map((profile) =>
      proveProfile({ profile, seed, runs, faults, log: (line) => log(`${profile} ${line}`) }),
    ),
  );
  for (const report of reports) log(formatReport(report));
  return {
    passed: reports.every((report) => report.violations === 0 && report.runs >= runs),
    figures: Object.fromEntries(profiles.map((profile, n) => [profile, reports[n]])),
  };
}

async function proveProfile({ profile, seed, runs, faults, log }) {
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
