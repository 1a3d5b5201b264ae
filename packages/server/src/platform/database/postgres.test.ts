import pg from 'pg';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  it,
  onTestFinished,
} from 'vitest';
import { testDeps } from '../../../test/support/deps.js';
import { startPostgres, type ThrowAwayPostgres } from '../../../test/support/postgres.js';
import {
  createPostgresDatabase,
  type FreshDatabase,
  postgresConfig,
} from '../../../test/support/postgres-databases.js';
import { startTcpProxy, type TcpProxy } from '../../../test/support/tcp-proxy.js';
import { startTransactionPooler } from '../../../test/support/transaction-pooler.js';
import { freePort } from '../../chaos/processes.js';
import type { Database } from './database.js';
import { openPostgres, type PostgresConfig } from './postgres.js';
import { findUnsafeSettings } from './postgres-fitness.js';

const serverUrl = inject('postgresUrl');

describe.skipIf(serverUrl === '')('openPostgres', () => {
  let fresh: FreshDatabase;
  let proxy: TcpProxy;
  let opened: Database[] = [];
  const admin = new pg.Pool({ connectionString: serverUrl || 'postgresql://none', max: 2 });

  beforeAll(async () => {
    fresh = await createPostgresDatabase(serverUrl, false);
    await runSql(fresh.url, 'create table things (id int primary key)');
  });
  afterAll(async () => {
    await fresh.drop();
    await admin.end();
  });
  beforeEach(async () => {
    const { hostname, port } = new URL(serverUrl);
    proxy = await startTcpProxy(Number(port || 5432), hostname);
  });
  afterEach(async () => {
    proxy.swallow('none');
    await Promise.all(opened.map((database) => database.close()));
    opened = [];
    await proxy.close();
  });

  const open = async (config: Partial<PostgresConfig> = {}) => {
    const database = await openPostgres({ ...postgresConfig(fresh.url), ...config }, testDeps());
    opened.push(database);
    return database;
  };
  const pidOf = async (database: Database) => {
    const [row] = await database.query<{ pid: number }>('select pg_backend_pid() as pid');
    return row?.pid ?? 0;
  };
  const terminate = (pid: number) => admin.query('select pg_terminate_backend($1)', [pid]);

  it('[BEY1] tells a commit whose answer never came from one that failed', async () => {
    const database = await open({ url: proxy.url(fresh.url) });
    const insert = (id: number) =>
      database.transaction(async (tx) => {
        await tx.query('insert into things values ($1)', [id]);
      });
    proxy.cutAfter('commit');
    await expect(insert(1)).rejects.toMatchObject({ fault: 'commit-unknown' });
    proxy.cutAfter('commit', { forward: false });
    await expect(insert(2)).rejects.toMatchObject({ fault: 'commit-unknown' });
    await expect.poll(() => database.query('select id from things where id in (1, 2)')).toEqual([{ id: 1 }]);
  });

  it('[BEY1] calls a loss before COMMIT a connection fault, and one of a lone statement unknown', async () => {
    const database = await open({ url: proxy.url(fresh.url) });
    const inTransaction = database.transaction(async (tx) => {
      await tx.query('insert into things values (3)');
      proxy.cut();
      await tx.query('select 1');
    });
    await expect(inTransaction).rejects.toMatchObject({ fault: 'connection' });
    proxy.cutAfter('insert into things values (4)');
    await expect(database.query('insert into things values (4)')).rejects.toMatchObject({
      fault: 'commit-unknown',
    });
    await expect(database.query('select id from things where id = 3')).resolves.toEqual([]);
  });

  it('[PRF2] survives the end of a busy and of an idle backend', async () => {
    const database = await open({ poolMax: 1 });
    const work = database.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      await terminate(row?.pid ?? 0);
      await tx.query('select 1');
    });
    await expect(work).rejects.toMatchObject({ fault: 'connection' });
    await terminate(await pidOf(database));
    await expect.poll(() => database.stats().open).toBe(0);
    await expect(database.query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
  });

  it('[BEY1] maps a deadlock, which ends one of the two only', async () => {
    const database = await open();
    await database.exec('insert into things values (10), (11)');
    let arrive = () => {};
    let waiting = 2;
    const both = new Promise<void>((resolve) => {
      arrive = () => {
        waiting -= 1;
        if (waiting === 0) resolve();
      };
    });
    const lock = (first: number, second: number) =>
      database.transaction(async (tx) => {
        await tx.query('select 1 from things where id = $1 for update', [first]);
        arrive();
        await both;
        await tx.query('select 1 from things where id = $1 for update', [second]);
      });
    const results = await Promise.allSettled([lock(10, 11), lock(11, 10)]);
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ fault: 'deadlock', details: { sqlState: '40P01' } });
  });

  it('[PRF2] bounds the wait for a connection, and the waiter settles', async () => {
    const database = await open({ poolMax: 2, poolConnectMs: 200 });
    let free = () => {};
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    const holders = [database.transaction(() => freed), database.transaction(() => freed)];
    await expect(database.query('select 1')).rejects.toMatchObject({ fault: 'connection' });
    const controller = new AbortController();
    const waiter = database.query('select 1', [], { signal: controller.signal });
    controller.abort();
    await expect(waiter).rejects.toMatchObject({ fault: 'aborted' });
    free();
    await Promise.all(holders);
    await expect(database.query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
    expect(database.stats().waiting).toBe(0);
  });

  it('[PRF2] cancels on the server what nobody waits for, and keeps the connection', async () => {
    const database = await open({ poolMax: 1 });
    const pid = await pidOf(database);
    await expect(database.query('select pg_sleep(60)', [], { timeoutMs: 30 })).rejects.toMatchObject({
      fault: 'timeout',
    });
    const controller = new AbortController();
    const slow = database.query('select pg_sleep(60)', [], { signal: controller.signal });
    await expect.poll(() => isRunning(pid, 'pg_sleep')).toBe(true);
    controller.abort();
    await expect(slow).rejects.toMatchObject({ fault: 'aborted' });
    expect(await pidOf(database)).toBe(pid);
  });

  const isRunning = async (pid: number, text: string) => {
    const { rows } = await admin.query('select state, query from pg_stat_activity where pid = $1', [pid]);
    return rows[0]?.state === 'active' && rows[0].query.includes(text);
  };

  it('[PRF2] does not hang on a network that swallows everything', async () => {
    const database = await open({
      url: proxy.url(fresh.url),
      poolMax: 1,
      poolConnectMs: 300,
      statementMs: 100,
    });
    proxy.swallow('both');
    await expect(database.query('select 1')).rejects.toMatchObject({ fault: 'commit-unknown' });
    await expect(database.query('select 1')).rejects.toMatchObject({ fault: 'connection' });
    proxy.swallow('none');
    await expect(database.query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
  });

  it('[BEY1] tells the holder of a lock that it lost it, and frees it for others', async () => {
    const database = await open();
    const lock = await database.tryLock('precious', 'first holder');
    const { rows } = await admin.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name = 'first holder'",
    );
    expect(rows).toHaveLength(1);
    await terminate(rows[0]?.pid ?? 0);
    await lock?.lost;
    const again = await database.tryLock('precious');
    expect(again).toBeDefined();
    await again?.release();
  });

  it('[DEP1] refuses a pooler in transaction mode', async () => {
    const pooler = await startTransactionPooler(fresh.url);
    try {
      await expect(open({ url: pooler.url })).rejects.toThrow(/pooler in transaction mode/);
    } finally {
      await pooler.close();
    }
  });

  it('[DEP1] refuses a server that is read-only', async () => {
    const readonly = await createPostgresDatabase(serverUrl, false);
    try {
      const name = new URL(readonly.url).pathname.slice(1);
      await admin.query(`alter database ${name} set default_transaction_read_only = on`);
      await expect(open({ url: readonly.url })).rejects.toMatchObject({ fault: 'readonly' });
    } finally {
      await readonly.drop();
    }
  });

  it('[DEP1] says of a server that may lose what it committed which of its settings is at fault', async () => {
    const unsafe = async (url: string) => {
      const database = await open({ url });
      return (await findUnsafeSettings(database)).map((text) => text.replace(/:.*/, ''));
    };
    const [safe, fast] = await Promise.all([startPostgres({ fsync: true }), startPostgres()]);
    onTestFinished(async () => {
      await Promise.all([safe.remove(), fast.remove()]);
    });
    expect(await unsafe(safe.url)).toEqual([]);
    await runSql(safe.url, 'alter role postgres set synchronous_commit = off');
    expect(await unsafe(safe.url)).toEqual(['PostgreSQL runs with synchronous_commit=off']);
    expect(await unsafe(fast.url)).toEqual([
      'PostgreSQL runs with fsync=off',
      'PostgreSQL runs with full_page_writes=off',
      'PostgreSQL runs with synchronous_commit=off',
    ]);
  });

  it('[DEP1] tries to reach the server until its time is over, then says what is wrong', async () => {
    const url = `postgresql://postgres@127.0.0.1:${await freePort()}/postgres`;
    await expect(open({ url, startTimeoutMs: 700 })).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/);
    const unknown = new URL(fresh.url);
    unknown.pathname = '/no_such_database';
    await expect(open({ url: unknown.href })).rejects.toThrow(/no_such_database/);
  });
});

