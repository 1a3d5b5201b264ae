import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeEachDatabase, describePostgres } from '../../../test/support/databases.js';
import { testDeps } from '../../../test/support/deps.js';
import { LeapingClock } from '../../../test/support/leaping-clock.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { postgresConfig } from '../../../test/support/postgres-databases.js';
import { MigrationRefused, migrate, migrationStatus } from './migrate.js';
import { type Migration, readMigrations } from './migration-files.js';
import { openPostgres } from './postgres.js';

const migration = (number: number, text: string, worksWith = 1): Migration => ({
  number,
  name: `000${number}_test`,
  worksWith,
  checksum: `checksum of ${text}`,
  text: `-- works-with: 000${worksWith}\n${text}`,
});
const FIRST = migration(1, 'create table one (id int)');
const SECOND = migration(2, 'create table two (id int); insert into two values (1)');

describeEachDatabase('migrate', (open) => {
  it('[DEP1] lays down the whole schema, once', async () => {
    const database = await open();
    await expect(database.query('select only_row from meta')).resolves.toEqual([{ only_row: true }]);
    const migrations = await readMigrations();
    await expect(migrate(database, migrations, testDeps())).resolves.toBe(0);
    const status = await migrationStatus(database, migrations);
    expect(status.pending).toEqual([]);
    expect(status.applied.map((row) => row.name)).toEqual(migrations.map(({ name }) => name));
  });

  it('[DEP1] applies what is missing in order and tells what is', async () => {
    const database = await open({ migrate: false });
    expect(await migrationStatus(database, [FIRST, SECOND])).toEqual({
      applied: [],
      pending: [
        { number: 1, name: '0001_test' },
        { number: 2, name: '0002_test' },
      ],
    });
    await migrate(database, [FIRST], testDeps());
    await expect(migrate(database, [FIRST, SECOND], testDeps())).resolves.toBe(1);
    await expect(database.query('select id from two')).resolves.toEqual([{ id: 1 }]);
    const { applied } = await migrationStatus(database, [FIRST, SECOND]);
    expect(applied.map((row) => row.number)).toEqual([1, 2]);
    expect(applied[0]?.appliedAt).toBeGreaterThan(Date.UTC(2020));
  });

  it('[DEP1] applies a migration whole or not at all', async () => {
    const database = await open({ migrate: false });
    const broken = migration(2, 'create table two (id int); select 1 / 0');
    await expect(migrate(database, [FIRST, broken], testDeps())).rejects.toMatchObject({ fault: 'content' });
    await expect(database.query("select to_regclass('two') as t, to_regclass('one') as o")).resolves.toEqual([
      { t: null, o: 'one' },
    ]);
    await expect(migrate(database, [FIRST, SECOND], testDeps())).resolves.toBe(1);
  });

  it('[DEP1] refuses when an applied file was changed', async () => {
    const database = await open({ migrate: false });
    await migrate(database, [FIRST], testDeps());
    const edited = migration(1, 'create table other (id int)');
    await expect(migrate(database, [edited, SECOND], testDeps())).rejects.toThrow(/0001_test was changed/);
    await expect(database.query("select to_regclass('two') as t")).resolves.toEqual([{ t: null }]);
  });

  it('[DEP1] tolerates a newer database that works with this code, refuses one that does not', async () => {
    const database = await open({ migrate: false });
    await migrate(database, [FIRST, SECOND], testDeps());
    await expect(migrate(database, [FIRST], testDeps())).resolves.toBe(0);
    await migrate(database, [FIRST, SECOND, migration(3, 'drop table one', 3)], testDeps());
    const old = migrate(database, [FIRST, SECOND], testDeps());
    await expect(old).rejects.toThrow(MigrationRefused);
    await expect(old).rejects.toThrow(/too new .* migration 0003, this one knows 0002/);
  });

  it('[USR7] lets two starters at once both succeed', async () => {
    const database = await open({ migrate: false });
    const applied = await Promise.all([1, 2, 3].map(() => migrate(database, [FIRST, SECOND], testDeps())));
    expect(applied.sort()).toEqual([0, 0, 2]);
  });
});

