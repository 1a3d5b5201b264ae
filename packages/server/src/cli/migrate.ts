import { type Settings, withGeneratedSecrets } from '../config.js';
import { openDatabase } from '../open-database.js';
import { systemClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import { renewEpoch } from '../platform/database/epoch.js';
import { migrate, migrationStatus } from '../platform/database/migrate.js';
import { readMigrations } from '../platform/database/migration-files.js';
import type { Log } from '../platform/log.js';
import { explainError } from './explain.js';
import { progressLog } from './progress-log.js';
import { requireDatabase } from './require-database.js';
import { readSettings } from './settings.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

/** `--json`: {applied: how many}. */
export function migrateUp(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  return withDatabase(terminal, options, async (database, log) => {
    const applied = await migrate(database, await readMigrations(), { clock: systemClock, log });
    const sentence = applied === 0 ? 'The database is up to date.' : `Applied ${applied} migrations.`;
    terminal.out(options.json ? JSON.stringify({ applied }) : sentence);
  });
}

/** `--json`: {applied: [{number, name, appliedAt}], pending: [{number, name}]}. */
export function showMigrations(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const look = async (database: Database) => {
    const status = await migrationStatus(database, await readMigrations());
    if (options.json) return terminal.out(JSON.stringify(status, null, 2));
    for (const { name, appliedAt } of status.applied) {
      terminal.out(`applied  ${name}  ${new Date(appliedAt).toISOString()}`);
    }
    for (const { name } of status.pending) terminal.out(`pending  ${name}`);
  };
  return withDatabase(terminal, options, look, requireDatabase);
}

/** `--json`: {epoch}. */
export function markRestored(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const mark = async (database: Database) => {
    const epoch = await renewEpoch(database);
    terminal.out(options.json ? JSON.stringify({ epoch }) : `The database has a new epoch: ${epoch}`);
  };
  return withDatabase(terminal, options, mark, requireDatabase);
}

async function withDatabase(
  terminal: Terminal,
  options: CommonOptions,
  work: (database: Database, log: Log) => Promise<void>,
  check: (settings: Settings) => Promise<void> = async () => {},
): Promise<ExitCode> {
  const loaded = readSettings(terminal);
  if (!loaded) return 2;
  const log = progressLog(terminal, options.quiet === true);
  try {
    await check(loaded.settings);
    const config = await withGeneratedSecrets(loaded.settings);
    const onFatal = (error: Error) => log.fatal({}, error.message);
    const { database } = await openDatabase(config, 'bongsu migrate', { clock: systemClock, log, onFatal });
    try {
      await work(database, log);
    } finally {
      await database.close();
    }
    return 0;
  } catch (error) {
    const line =
      explainError(error, loaded.settings) ?? (error instanceof Error ? error.message : String(error));
    terminal.err(`bongsu: ${line}`);
    return 1;
  }
}
