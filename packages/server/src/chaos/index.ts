import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../platform/log.js';
import { LocalSite } from './local-site.js';
import { makeOwnDatabase } from './own-database.js';
import { RemoteSite } from './remote-site.js';
import type { Report } from './report.js';
import { chooseFaults, Session } from './session.js';
import type { Site } from './site.js';

export { formatReport, type Report } from './report.js';

export interface ChaosOptions {
  seed: number;
  runs: number;
  durationSeconds?: number;
  faults?: readonly string[];
  /** Of the environment: a database of its own is made there. Absent: embedded, in a temporary folder. */
  databaseUrl?: string;
  /** A deployment instead: its URL, a user's access token, and the commands that may hurt it. */
  remote?: { url: string; token: string; commands: ReadonlyMap<string, string> };
  /** What the server started for it may see of the environment. */
  environment: Readonly<Record<string, string>>;
  /** Where histories are kept when something was found; by default a temporary folder. */
  log: Log;
  say(line: string): void;
}

/** A name of `faults` that stands for nothing. */
export class UnknownFault extends Error {}

/** Breaks a Bongsu in every way it may and judges what its clients saw. */
export async function runChaos(options: ChaosOptions): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-chaos-'));
  const undo: (() => Promise<unknown>)[] = [];
  let kept = true;
  try {
    const site = await prepareSite(options, folder, undo);
    try {
      chooseFaults(site.faults, options.faults);
    } catch (error) {
      kept = false;
      throw new UnknownFault((error as Error).message);
    }
    await site.start?.();
    const { seed, runs, durationSeconds, faults, remote, say } = options;
    const report = await new Session({
      site,
      folder,
      seed,
      runs,
      log: say,
      ...(faults ? { faults } : {}),
      ...(durationSeconds === undefined ? {} : { durationSeconds }),
      ...(remote ? { token: remote.token } : {}),
    }).run();
    kept = report.violations > 0;
    return report;
  } finally {
    for (const step of undo.reverse()) await step().catch((error: unknown) => options.say(String(error)));
    if (kept) options.say(`The histories stay in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  }
}

async function prepareSite(
  { remote, databaseUrl, environment, log }: ChaosOptions,
  folder: string,
  undo: (() => Promise<unknown>)[],
): Promise<Site> {
  if (remote) {
    const site = await RemoteSite.open(remote);
    undo.push(() => site.close());
    return site;
  }
  const postgres = databaseUrl === undefined ? undefined : await makeOwnDatabase(databaseUrl, log);
  if (postgres) undo.push(() => postgres.drop());
  const site = await LocalSite.prepare({ folder, environment, ...(postgres ? { postgres } : {}) });
  undo.push(() => site.close());
  return site;
}
