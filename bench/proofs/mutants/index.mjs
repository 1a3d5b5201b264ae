import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startPostgres } from '../../lib/postgres.mjs';
import { MUTANTS } from './catalogue.mjs';
import { plant } from './plant.mjs';
import { Stage } from './stage.mjs';

export const description = 'planted faults: the checker catches each, and nothing where none is planted';

/** Every mutant, and beside it the same scenario without the fault. */
export async function prove({ seed, only, log }) {
  const mutants = MUTANTS.filter(({ name }) => !only || only.some((each) => name.startsWith(each)));
  const postgres = await startPostgres();
  const figures = {};
  try {
    for (const mutant of mutants) {
      const caught = await attempt({ mutant, changes: mutant.changes, postgres, seed, log });
      const control = await attempt({ mutant, changes: [], postgres, seed, log });
      figures[mutant.name] = {
        planted: mutant.title,
        by: mutant.session
          ? `${mutant.session.faults.join(', ')} (${mutant.session.profile})`
          : 'a scripted history (postgres)',
        // By the checker: that a drain does not end is a sign of trouble, not a judgement.
        caught: Object.keys(caught.byInvariant).length > 0,
        broken: caught.byInvariant,
        example: caught.examples[0],
        withoutIt: control.violations,
        ...(control.violations > 0 ? { controlExamples: control.examples } : {}),
      };
      const { caught: isCaught, broken, withoutIt } = figures[mutant.name];
      log(
        `${mutant.name}: ${isCaught ? 'caught' : 'MISSED'} ${JSON.stringify(broken)}; without it ${withoutIt}`,
      );
    }
  } finally {
    await postgres.stop();
  }
  const all = Object.values(figures);
  return { passed: all.every(({ caught, withoutIt }) => caught && withoutIt === 0), figures };
}

async function attempt({ mutant, changes, postgres, seed, log }) {
  const folder = mkdtempSync(join(tmpdir(), `bongsu-mutant-${mutant.name}-`));
  try {
    const packageFolder = plant(folder, changes);
    const database = await postgres.freshDatabase();
    const given = {
      folder,
      packageFolder,
      chaos: pathToFileURL(join(packageFolder, 'dist/chaos/')),
      postgres,
      database,
    };
    return await (mutant.session
      ? runSession({ ...given, seed, log, ...mutant.session })
      : runScenario({ ...given, mutant, log }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The chaos harness itself, from the changed package. */
async function runSession({
  folder,
  packageFolder,
  chaos,
  postgres,
  database,
  seed,
  log,
  profile,
  ...options
}) {
  const { LocalSite } = await import(new URL('local-site.js', chaos));
  const { Session } = await import(new URL('session.js', chaos));
  const { PATH, HOME } = process.env;
  const control = { ...postgres, url: database.url, endBackends: () => postgres.endBackends(database.name) };
  const work = join(folder, 'work');
  mkdirSync(work);
  const site = await LocalSite.open({
    folder: work,
    packageFolder,
    environment: { PATH, HOME },
    ...(profile === 'postgres' ? { postgres: control } : {}),
  });
  try {
    return await new Session({
      site,
      folder: work,
      seed,
      log: (line) => log(line.split('\n')[0]),
      ...options,
    }).run();
  } finally {
    await site.close();
  }
}

async function runScenario({ folder, packageFolder, chaos, database, mutant, log }) {
  const { check } = await import(new URL('checker.js', chaos));
  const { PATH, HOME } = process.env;
  const work = join(folder, 'work');
  mkdirSync(work);
  const env = { PATH, HOME, DATABASE_URL: database.url, DATA_DIR: work };
  execFileSync(process.execPath, [join(packageFolder, 'bin/bongsu.js'), 'migrate', 'up', '--quiet'], {
    env,
    stdio: 'pipe',
  });
  const stage = new Stage({ chaos, packageFolder, databaseUrl: database.url, folder: work });
  let unfinished;
  try {
    await mutant.scenario(stage);
  } catch (error) {
    unfinished = error.message;
    log(`${mutant.name} did not come to its end: ${error.message}`);
  } finally {
    await stage.close();
  }
  const { violations } = check(stage.history());
  const byInvariant = {};
  for (const { invariant } of violations) byInvariant[invariant] = (byInvariant[invariant] ?? 0) + 1;
  return {
    violations: violations.length + (unfinished ? 1 : 0),
    byInvariant,
    examples: violations.slice(0, 3),
  };
}
