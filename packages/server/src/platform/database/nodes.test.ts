import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { describeEachDatabase, describePostgres } from '../../../test/support/databases.js';
import { testDeps } from '../../../test/support/deps.js';
import { fastClock } from '../../../test/support/fast-clock.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { systemClock } from '../clock.js';
import { silentLog } from '../log.js';
import type { Database } from './database.js';
import { type ClaimedNode, claimNode, type NodeClaim, NodeRefused } from './nodes.js';

/** The same database, with some calls of one's own. */
function withOwn(database: Database, own: Partial<Database>): Database {
  return new Proxy(database, {
    get(target, key) {
      const value: unknown = Reflect.get(own, key) ?? Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describeEachDatabase('claimNode', (open) => {
  let database: Database;
  const claimed: ClaimedNode[] = [];
  beforeAll(async () => {
    database = await open();
  });
  afterEach(async () => {
    await Promise.all(claimed.splice(0).map((node) => node.release()));
  });
  const claim = async (options: Partial<NodeClaim> = {}, clock = fastClock(100), its = database) => {
    const node = await claimNode(
      { name: 'a', incarnation: randomUUID(), singleNode: false, ...options },
      { database: its, clock, log: silentLog, onLost: () => {} },
    );
    claimed.push(node);
    return node;
  };

  it('[DEP1] holds the name and writes its row with a lease by the database clock', async () => {
    const incarnation = randomUUID();
    const node = await claim({ incarnation, region: 'eu' }, testDeps().clock);
    const [row] = await database.query<{ lease_until: number }>('select * from nodes');
    expect(row).toMatchObject({ name: 'a', incarnation, region: 'eu' });
    const inMs = (row?.lease_until ?? 0) - Date.now();
    expect(inMs).toBeGreaterThan(0);
    expect(inMs).toBeLessThan(16_000);
    expect(node.leaseIsLive()).toBe(true);
    await node.release();
    expect(node.leaseIsLive()).toBe(false);
    await expect(database.query('select lease_until from nodes')).resolves.toEqual([{ lease_until: 0 }]);
  });

  it('[DEP1] refuses a name that stays held, and gives it when it is let go in time', async () => {
    const first = await claim();
    await expect(claim()).rejects.toThrow(NodeRefused);
    const waiting = claim({}, fastClock(1));
    await first.release();
    await expect(waiting).resolves.toMatchObject({ name: 'a' });
  });

  it('[DEP1] refuses a second live node without Redis, whichever of the two has none', async () => {
    const alone = await claim({ name: 'alone', singleNode: true });
    await expect(claim({ name: 'second', singleNode: true })).rejects.toThrow(/Without Redis only one node/);
    await expect(claim({ name: 'third' })).rejects.toThrow(/Without Redis only one node/);
    await alone.release();
    const clustered = await claim({ name: 'fourth' });
    await claim({ name: 'fifth' });
    await expect(claim({ name: 'alone', singleNode: true })).rejects.toThrow(/Without Redis only one node/);
    await clustered.release();
  });

  it('[DEP1] refuses one without Redis also while another with Redis, of a name that is new, is about to write its row', async () => {
    let reach = () => {};
    let pass = () => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const passed = new Promise<void>((resolve) => {
      pass = resolve;
    });
    const query: Database['query'] = async (text, ...rest) => {
      if (text.includes('insert into nodes')) {
        reach();
        await passed;
      }
      return database.query(text, ...rest);
    };
    const clustered = claim({ name: 'new' }, systemClock, withOwn(database, { query }));
    await reached;
    await expect(claim({ name: 'alone', singleNode: true })).rejects.toThrow(/Without Redis only one node/);
    pass();
    await clustered;
    await expect(claim({ name: 'alone', singleNode: true })).rejects.toThrow(/Without Redis only one node/);
  });

  it('[DEP1] who runs alone forgets names that are long gone, and keeps one whose lease may still count', async () => {
    await database.query('delete from nodes');
    const now = Date.now();
    await database.query(
      `insert into nodes (name, incarnation, lease_until)
       values ('gone', $1, $2), ('left', $1, 0), ('just died', $1, $3)`,
      [randomUUID(), now - 7_200_000, now + 10_000],
    );
    await claim({ name: 'alone', singleNode: true }, testDeps().clock);
    await expect(database.query('select name from nodes order by name')).resolves.toEqual([
      { name: 'alone' },
      { name: 'just died' },
    ]);
  });

  const endings = () =>
    database.query<{ incarnation: string; lived_until: number }>(
      'select incarnation, lived_until from ended_nodes',
    );
  const ended = async () => (await endings()).map(({ incarnation }) => incarnation);
  const died = async (name: string, leaseUntil: number) => {
    await database.query('delete from nodes');
    await database.query('delete from ended_nodes');
    const incarnation = randomUUID();
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1, $2, $3)', [
      name,
      incarnation,
      leaseUntil,
    ]);
    return incarnation;
  };

  it('[DEP1] [RM28] who takes the name of a dead process over notes when that was last seen, and a renewal notes nothing', async () => {
    const clock = new ManualClock();
    const dead = await died('a', 1_000_000);
    await claim({}, clock);
    const noted = [{ incarnation: dead, lived_until: 1_000_000 - 15_000 }];
    await expect(endings()).resolves.toEqual(noted);
    clock.advance(5_000);
    // Behind the renewal.
    await database.ping();
    await expect(endings()).resolves.toEqual(noted);
  });

  it('[DEP1] [ND76] who takes a name over notes how long its former process may believe in its lease, where that may live elsewhere', async () => {
    await died('a', 1_000_000);
    await claim({}, testDeps().clock);
    const mayLive = database.kind === 'postgres';
    await expect(database.query('select lease_until from ended_nodes')).resolves.toEqual([
      { lease_until: mayLive ? 1_000_000 : 0 },
    ]);
  });

  it('[DEP1] [RM28] a name that is forgotten leaves its last moment behind', async () => {
    const dead = await died('gone', 1_000_000);
    await claim({ name: 'alone', singleNode: true }, testDeps().clock);
    await expect(endings()).resolves.toEqual([{ incarnation: dead, lived_until: 1_000_000 - 15_000 }]);
  });

  it('[ND75] a process whose name another has by now leaves its row alone, and learns that its lease is over', async () => {
    await died('other', 0);
    const clock = new ManualClock();
    let isLost = false;
    const onLost = () => {
      isLost = true;
    };
    const mine = { name: 'a', incarnation: randomUUID(), singleNode: false };
    const node = await claimNode(mine, { database, clock, log: silentLog, onLost });
    claimed.push(node);
    const owner = randomUUID();
    await database.query("update nodes set incarnation = $1 where name = 'a'", [owner]);
    clock.advance(5_000);
    await expect.poll(() => isLost).toBe(true);
    expect(node.leaseIsLive()).toBe(false);
    await expect(database.query("select incarnation from nodes where name = 'a'")).resolves.toEqual([
      { incarnation: owner },
    ]);
    // The name is free for whoever asks for it now.
    await claim({}, fastClock(1));
  });

  it('[ND76] a machine that slept finds out at its next renewal: its clock is measured, and its lease begins anew', async () => {
    let sleptMs = 0;
    let renew = () => {};
    const clock = {
      ...systemClock,
      monotonic: () => systemClock.monotonic() - sleptMs,
      every: (_periodMs: number, task: () => void) => {
        renew = task;
        return () => {};
      },
    };
    let offsetMs = database.clockOffsetMs();
    const slept = withOwn(database, {
      clockOffsetMs: () => offsetMs,
      measureClock: async () => {
        offsetMs = database.clockOffsetMs() + sleptMs;
      },
    });
    const mine = { name: 'sleeper', incarnation: randomUUID(), singleNode: false };
    const node = await claimNode(mine, { database: slept, clock, log: silentLog, onLost: () => {} });
    claimed.push(node);
    const since = node.leaseSince();
    sleptMs = 60_000;
    renew();
    await expect.poll(() => [undefined, since].includes(node.leaseSince())).toBe(false);
    const [row] = await database.query<{ left: number }>(
      `select lease_until - extract(epoch from clock_timestamp())::float8 * 1000 as left
       from nodes where name = 'sleeper'`,
    );
    expect(row?.left).toBeGreaterThan(5_000);
  });

  it('[ND76] a lease that is not renewed ends for its own process a second before others may act', async () => {
    await died('other', 0);
    const clock = Object.assign(new ManualClock(), { every: () => () => {} });
    const node = await claim({}, clock);
    clock.advance(13_999);
    expect(node.leaseIsLive()).toBe(true);
    clock.advance(1);
    expect(node.leaseIsLive()).toBe(false);
  });

  it('[ND29] a process that claims its name anew counts as ended no more, so that its next end is the one that counts', async () => {
    const cut = await died('a', 1_000_000);
    const other = await claim();
    await other.release();
    expect(new Set(await ended())).toEqual(new Set([cut, other.incarnation]));
    await claim({ incarnation: cut });
    await expect(ended()).resolves.toEqual([other.incarnation]);
  });

  it('[DEP1] [RM28] a process that stops notes its last moment, which its successor leaves as it is', async () => {
    await died('other', 0);
    const clock = new ManualClock();
    const incarnation = randomUUID();
    const node = await claim({ incarnation }, clock);
    const stoppedAt = Math.round(clock.monotonic() + database.clockOffsetMs());
    await node.release();
    await claim({}, clock);
    await expect(endings()).resolves.toEqual([{ incarnation, lived_until: stoppedAt }]);
  });
});

describePostgres('claimNode', (open) => {
  it('[DEP1] names the holder, and tells it when its connection is lost', async () => {
    const database = await open();
    let lost = () => {};
    const losing = new Promise<void>((resolve) => {
      lost = resolve;
    });
    const deps = { database, clock: fastClock(100), log: silentLog, onLost: lost };
    const first = await claimNode({ name: 'node-7', incarnation: randomUUID(), singleNode: true }, deps);
    const second = claimNode({ name: 'node-7', incarnation: randomUUID(), singleNode: true }, deps);
    await expect(second).rejects.toThrow(
      /"node-7" is held by "bongsu node-7" at 127\.0\.0\.1 .*: give this node a NODE_NAME of its own/,
    );
    await database.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'bongsu node-7'",
    );
    await losing;
    expect(first.leaseIsLive()).toBe(false);
    // With all the patience of a real start: the server may take a moment to end a backend.
    const patient = { ...deps, clock: systemClock };
    const third = await claimNode({ name: 'node-7', incarnation: randomUUID(), singleNode: true }, patient);
    await third.release();
  });

  it.each(['bongsu:node:node-7', 'bongsu:single-node'])(
    '[DEP1] [STB2] lets go of everything when only the connection of %s is lost, so that it can be claimed anew',
    async (lock) => {
      const database = await open();
      const claim = { name: 'node-7', incarnation: randomUUID(), singleNode: true };
      const deps = { database, clock: fastClock(100), log: silentLog };
      const losing = new Promise<void>((resolve) => {
        void claimNode(claim, { ...deps, onLost: resolve }).then(() =>
          database.query(
            `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'
             and ((classid::int8 << 32) | objid::int8) = hashtextextended($1, 0)`,
            [lock],
          ),
        );
      });
      await losing;
      const again = await claimNode(claim, { ...deps, clock: systemClock, onLost: () => {} });
      await again.release();
    },
  );
});
