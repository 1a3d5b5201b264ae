import type { TestProject } from 'vitest/node';
import { findPostgres, startPostgres } from './postgres.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of a server on which tests may make databases; empty when there is none. */
    postgresUrl: string;
  }
}

/** One Postgres a run: TEST_DATABASE_URL's, or one of our own. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  // A run that needs one profile only, such as the proof of attacks, does not wait for the other.
  if (process.env.TEST_EMBEDDED_ONLY) {
    project.provide('postgresUrl', '');
    return undefined;
  }
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    project.provide('postgresUrl', given);
    return undefined;
  }
  if (!(await findPostgres())) {
    const message = 'No PostgreSQL: no server binaries on this machine and TEST_DATABASE_URL is not set';
    if (process.env.CI === 'true') throw new Error(message);
    console.warn(`\n!! ${message}. EVERY SUITE THAT NEEDS POSTGRESQL IS SKIPPED.\n`);
    project.provide('postgresUrl', '');
    return undefined;
  }
  const postgres = await startPostgres();
  project.provide('postgresUrl', postgres.url);
  return () => postgres.remove();
}
