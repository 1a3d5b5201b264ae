import { type Clock, sleep } from '../clock.js';
import type { Log } from '../log.js';
import { type Database, DatabaseError, type HeldLock, type Queryable } from './database.js';
import { fourDigits, type Migration } from './migration-files.js';

export interface MigrateDeps {
  clock: Clock;
  log: Log;
}

export interface MigrationStatus {
  applied: { number: number; name: string; appliedAt: number }[];
  pending: { number: number; name: string }[];
}

/** The database and the code do not fit; the message says why and what helps. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

interface AppliedRow {
  number: number;
  name: string;
  checksum: string;
  works_with: number;
  applied_at: number;
}

const LOCK = 'bongsu:migrate';
const LOCK_PAUSE_MS = 200;
/** Nodes that start together take turns in looking, which is over in less. */
const TRIES_IN_SILENCE = 10;
const LOCK_PATIENCE_MS = 120_000;
/** Of one statement of a migration for a table: behind it waits whatever the nodes that serve ask of that table. */
const TABLE_WAIT_MS = 500;
/** In which they go on, before another try. */
const TABLE_PAUSE_MS = 1000;
const TABLE_PATIENCE_MS = 120_000;
/** Longer than the lease of a node that was killed. */
const NODES_PATIENCE_MS = 20_000;
const NODES_PAUSE_MS = 500;

/**
 * Applies what is missing, each file in a transaction of its own, while other nodes serve. Of two that start at once one waits for the
 * other.
 * @returns how many files were applied
 * @throws MigrationRefused when an applied file was edited, the database is too new for this code, or nodes live that a file does not
 *   work with
 * @throws DatabaseError
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
  deps: MigrateDeps,
): Promise<number> {
  const lock = await waitForLock(database, deps);
  try {
    await createTable(database);
    const applied = await readApplied(database);
    const pending = pendingOf(migrations, applied);
    await refuseBesideOlder(database, pending, applied, deps);
    for (const migration of pending) {
      deps.log.info({ migration: migration.name }, 'Applying a migration');
      await applyBesideOthers(database, migration, deps);
    }
    return pending.length;
  } finally {
    await lock.release();
  }
}

/** What `bongsu migrate status` shows; changes nothing. @throws MigrationRefused @throws DatabaseError */
export async function migrationStatus(
  database: Database,
  migrations: readonly Migration[],
): Promise<MigrationStatus> {
  const [table] = await database.query("select 1 from pg_tables where tablename = 'schema_migrations'");
  const applied = table ? await readApplied(database) : [];
  return {
    applied: applied.map((row) => ({ number: row.number, name: row.name, appliedAt: row.applied_at })),
    pending: pendingOf(migrations, applied).map(({ number, name }) => ({ number, name })),
  };
}

async function waitForLock(database: Database, { clock, log }: MigrateDeps): Promise<HeldLock> {
  const giveUpAt = clock.monotonic() + LOCK_PATIENCE_MS;
  for (let tries = 1; ; tries += 1) {
    const lock = await database.tryLock(LOCK, LOCK);
    if (lock) return lock;
    if (clock.monotonic() > giveUpAt) {
      throw new MigrationRefused('Another process has been migrating this database for two minutes');
    }
    if (tries === TRIES_IN_SILENCE) log.info({}, 'Another process is migrating the database, waiting for it');
    await sleep(clock, LOCK_PAUSE_MS);
  }
}

async function createTable(database: Database): Promise<void> {
  await database.exec(`create table if not exists schema_migrations (
    number int primary key,
    name text not null,
    checksum text not null,
    works_with int not null,
    applied_at bigint not null
  )`);
}

function readApplied(database: Queryable): Promise<AppliedRow[]> {
  return database.query<AppliedRow>(
    'select number, name, checksum, works_with, applied_at from schema_migrations order by number',
  );
}

