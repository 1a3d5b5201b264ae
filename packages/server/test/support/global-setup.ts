import type { TestProject } from 'vitest/node';
import { findPostgres, startPostgres } from './postgres.js';
import { openScratch } from './scratch.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of a server on which tests may make databases; empty when there is none. */
    postgresUrl: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const removeScratch = openScratch();
  const { url, remove } = await providePostgres().catch((error: unknown) => {
    removeScratch();
    throw error;
  });
  project.provide('postgresUrl', url);
  return async () => {
    await remove?.();
    removeScratch();
  };
}

/** One Postgres a run: TEST_DATABASE_URL's, or one of our own. */
async function providePostgres(): Promise<{ url: string; remove?: () => Promise<void> }> {
  // A run that needs one profile only, such as the proof of attacks, does not wait for the other.
  if (process.env.TEST_EMBEDDED_ONLY) return { url: '' };
  const given = process.env.TEST_DATABASE_URL;
  if (given) return { url: given };
  if (await findPostgres()) return startPostgres();
  const message = 'No PostgreSQL: no server binaries on this machine and TEST_DATABASE_URL is not set';
  if (process.env.CI === 'true') throw new Error(message);
  console.warn(`\n!! ${message}. EVERY SUITE THAT NEEDS POSTGRESQL IS SKIPPED.\n`);
  return { url: '' };
}
