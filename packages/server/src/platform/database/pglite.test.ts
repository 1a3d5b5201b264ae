import { access, chmod, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDeps } from '../../../test/support/deps.js';
import { createPgliteFolder, openTestPglite } from '../../../test/support/pglite-databases.js';
import { readBootId, readStartTime } from './boot.js';
import { findLiveOwner, lockFolder, readOwner } from './folder-lock.js';
import type { OpenedPglite } from './pglite.js';

describe('openPglite', () => {
  let folder: string;
  let opened: OpenedPglite[] = [];
  let fatal: Error[] = [];

  beforeEach(async () => {
    folder = await createPgliteFolder(false);
    fatal = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map(({ database }) => database.close()));
    opened = [];
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (throwAway = true) => {
    const pglite = await openTestPglite(folder, { throwAway, onFatal: (error) => fatal.push(error) });
    opened.push(pglite);
    return pglite;
  };

  it('[BEY3] keeps what was committed when the thread dies, and tells each caller what it may rely on', async () => {
    const { database, killWorker } = await open();
    await database.exec(`
      create table kept (id int primary key);
      create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return null; end $$;
      create constraint trigger linger after insert on kept deferrable initially deferred
        for each row when (new.id = 2) execute function linger()`);
    await database.query('insert into kept values (1)');

    let committing = () => {};
    const inCommit = new Promise<void>((resolve) => {
      committing = resolve;
    });
    const unknown = database.transaction(async (tx) => {
      await tx.query('insert into kept values (2)');
      committing();
    });
    const waiting = database.query('select id from kept where id = 1');
    const outcome = expect(unknown).rejects.toMatchObject({ fault: 'commit-unknown' });
    await inCommit;
    await killWorker();
    await outcome;
    await expect(waiting).resolves.toEqual([{ id: 1 }]);

    const lost = database.transaction(async (tx) => {
      await tx.query('insert into kept values (3)');
      await killWorker();
      await tx.query('select 1');
    });
    await expect(lost).rejects.toMatchObject({ fault: 'connection' });
    await expect(database.query('select id from kept where id <> 2')).resolves.toEqual([{ id: 1 }]);
    expect(fatal).toEqual([]);
  });

  it('[BEY3] calls the third death of the thread within a minute fatal', async () => {
    const { database, killWorker } = await open();
    for (const deaths of [1, 2]) {
      await killWorker();
      await expect(database.query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
      expect(fatal, `after ${deaths}`).toEqual([]);
    }
    await killWorker();
    await expect.poll(() => fatal.length).toBe(1);
    await expect(database.query('select 1')).rejects.toMatchObject({ fault: 'connection' });
  });

  it('[SEC4] keeps its files to this user, also in a folder that others may enter', async () => {
    await chmod(folder, 0o755);
    await chmod(join(folder, 'pglite'), 0o777);
    await open();
    expect((await stat(join(folder, 'pglite'))).mode & 0o077).toBe(0);
  });

  it('[DEP1] refuses a folder that is in use, naming who has it', async () => {
    await open();
    await expect(openTestPglite(folder)).rejects.toMatchObject({
      name: 'DataFolderError',
      reason: 'in-use',
      message: expect.stringContaining(`node "test", process ${process.pid}`),
    });
  });

  it('[BEY3] takes over what a killed process left, also when its pid is another process by now', async () => {
    const bootId = await readBootId();
    const ghosts = [
      { pid: 2 ** 22 + 1, startTime: '1', bootId },
      { pid: process.pid, startTime: '1', bootId },
      { pid: process.pid, startTime: await readStartTime(process.pid), bootId: 'another boot' },
    ];
    for (const ghost of ghosts) {
      const owner = { ...ghost, host: hostname(), node: 'ghost' };
      await writeFile(join(folder, 'bongsu.lock'), JSON.stringify(owner));
      await writeFile(join(folder, 'pglite', 'postmaster.pid'), '-42\n/pglite/data\n');
      const { database, leftBy } = await open();
      expect(leftBy).toMatchObject({ node: 'ghost', pid: ghost.pid });
      await expect(database.query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
      await database.close();
    }
  });

  it('[BEY3] leaves no lock after a clean stop, and no owner before the next start', async () => {
    const first = await open(false);
    await first.database.exec('create table kept (id int); insert into kept values (1)');
    await first.database.close();
    expect(await readOwner(folder)).toBeUndefined();
    const second = await open(false);
    expect(second.leftBy).toBeUndefined();
    await expect(second.database.query('select id from kept')).resolves.toEqual([{ id: 1 }]);
  });

  const leaveLock = () =>
    writeFile(
      join(folder, 'bongsu.lock'),
      JSON.stringify({ pid: 2 ** 22 + 1, startTime: '1', host: hostname(), bootId: 'gone', node: 'ghost' }),
    );

  it('[BEY3] an unclean stop stays on record until it was seen to, however often the folder is opened', async () => {
    await leaveLock();
    for (const _ of [1, 2]) {
      const { database, leftBy } = await open();
      expect(leftBy).toMatchObject({ node: 'ghost', bootId: 'gone' });
      await database.close();
      expect(await findLiveOwner(folder)).toBeUndefined();
    }
    const { database, settle } = await open();
    settle();
    await database.close();
    expect(await readOwner(folder)).toBeUndefined();
  });

  it('[BEY3] an unclean stop stays on record when the folder cannot be opened', async () => {
    await leaveLock();
    await writeFile(join(folder, 'pglite', 'PG_VERSION'), '19\n');
    await expect(openTestPglite(folder)).rejects.toMatchObject({ reason: 'version' });
    await writeFile(join(folder, 'pglite', 'PG_VERSION'), '18\n');
    const control = join(folder, 'pglite', 'global', 'pg_control');
    await rename(control, `${control}.away`);
    await expect(openTestPglite(folder)).rejects.toThrow();
    await rename(`${control}.away`, control);
    expect((await open()).leftBy).toMatchObject({ node: 'ghost' });
  });

  it('[BEY3] a thread that did not flush is a stop that was not clean, also within one process', async () => {
    const { database, killWorker } = await openTestPglite(folder, { throwAway: false });
    await Promise.all([killWorker(), database.close()]);
    expect((await open()).leftBy).toMatchObject({ node: 'test' });
  });

  it('[DEP1] says what is wrong with a folder it cannot write or whose data is of another version', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    await expect(openTestPglite(join(file, 'data'))).rejects.toMatchObject({ reason: 'unusable' });
    await writeFile(join(folder, 'pglite', 'PG_VERSION'), '19\n');
    await expect(openTestPglite(folder)).rejects.toMatchObject({
      reason: 'version',
      message: expect.stringContaining('PostgreSQL 19'),
    });
    expect(await readOwner(folder)).toBeUndefined();
  });

  it('[DEP1] makes the folder and its database on the first start, whole or not at all', {
    timeout: 120_000,
  }, async () => {
    const data = join(folder, 'deep', 'data');
    await open();
    const { database } = await openTestPglite(data);
    opened.push({ database, leftBy: undefined, settle() {}, killWorker: async () => {} });
    await expect(database.query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
    expect((await readdir(data)).sort()).toEqual(['bongsu.lock', 'pglite']);
    await access(join(data, 'pglite', 'PG_VERSION'));
  });

  it('[PRF2] leaves nothing of one connection to the next', async () => {
    const { database, killWorker } = await open();
    await expect(database.exec('begin; create table half (id int); select 1 / 0')).rejects.toThrow();
    await expect(database.query("select to_regclass('half') as t")).resolves.toEqual([{ t: null }]);
    await killWorker();
    await expect(database.query('select $1::int8 as v', [1], { name: 'n' })).resolves.toEqual([{ v: 1 }]);
  });
});

describe('lockFolder', () => {
  it('[BEY3] lets one of several starters have a stale lock', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bongsu-lock-'));
    try {
      const ghost = { pid: 2 ** 22 + 1, host: hostname(), bootId: await readBootId(), node: 'ghost' };
      await writeFile(join(folder, 'bongsu.lock'), JSON.stringify(ghost));
      expect(await findLiveOwner(folder)).toBeUndefined();
      const { clock } = testDeps();
      const tries = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => lockFolder(folder, { node: `n${index}` }, clock)),
      );
      const won = tries.filter((result) => result.status === 'fulfilled');
      expect(won).toHaveLength(1);
      expect(await findLiveOwner(folder)).toMatchObject({ pid: process.pid });
      won[0]?.value.settle();
      await won[0]?.value.release();
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
