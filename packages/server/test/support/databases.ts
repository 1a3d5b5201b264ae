import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeEach, describe, inject } from 'vitest';
import type { Database } from '../../src/platform/database/database.js';
import { openPostgres } from '../../src/platform/database/postgres.js';
import { testDeps } from './deps.js';
import { createPgliteFolder, openTestPglite } from './pglite-databases.js';
import { openOnEngine } from './pglite-engines.js';
import { createPostgresDatabase, postgresConfig } from './postgres-databases.js';

export interface OpenOptions {
  /** False for a database with nothing in it. */
  migrate?: boolean;
}

/** A fresh database, closed and removed after the test, or after the suite when opened in `beforeAll`. */
export type OpenDatabase = (options?: OpenOptions) => Promise<Database>;

type CleanUp = () => Promise<void>;
type Profile = (options: OpenOptions, cleanUps: CleanUp[]) => Promise<Database>;

/**
 * Runs the suite once a profile: PGlite and PostgreSQL.
 * @example
 * describeEachDatabase('screen store', (open) => {
 *   let database: Database;
 *   beforeEach(async () => { database = await open(); });
 *   it('[SC5] …', async () => { … });
 * });
 */
export function describeEachDatabase(
  title: string,
  suite: (open: OpenDatabase, profile: Database['kind']) => void,
): void {
  describePglite(title, (open) => suite(open, 'pglite'));
  describePostgres(title, (open) => suite(open, 'postgres'));
}

/** For what only PostgreSQL has; skipped where there is no server (global-setup.ts says so loudly). */
export function describePostgres(
  title: string,
  suite: (open: OpenDatabase, serverUrl: string) => void,
): void {
  const serverUrl = inject('postgresUrl');
  describe.skipIf(serverUrl === '')(`${title} (postgres)`, () => {
    suite(
      opener((options, cleanUps) => openFreshPostgres(serverUrl, options, cleanUps)),
      serverUrl,
    );
  });
}

/** What a test opens ends with the test, what `beforeAll` opens ends with the suite; last opened, first closed. */
function opener(profile: Profile): OpenDatabase {
  const ofSuite: CleanUp[] = [];
  const ofTest: CleanUp[] = [];
  let current = ofSuite;
  beforeEach(() => {
    current = ofTest;
  });
  afterEach(async () => {
    current = ofSuite;
    await runAll(ofTest);
  });
  afterAll(() => runAll(ofSuite));
  return (options = {}) => profile(options, current);
}

async function runAll(cleanUps: CleanUp[]): Promise<void> {
  for (let next = cleanUps.pop(); next; next = cleanUps.pop()) await next();
}

/** For what only PGlite has. */
export function describePglite(title: string, suite: (open: OpenDatabase) => void): void {
  describe(`${title} (pglite)`, () => suite(opener(openFreshPglite)));
}

async function openFreshPglite(options: OpenOptions, cleanUps: CleanUp[]) {
  if (options.migrate ?? true) {
    const database = await openOnEngine();
    cleanUps.push(() => database.close());
    return database;
  }
  const folder = await createPgliteFolder(false);
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const { database } = await openTestPglite(folder);
  cleanUps.push(() => database.close());
  return database;
}

async function openFreshPostgres(serverUrl: string, options: OpenOptions, cleanUps: CleanUp[]) {
  const fresh = await createPostgresDatabase(serverUrl, options.migrate ?? true);
  cleanUps.push(fresh.drop);
  const database = await openPostgres(postgresConfig(fresh.url), testDeps());
  cleanUps.push(() => database.close());
  return database;
}