describe.skipIf(serverUrl === '')('openPostgres beside a server that restarts', () => {
  let server: ThrowAwayPostgres;
  beforeAll(async () => {
    server = await startPostgres({ fsync: true });
  });
  afterAll(() => server?.remove());

  it('[BEY1] waits for it at the start, and goes on after it was killed', async () => {
    await server.stop();
    const opening = openPostgres(postgresConfig(server.url), testDeps());
    await server.start();
    const database = await opening;
    try {
      await database.exec('create table kept (id int)');
      await database.query('insert into kept values (1)');
      const open = database.transaction(async (tx) => {
        await tx.query('insert into kept values (2)');
        await server.stop('immediate');
      });
      await expect(open).rejects.toMatchObject({ fault: expect.stringMatching(/connection|commit-unknown/) });
      await expect(database.query('select 1')).rejects.toMatchObject({ fault: 'connection' });
      await server.start();
      await expect(database.query('select id from kept')).resolves.toEqual([{ id: 1 }]);
    } finally {
      await database.close();
    }
  });

  it('[ND75] a lock is let go though the server does not even end the connection', async () => {
    const database = await openPostgres(postgresConfig(server.url), testDeps());
    onTestFinished(() => database.close());
    const lock = await database.tryLock('precious');
    await server.freeze();
    onTestFinished(() => server.thaw());
    await lock?.release();
  });
});

async function runSql(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text);
  await client.end();
}