function pendingOf(migrations: readonly Migration[], applied: readonly AppliedRow[]): Migration[] {
  const newest = migrations.length;
  const needed = Math.max(0, ...applied.map((row) => row.works_with));
  if (needed > newest) {
    throw new MigrationRefused(
      `The database is too new for this version of Bongsu: it needs one that knows migration ${fourDigits(needed)}, ` +
        `this one knows ${fourDigits(newest)}. Install that version or restore an older backup`,
    );
  }
  for (const row of applied) {
    const migration = migrations[row.number - 1];
    if (migration && migration.checksum !== row.checksum) {
      throw new MigrationRefused(
        `Migration ${migration.name} was changed after it had been applied. Put the original file back; ` +
          'changes belong in a new migration',
      );
    }
  }
  const known = new Set(applied.map((row) => row.number));
  return migrations.filter((migration) => !known.has(migration.number));
}

/** Nodes that live know what is applied, and nothing newer. */
async function refuseBesideOlder(
  database: Database,
  pending: readonly Migration[],
  applied: readonly AppliedRow[],
  { clock, log }: MigrateDeps,
): Promise<void> {
  const known = Math.max(0, ...applied.map(({ number }) => number));
  const [tooNew] = pending.filter(({ worksWith }) => worksWith > known);
  if (known === 0 || !tooNew) return;
  const giveUpAt = clock.monotonic() + NODES_PATIENCE_MS;
  for (let tries = 1; ; tries += 1) {
    const living = await liveNodes(database, clock);
    if (living.length === 0) return;
    if (clock.monotonic() > giveUpAt) {
      throw new MigrationRefused(
        `Migration ${tooNew.name} needs code that knows migration ${fourDigits(tooNew.worksWith)}, and nodes with older code live: ` +
          `${living.join(', ')}. Upgrade by a version in between, or stop them first (docs/upgrading.md)`,
      );
    }
    if (tries === 1) log.info({ nodes: living }, 'Waiting for nodes with older code to end');
    await sleep(clock, NODES_PAUSE_MS);
  }
}

async function liveNodes(database: Database, clock: Clock): Promise<string[]> {
  const [table] = await database.query("select 1 from pg_tables where tablename = 'nodes'");
  if (!table) return [];
  const now = Math.floor(clock.monotonic() + database.clockOffsetMs());
  const rows = await database.query<{ name: string }>(
    'select name from nodes where lease_until > $1 order by name',
    [now],
  );
  return rows.map(({ name }) => name);
}

/** Tries again while its tables are in use: a long transaction that reads one must not stop the nodes that serve. */
async function applyBesideOthers(
  database: Database,
  migration: Migration,
  { clock, log }: MigrateDeps,
): Promise<void> {
  const giveUpAt = clock.monotonic() + TABLE_PATIENCE_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await apply(database, migration);
    } catch (error) {
      if (!isInUse(error)) throw error;
      if (clock.monotonic() > giveUpAt) {
        throw new MigrationRefused(
          `Migration ${migration.name} could not get its tables for two minutes: a long transaction holds one of them`,
        );
      }
      if (tries === 1)
        log.warn({ migration: migration.name }, 'The tables of a migration are in use, trying again');
      await sleep(clock, TABLE_PAUSE_MS);
    }
  }
}

/** lock_not_available, deadlock_detected. */
function isInUse(error: unknown): boolean {
  return error instanceof DatabaseError && ['55P03', '40P01'].includes(error.details.sqlState ?? '');
}

/** One text, so one implicit transaction: the row of the record stands or falls with the change. */
async function apply(database: Database, migration: Migration): Promise<void> {
  const { number, name, checksum, worksWith } = migration;
  await database.exec(`set local lock_timeout = ${TABLE_WAIT_MS};
    ${migration.text};
    insert into schema_migrations (number, name, checksum, works_with, applied_at)
    values (${number}, '${name.replaceAll("'", "''")}', '${checksum}', ${worksWith},
            (extract(epoch from clock_timestamp()) * 1000)::bigint)`);
}