describeEachDatabase('migrate beside nodes', (open) => {
  const CONTRACT = migration(3, 'drop table one', 2);
  const WAITING = 'Waiting for nodes with older code to end';

  async function withNode(leaseUntil: number) {
    const database = await open({ migrate: false });
    await database.exec('create table nodes (name text, lease_until bigint)');
    await database.query("insert into nodes values ('node-1', $1)", [leaseUntil]);
    await migrate(database, [FIRST], testDeps());
    return database;
  }

  it('[ND56] refuses what the code of nodes that live does not work with, and changes nothing', async () => {
    const database = await withNode(Number.MAX_SAFE_INTEGER);
    const [clock, log] = [new LeapingClock(), memoryLog()];
    const refused = expect(migrate(database, [FIRST, SECOND, CONTRACT], { clock, log })).rejects.toThrow(
      /0003_test needs code that knows migration 0002, .* live: node-1/,
    );
    await expect.poll(() => log.lines.map(({ message }) => message)).toContain(WAITING);
    clock.leap(30_000);
    await refused;
    expect((await migrationStatus(database, [FIRST])).applied).toHaveLength(1);
    // What they work with is applied beside them.
    await expect(migrate(database, [FIRST, SECOND], testDeps())).resolves.toBe(1);
    await expect(migrate(database, [FIRST, SECOND, CONTRACT], testDeps())).resolves.toBe(1);
  });

  it('[ND56] waits for the lease of a node that was killed', async () => {
    const database = await withNode(Number.MAX_SAFE_INTEGER);
    const log = memoryLog();
    const migrated = migrate(database, [FIRST, SECOND, CONTRACT], { ...testDeps(), log });
    await expect.poll(() => log.lines.map(({ message }) => message)).toContain(WAITING);
    await database.query('update nodes set lease_until = 0');
    await expect(migrated).resolves.toBe(2);
  });
});

describePostgres('migrate beside long transactions', (open, serverUrl) => {
  it('[ND55] lets the statements of nodes that serve through while its tables are in use', async () => {
    const database = await open({ migrate: false });
    await migrate(database, [FIRST], testDeps());
    const [row] = await database.query<{ name: string }>('select current_database() as name');
    const url = new URL(serverUrl);
    url.pathname = `/${row?.name}`;
    const reader = new pg.Client({ connectionString: url.href });
    await reader.connect();
    try {
      await reader.query('begin; select * from one');
      const migrated = migrate(
        database,
        [FIRST, migration(2, 'alter table one add column note text')],
        testDeps(),
      );
      const waiting = "select 1 from pg_locks where relation = 'one'::regclass and not granted";
      await expect.poll(async () => (await reader.query(waiting)).rowCount).toBe(1);
      // Would wait behind the migration, which waits behind the reader.
      await database.query('insert into one values (1)');
      await reader.query('commit');
      await expect(migrated).resolves.toBe(1);
      await expect(database.query('select id, note from one')).resolves.toEqual([{ id: 1, note: null }]);
    } finally {
      await reader.end();
    }
  });
});

describePostgres('migrate from several processes', (open, serverUrl) => {
  it('[USR7] lets two starters with connections of their own both succeed', async () => {
    const first = await open({ migrate: false });
    const [row] = await first.query<{ name: string }>('select current_database() as name');
    const url = new URL(serverUrl);
    url.pathname = `/${row?.name}`;
    const second = await openPostgres(postgresConfig(url.href), testDeps());
    try {
      const applied = await Promise.all(
        [first, second].map((database) => migrate(database, [FIRST, SECOND], testDeps())),
      );
      expect(applied.sort()).toEqual([0, 2]);
    } finally {
      await second.close();
    }
  });
});

describe('readMigrations', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bongsu-migrations-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const write = (name: string, text: string) => writeFile(join(folder, name), text);

  it('[DEP1] reads number, name and works-with, and a checksum that line ends do not change', async () => {
    await write('0001_a.sql', '-- works-with: 0001\nselect 1;\n');
    await write('0002_b.sql', '-- works-with: 0001\r\nselect 1;\r\n');
    const [first, second] = await readMigrations(folder);
    expect(first).toMatchObject({ number: 1, name: '0001_a', worksWith: 1 });
    expect(second?.checksum).toBe(first?.checksum);
    expect(first?.checksum).toMatch(/^[0-9a-f]{64}$/);
  });

  it('[DEP1] refuses a gap in the numbers and a missing or impossible works-with', async () => {
    await write('0002_b.sql', '-- works-with: 0001\n');
    await expect(readMigrations(folder)).rejects.toThrow(/should be number 0001/);
    await write('0001_a.sql', 'select 1;\n');
    await expect(readMigrations(folder)).rejects.toThrow(/0001_a.sql needs a line/);
    await write('0001_a.sql', '-- works-with: 0002\n');
    await expect(readMigrations(folder)).rejects.toThrow(/0001_a.sql needs a line/);
  });
});
