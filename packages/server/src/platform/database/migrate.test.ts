import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeEachDatabase, describePostgres } from '../../../test/support/databases.js';
import { testDeps } from '../../../test/support/deps.js';
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
