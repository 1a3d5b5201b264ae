import { randomUUID } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import type { OpenDatabase } from '../../../test/support/databases.js';
import type { Database, DatabaseFault } from './database.js';

/** What callers may rely on, on every adapter. */
export function databaseContract(open: OpenDatabase): void {
  let database: Database;
  beforeAll(async () => {
    database = await open({ migrate: false });
    await database.exec(`
      create table things (id int primary key, name text constraint things_name_key unique, amount bigint);
      create table parts (thing_id int constraint parts_thing references things deferrable initially deferred)`);
  });
  const fault = (expected: DatabaseFault, sqlState?: string) =>
    expect.objectContaining({
      name: 'DatabaseError',
      fault: expected,
      ...(sqlState ? { details: expect.objectContaining({ sqlState }) } : {}),
    });

  values(() => database, fault);
  transactions(() => database, fault);
  deadlines(() => database, fault);
  locks(() => database);
}

type Fault = (expected: DatabaseFault, sqlState?: string) => unknown;

function values(database: () => Database, fault: Fault): void {
  it('[BEY3] reads int8 as a number and refuses one beyond 2^53', async () => {
    const rows = await database().query(
      'select 9007199254740991::int8 as a, array[1, null]::int8[] as b, -5::int8 c',
    );
    expect(rows).toEqual([{ a: Number.MAX_SAFE_INTEGER, b: [1, null], c: -5 }]);
    await expect(database().query('select 9007199254740992::int8')).rejects.toEqual(fault('content'));
    await expect(database().query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
  });

  it('[BEY3] carries bytea, json, uuid, booleans, null and floats both ways', async () => {
    const id = randomUUID();
    const bytes = Uint8Array.of(0, 1, 92, 255);
    const rows = await database().query(
      'select $1::bytea a, $2::jsonb b, $3::uuid c, $4::bool d, $5::text e, $6::float8 f, $7::json g',
      [bytes, '{"x":[1,"é"]}', id, true, null, 1.5, '[]'],
    );
    expect(rows).toEqual([{ a: bytes, b: { x: [1, 'é'] }, c: id, d: true, e: null, f: 1.5, g: [] }]);
    expect(rows[0]?.a?.constructor).toBe(Uint8Array);
  });

  it('[BEY3] passes arrays through unnest whatever is in them', async () => {
    const texts = ['plain', 'a"b', 'c\\d', '{e,f}', '', 'NULL', null, ' 🎈\n'];
    const ids = texts.map(() => randomUUID());
    const numbers = [0, -1, Number.MAX_SAFE_INTEGER, null, 4, 5, 6, 7];
    const bytes = texts.map((_, index) => (index === 3 ? null : `\\x00ff0${index}`));
    const rows = await database().query<{ t: string; n: number; u: string; b: Uint8Array }>(
      'select * from unnest($1::text[], $2::int8[], $3::uuid[], $4::bytea[]) as x(t, n, u, b)',
      [texts, numbers, ids, bytes],
    );
    expect(rows.map((row) => row.t)).toEqual(texts);
    expect(rows.map((row) => row.n)).toEqual(numbers);
    expect(rows.map((row) => row.u)).toEqual(ids);
    expect(rows.map((row) => row.b)).toEqual(
      texts.map((_, index) => (index === 3 ? null : Uint8Array.of(0, 255, index))),
    );
    const [arrays] = await database().query(
      'select $1::text[] a, $2::bytea[] b, $3::uuid[] c, $4::text[] d',
      [texts, ['\\x01', null], ids, []],
    );
    expect(arrays).toEqual({ a: texts, b: [Uint8Array.of(1), null], c: ids, d: [] });
  });

  it('[SEC2] refuses NUL and lone surrogates in a text as content', async () => {
    for (const text of ['a\0b', 'a\ud800b']) {
      await expect(database().query('select $1::text', [text])).rejects.toEqual(fault('content'));
      await expect(database().query('select $1::text[]', [[text]])).rejects.toEqual(fault('content'));
    }
    await expect(database().query('select 1 as a')).resolves.toEqual([{ a: 1 }]);
  });

  it('[BEY3] carries a megabyte in and out', async () => {
    const text = 'é"\\x'.repeat(250_000);
    const rows = await database().query<{ t: string }>('select $1::text as t', [text]);
    expect(rows[0]?.t === text).toBe(true);
  });

  it('[PRF2] prepares a named statement once and refuses another text under its name', async () => {
    for (const value of [1, 2, 3]) {
      const rows = await database().query('select $1::int8 as v', [value], { name: 'contract-named' });
      expect(rows).toEqual([{ v: value }]);
    }
    const prepared = await database().transaction(async (tx) => {
      await tx.query('select $1::int8 as v', [1], { name: 'contract-named' });
      return tx.query("select count(*) as n from pg_prepared_statements where name = 'contract-named'");
    });
    expect(prepared).toEqual([{ n: 1 }]);
    const another = database().transaction(async (tx) => {
      await tx.query('select $1::int8 as v', [1], { name: 'contract-named' });
      await tx.query('select 2 as other', [], { name: 'contract-named' });
    });
    await expect(another).rejects.toThrow();
  });
}

function transactions(database: () => Database, fault: Fault): void {
  const count = async () => {
    const rows = await database().query<{ n: number }>('select count(*) as n from things');
    return rows[0]?.n;
  };

  it('[MSG3] commits what resolves and rolls back what throws', async () => {
    const before = (await count()) ?? 0;
    const result = await database().transaction(async (tx) => {
      await tx.query("insert into things values (1, 'one', $1)", [Number.MAX_SAFE_INTEGER]);
      return 'done';
    });
    expect(result).toBe('done');
    await expect(
      database().transaction(async (tx) => {
        await tx.query("insert into things values (2, 'two')");
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await count()).toBe(before + 1);
  });

  it('[BEY3] goes on after a failed statement, its transaction rolled back whole', async () => {
    const before = await count();
    await expect(
      database().transaction(async (tx) => {
        await tx.query("insert into things values (10, 'ten')");
        await tx.query('select 1 / 0');
      }),
    ).rejects.toEqual(fault('content', '22012'));
    expect(await count()).toBe(before);
  });

  it('[MSG3] never reports a commit that was a rollback', async () => {
    const before = await count();
    const swallowing = database().transaction(async (tx) => {
      await tx.query("insert into things values (11, 'eleven')");
      await tx.query('select no_such_column').catch(() => undefined);
    });
    await expect(swallowing).rejects.toEqual(fault('content'));
    expect(await count()).toBe(before);
  });

  it('[BEY3] names the broken constraint, unique and deferred ones too', async () => {
    await database().query("insert into things values (20, 'twenty')");
    await expect(database().query("insert into things values (21, 'twenty')")).rejects.toEqual(
      expect.objectContaining({
        fault: 'unique',
        details: expect.objectContaining({ sqlState: '23505', constraint: 'things_name_key' }),
      }),
    );
    const deferred = database().transaction((tx) => tx.query('insert into parts values (404)'));
    await expect(deferred).rejects.toEqual(
      expect.objectContaining({
        fault: 'content',
        details: expect.objectContaining({ constraint: 'parts_thing' }),
      }),
    );
  });

  it('[BEY3] keeps concurrent callers apart', async () => {
    await database().query("insert into things values (30, 'thirty', 0)");
    const add = (value: number) =>
      database().transaction(async (tx) => {
        const [row] = await tx.query<{ amount: number }>(
          'select amount from things where id = 30 for update',
        );
        await tx.query('update things set amount = $1 where id = 30', [(row?.amount ?? 0) + value]);
        if (value === 7) throw new Error('seven');
      });
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => add(index)));
    expect(results.filter((result) => result.status === 'rejected')).toHaveLength(1);
    const rows = await database().query('select amount from things where id = 30');
    expect(rows).toEqual([{ amount: 190 - 7 }]);
  });

  it('[BEY3] refuses statements of a transaction that is over', async () => {
    const escaped = await database().transaction(async (tx) => tx);
    await expect(escaped.query('select 1')).rejects.toEqual(fault('content'));
  });

  it('[BEY3] runs several statements of one text, all or none', async () => {
    await expect(database().exec("insert into things values (40, 'forty'); select 1 / 0")).rejects.toEqual(
      fault('content', '22012'),
    );
    await expect(database().exec('begin; select 1 / 0')).rejects.toEqual(fault('content'));
    await expect(database().query('select id from things where id = 40')).resolves.toEqual([]);
  });
}

function deadlines(database: () => Database, fault: Fault): void {
  const SLOW = 'select pg_sleep(0.4)';

  it('[BEY3] ends a statement that outlives its deadline, and its transaction with it', async () => {
    const late = database().transaction(async (tx) => {
      await tx.query("insert into things values (50, 'fifty')");
      await tx.query(SLOW, [], { timeoutMs: 20 });
    });
    await expect(late).rejects.toEqual(fault('timeout'));
    await expect(database().query('select id from things where id = 50')).resolves.toEqual([]);
  });

  it('[BEY3] gives up at once when the caller does, before, while waiting and while running', async () => {
    const early = AbortSignal.abort();
    await expect(database().query('select 1', [], { signal: early })).rejects.toEqual(fault('aborted'));
    const running = new AbortController();
    const work = database().transaction(
      async (tx) => {
        await tx.query("insert into things values (51, 'fifty-one')");
        const slow = tx.query(SLOW);
        running.abort();
        await slow;
      },
      { signal: running.signal },
    );
    await expect(work).rejects.toEqual(fault('aborted'));
    await expect(database().query('select id from things where id = 51')).resolves.toEqual([]);
  });

  it('[BEY3] does not commit what was given up before COMMIT', async () => {
    const controller = new AbortController();
    const work = database().transaction(
      async (tx) => {
        await tx.query("insert into things values (52, 'fifty-two')");
        controller.abort();
      },
      { signal: controller.signal },
    );
    await expect(work).rejects.toEqual(fault('aborted'));
    await expect(database().query('select id from things where id = 52')).resolves.toEqual([]);
  });

  it('[OBS1] answers a ping and tells its connections', async () => {
    await database().ping({ timeoutMs: 5_000 });
    expect(database().stats()).toMatchObject({ waiting: 0 });
    expect(database().stats().open).toBeGreaterThan(0);
  });
}

function locks(database: () => Database): void {
  it('[BEY3] gives a lock to one holder until it is released', async () => {
    const held = await database().tryLock('contract', 'holder');
    expect(held).toBeDefined();
    await expect(database().tryLock('contract', 'other')).resolves.toBeUndefined();
    await held?.release();
    const again = await database().tryLock('contract');
    expect(again).toBeDefined();
    await again?.release();
  });
}
