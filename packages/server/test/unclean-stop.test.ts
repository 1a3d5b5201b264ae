import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Database, SqlValue } from '../src/platform/database/database.js';
import { readOwner } from '../src/platform/database/folder-lock.js';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { runInProcess } from './support/command-line.js';
import { describePglite } from './support/databases.js';
import { createPgliteFolder, openTestPglite } from './support/pglite-databases.js';

describePglite('after a power loss', () => {
  let folder: string;
  let dataDir: string;
  let processes: BongsuProcesses;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bongsu-unclean-'));
    processes = new BongsuProcesses(folder);
    dataDir = await createPgliteFolder(true);
  });
  afterEach(async () => {
    await processes.killAll();
    await rm(dataDir, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  const serve = () => processes.run(['serve'], { DATA_DIR: dataDir });
  const bongsu = (...args: string[]) => runInProcess(args, { DATA_DIR: dataDir });
  const withDatabase = async <T>(work: (database: Database) => Promise<T>): Promise<T> => {
    const { database } = await openTestPglite(dataDir, { throwAway: false });
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  };
  const readEpoch = () =>
    withDatabase(async (database) => (await database.query('select epoch from meta'))[0]?.epoch);
  /** A server of the boot before, which had no time to say goodbye. */
  const losePower = async () => {
    await withDatabase((database) => database.query("update meta set boot_id = 'before'"));
    const owner = { pid: 2 ** 22 + 1, startTime: '1', bootId: 'before', host: hostname(), node: 'lost' };
    await writeFile(join(dataDir, 'bongsu.lock'), JSON.stringify(owner));
  };
  const serveOnce = async () => {
    const server = serve();
    await server.shows('is ready');
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  };

  it('[BEY1] a migration, a look at them and a start that fails leave the new epoch to the next server', async () => {
    const before = await readEpoch();
    await losePower();
    for (const verb of ['status', 'up']) {
      expect(await bongsu('migrate', verb)).toMatchObject({ code: 0 });
      expect(await readOwner(dataDir)).toMatchObject({ pid: 0, node: 'lost' });
    }
    await withDatabase((database) =>
      database.query("insert into schema_migrations values (9999, 'later', '', 9999, 0)"),
    );
    expect((await serve().ended).code).toBe(1);
    expect(await readOwner(dataDir)).toMatchObject({ pid: 0, node: 'lost' });
    await withDatabase((database) => database.query('delete from schema_migrations where number = 9999'));
    await serveOnce();
    expect(await readOwner(dataDir)).toBeUndefined();
    const after = await readEpoch();
    expect(after).not.toBe(before);
    await serveOnce();
    expect(await readEpoch()).toBe(after);
  }, 120_000);

  it('[BEY1] dlq refuses while migrations wait and leaves the new epoch to others, else makes it first', async () => {
    const before = await readEpoch();
    const newest = await withDatabase(async (database) => {
      const rows = await database.query<Record<string, SqlValue>>(
        'delete from schema_migrations where number = 9 returning *',
      );
      return rows[0];
    });
    await losePower();
    expect(await bongsu('dlq', 'list')).toMatchObject({ code: 1 });
    expect(await readOwner(dataDir)).toMatchObject({ pid: 0, node: 'lost' });
    await withDatabase((database) =>
      database.query(
        'insert into schema_migrations values ($1, $2, $3, $4, $5)',
        Object.values(newest ?? {}),
      ),
    );
    expect(await bongsu('dlq', 'list')).toMatchObject({ code: 0 });
    expect(await readOwner(dataDir)).toBeUndefined();
    expect(await readEpoch()).not.toBe(before);
  }, 120_000);
});
