import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import {
  type CommandsHarness,
  commandsConfig,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  triggerTo,
} from '../../test/support/commands.js';
import { describeEachDatabase, describePostgres } from '../../test/support/databases.js';
import { emptyTables } from '../../test/support/empty-tables.js';
import { entry, navigateEntry } from '../../test/support/entries.js';
import { HubBus } from '../../test/support/hub-bus.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import type { Database } from '../platform/database/database.js';
import { silentLog } from '../platform/log.js';
import { AwayLedger, type Look, type SweptEntry } from './away-ledger.js';
import { AwaySweep, type SweepDeps } from './sweep.js';

describeEachDatabase('screens that are away', (open) => {
  let database: Database;
  let clock: ManualClock;
  let harness: CommandsHarness;
  const incarnation = randomUUID();

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    await emptyTables(database, 'nodes');
    clock = new ManualClock(Date.now());
    harness = commandsHarness(database, {
      clock,
      databaseClock: clock.now,
      config: commandsConfig({ maxPendingPerScreen: 5 }),
    });
    await harness.addScreen('scr_a');
  });

  const sweepOver = (overrides: Partial<SweepDeps> = {}) => {
    const ended: SweptEntry[] = [];
    const sweep = new AwaySweep({
      ledger: new AwayLedger(database, true),
      lease: { leaseSince: () => clock.now() - 15_000, renewedAt: () => 0 },
      clock,
      databaseClock: clock.now,
      log: silentLog,
      node: { incarnation },
      isHeldHere: () => false,
      during: (_screenIds, work) => work,
      onEnded: (each) => ended.push(each),
      ...overrides,
    });
    return { sweep, ended };
  };
  const accept = (screenId: string, fields: object) => {
    const command = triggerTo(screenId, { timestamp: clock.now(), ...fields });
    const event = 'url' in fields ? 'navigate' : 'trigger';
    return harness.send(event, command).then(() => command.id);
  };
  const deliveries = () => database.query('select seq, status, reason from deliveries order by seq');
  const session = async (screenId = 'scr_a') => {
    const [row] = await database.query<{ acked_seq: number; fence: number; node: string | null }>(
      'select acked_seq, fence, node from screen_sessions where screen_id = $1',
      [screenId],
    );
    return row;
  };

  it('[DL56] ends what expired, was superseded or is lost, moves on, and raises the fence', async () => {
    const lost = await accept('scr_a', {});
    const expired = await accept('scr_a', { ttlMs: 100 });
    const superseded = await accept('scr_a', { url: '/a' });
    await accept('scr_a', { url: '/b' });
    await accept('scr_a', {});
    await database.query('insert into attempts (stream_id, seq, n, lost) values (1, 1, 1, 10)');
    clock.advance(100);
    const { sweep, ended } = sweepOver();
    await sweep.tick();
    expect(await deliveries()).toEqual([
      { seq: 1, status: 'dead', reason: 'lost' },
      { seq: 2, status: 'expired', reason: null },
      { seq: 3, status: 'superseded', reason: null },
    ]);
    expect(ended.map(({ id, status, attempts }) => [id, status, attempts])).toEqual([
      [lost, 'dead', 11],
      [expired, 'expired', 0],
      [superseded, 'superseded', 0],
    ]);
    expect(await session()).toEqual({ acked_seq: 3, fence: 1, node: null });
    expect(await database.query('select seq, reason from dead_letters')).toEqual([
      { seq: 1, reason: 'lost' },
    ]);
    expect(await database.query('select kind from hook_outbox')).toEqual([{ kind: 'dead' }]);
    expect(await database.query('select * from attempts')).toEqual([]);
    await sweep.tick();
    expect((await session())?.fence).toBe(1);
  });

  it('[DL56] keeps apart what a trigger, another display or an end of its own keeps apart', async () => {
    await accept('scr_a', { url: '/a' });
    await accept('scr_a', { url: '/b', displayIndex: 1 });
    await accept('scr_a', {});
    await accept('scr_a', { url: '/c' });
    await accept('scr_a', { url: '/d', ttlMs: 1 });
    clock.advance(1);
    const { sweep } = sweepOver();
    await sweep.tick();
    expect(await deliveries()).toEqual([{ seq: 5, status: 'expired', reason: null }]);
    expect((await session())?.acked_seq).toBe(0);
  });

  it('[DL56] leaves a screen alone that a process with a live lease holds, and not one of a dead process', async () => {
    await accept('scr_a', { ttlMs: 1 });
    const node = { name: 'other:1', incarnation: randomUUID() };
    const other = commandsHarness(database, { node, clock });
    other.screens.set('scr_a', 1);
    clock.advance(5);
    const holder = new FakeScreen('scr_a');
    const held = other.commands.attachScreen(holder);
    await held.ready;
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      node.name,
      node.incarnation,
      clock.now() + 10,
    ]);
    const { sweep } = sweepOver();
    sweep.lookSoon('scr_a');
    await sweep.tick();
    expect(await deliveries()).toEqual([]);
    expect(sweep.size).toBe(0);
    clock.advance(10);
    sweep.lookSoon('scr_a');
    await sweep.tick();
    expect(await deliveries()).toMatchObject([{ status: 'expired' }]);
    expect(await session()).toEqual({ acked_seq: 1, fence: 2, node: null });
    await other.commands.stop(AbortSignal.timeout(10_000));
  });

  it('[DL56] ends what is over where a row names this process, which has no connection of that screen', async () => {
    const node = { name: 'own:1', incarnation };
    const own = commandsHarness(database, { node, clock });
    await own.commands.attachScreen(new FakeScreen('scr_a', { connectedAt: clock.now() + 1 })).ready;
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      node.name,
      incarnation,
      clock.now() + 600_000,
    ]);
    await accept('scr_a', { ttlMs: 1 });
    clock.advance(1);
    const elsewhere = new AwayLedger(database, false);
    expect((await elsewhere.waiting('', 9, clock.now(), randomUUID())).screens).toEqual([]);
    const { sweep } = sweepOver();
    // As if the connection had come while this was on its way.
    await sweep.tick();
    expect(await deliveries()).toEqual([]);
    clock.advance(1);
    sweep.lookSoon('scr_a');
    await sweep.tick();
    expect(await deliveries()).toMatchObject([{ status: 'expired' }]);
    expect(await session()).toEqual({ acked_seq: 1, fence: 2, node: null });
    await own.commands.stop(AbortSignal.timeout(100));
  });

  it('[DL56] walks an inbox page by page and all screens now and then', async () => {
    await database.exec(`
      insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at)
      select 1, n, gen_random_uuid(), gen_random_uuid(), 'trigger', '\\x00', '{}', 1, case when n > 1100 then 1 else 9000000000000 end
      from generate_series(1, 1200) n;
      update streams set last_seq = 1200 where id = 1;
    `);
    const { sweep, ended } = sweepOver();
    await sweep.tick();
    expect(ended).toHaveLength(100);
    expect((await session())?.acked_seq).toBe(0);
    expect(sweep.size).toBe(1);
  });

  it('[DL56] [DL33] a screen that is full is looked at at once, and takes commands again', async () => {
    const since = clock.now() - 15_000;
    const lease = { leaseSince: () => since, renewedAt: () => 0 };
    const own = commandsHarness(database, {
      clock,
      databaseClock: clock.now,
      lease,
      config: commandsConfig({ maxPendingPerScreen: 2 }),
    });
    own.screens.set('scr_a', 1);
    await own.commands.start();
    const send = () => own.send('trigger', triggerTo('scr_a', { timestamp: clock.now(), ttlMs: 100 }));
    await send();
    await send();
    clock.advance(100);
    await expect(send()).rejects.toMatchObject({ code: 'BUSY' });
    clock.advance(1000);
    await vi.waitFor(async () => expect(await deliveries()).toHaveLength(2), { timeout: 10_000 });
    await send();
    expect(own.pushed.map(({ payload }) => payload.status)).toEqual(['expired', 'expired']);
    const connected = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
    const { detach } = await connectScreen(own.commands, connected);
    await connected.received(1);
    detach();
    await own.commands.stop(AbortSignal.timeout(1000));
  });

  it('[DL56] what another process accepted is left to that one, and to the walk', async () => {
    await harness.addScreen('scr_b');
    const hub = new HubBus();
    const since = clock.now() - 15_000;
    const [holder, other] = ['holder:1', 'other:1'].map((name) => {
      const node = { name, incarnation: randomUUID() };
      const lease = { leaseSince: () => since, renewedAt: () => 0 };
      const ephemeral = { bus: hub.join() };
      return commandsHarness(database, { clock, databaseClock: clock.now, lease, node, ephemeral });
    }) as [CommandsHarness, CommandsHarness];
    for (const { screens, commands } of [holder, other]) {
      screens.set('scr_a', 1).set('scr_b', 2);
      await commands.start();
    }
    await connectScreen(holder.commands, new FakeScreen('scr_a', { connectedAt: clock.now() }));
    await database.query(
      `insert into nodes (name, incarnation, lease_until)
       select node, incarnation, $1 from screen_sessions where screen_id = 'scr_a'`,
      [clock.now() + 600_000],
    );
    const looks = vi.spyOn(AwayLedger.prototype, 'sweep');
    onTestFinished(() => looks.mockRestore());
    const looked = () => looks.mock.calls.flatMap(([screens]) => screens.map(({ screenId }) => screenId));
    const navigate = (to: string) => triggerTo(to, { timestamp: clock.now(), url: '/a', action: undefined });
    await holder.send('navigate', navigate('scr_a'));
    await other.send('navigate', navigate('scr_b'));
    await vi.waitFor(() => {
      clock.advance(1000);
      expect(looked()).toContain('scr_b');
    });
    expect(looked()).not.toContain('scr_a');
    for (const { commands } of [holder, other]) await commands.stop(AbortSignal.timeout(100));
  });

  it('[DL56] pages through all screens, and names those that are away with entries waiting', async () => {
    for (const name of ['scr_b', 'scr_c', 'scr_d']) await harness.addScreen(name);
    await accept('scr_b', {});
    await accept('scr_d', {});
    const ledger = new AwayLedger(database, false);
    expect(await ledger.waiting('', 3, clock.now(), incarnation)).toEqual({
      screens: ['scr_b'],
      last: 'scr_c',
    });
    expect(await ledger.waiting('scr_c', 3, clock.now(), incarnation)).toEqual({
      screens: ['scr_d'],
      last: null,
    });
    expect(await ledger.waiting('scr_d', 3, clock.now(), incarnation)).toEqual({ screens: [], last: null });
  });
});

describePostgres('screens that others hold', (open) => {
  it('[DL56] are not waited for by a sweep, nor locked', async () => {
    const database = await open();
    const harness = commandsHarness(database);
    await harness.addScreen('scr_a');
    const node = { name: 'other:1', incarnation: randomUUID() };
    const other = commandsHarness(database, { node });
    other.screens.set('scr_a', 1);
    await other.commands.attachScreen(new FakeScreen('scr_a')).ready;
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      node.name,
      node.incarnation,
      Date.now() + 600_000,
    ]);
    const ledger = new AwayLedger(database, false);
    const sweep = () => ledger.sweep([{ screenId: 'scr_a', after: 0 }], 500, Date.now(), randomUUID());
    await database.transaction(async (tx) => {
      await tx.query("select from screen_sessions where screen_id = 'scr_a' for no key update");
      expect(await sweep()).toMatchObject({ ended: [], looks: [{ screenId: 'scr_a', walked: null }] });
    });
    await other.commands.stop(AbortSignal.timeout(10_000));
  });
});

const look = (fields: Partial<Look> = {}): Look => ({
  screenId: 'scr_a',
  walked: 0,
  more: false,
  nextAt: null,
  ...fields,
});

function planned(lease: { since: number | undefined } = { since: -15_000 }) {
  const clock = new ManualClock(0);
  const looks: (Look | 'fault')[] = [];
  const asked: string[] = [];
  /** What happens while a look is under way. */
  const during: (() => void)[] = [];
  const ledger = {
    sweep: async (screens: readonly { screenId: string; after: number }[]) => {
      asked.push(`${screens.map(({ screenId, after }) => `${screenId}>${after}`)}@${clock.now()}`);
      const next = looks.shift() ?? look();
      during.splice(0).forEach((happen) => {
        happen();
      });
      if (next === 'fault') throw new Error('away');
      return { ended: [], looks: screens.map(({ screenId }) => ({ ...next, screenId })) };
    },
    waiting: async () => ({ screens: [], last: null }),
  } as unknown as AwayLedger;
  const held = new Set<string>();
  const sweep = new AwaySweep({
    ledger,
    lease: { leaseSince: () => lease.since, renewedAt: () => 0 },
    clock,
    databaseClock: clock.now,
    log: silentLog,
    node: { incarnation: 'own' },
    isHeldHere: (screenId) => held.has(screenId),
    during: (_screenIds, work) => work,
    onEnded: () => {},
  });
  const pass = async (ms: number) => {
    for (let n = 0; n < ms; n += 1000) {
      clock.advance(1000);
      await sweep.tick();
    }
    return asked.splice(0);
  };
  return { sweep, looks, during, held, pass, clock };
}

it('[DL56] remembers when a screen is next worth a look', async () => {
  const { sweep, looks, pass } = planned();
  sweep.note(entry(1, { expiresAt: 3000 }));
  sweep.note(entry(2, { expiresAt: 9000 }));
  looks.push(look({ nextAt: 9000 }), look());
  expect(await pass(2000)).toEqual([]);
  expect(await pass(20_000)).toEqual(['scr_a>0@3000', 'scr_a>0@9000']);
  expect(sweep.size).toBe(0);
  sweep.note({ ...navigateEntry(3), expiresAt: 90_000 });
  expect(await pass(2000)).toEqual(['scr_a>0@23000']);
});

it('[DL56] a long walk is paid back by a pause', async () => {
  const { looks, pass, sweep } = planned();
  looks.push(look({ more: true, walked: 500, nextAt: 1500 }), look({ more: true, walked: 1000 }), look());
  sweep.lookSoon('scr_a');
  expect(await pass(1000)).toEqual(['scr_a>0@1000', 'scr_a>500@1000', 'scr_a>1000@1000']);
  sweep.lookSoon('scr_a');
  expect(await pass(4000)).toEqual([]);
  expect(await pass(1000)).toEqual(['scr_a>0@6000']);
});

it('[DL56] what is noted during a look is looked at in its time, though the look may not have seen it', async () => {
  const { sweep, looks, during, pass } = planned();
  looks.push(look({ nextAt: 86_400_000 }), look({ more: true, walked: 500 }), look({ nextAt: 86_400_000 }));
  during.push(() => sweep.note(entry(2, { expiresAt: 5000 })));
  sweep.lookSoon('scr_a');
  expect(await pass(4000)).toEqual(['scr_a>0@1000']);
  during.push(() => sweep.note(entry(3, { expiresAt: 9000 })));
  expect(await pass(3000)).toEqual(['scr_a>0@5000', 'scr_a>500@5000']);
  during.push(() => sweep.lookSoon('scr_a'));
  expect(await pass(4000)).toEqual(['scr_a>0@9000', 'scr_a>0@10000']);
  expect(sweep.size).toBe(0);
});

it('[DL56] decides nothing before its own lease has lived 15 s, nor for screens that are here', async () => {
  const lease = { since: -14_000 as number | undefined };
  const { sweep, pass, held } = planned(lease);
  sweep.lookSoon('scr_a');
  lease.since = undefined;
  expect(await pass(1000)).toEqual([]);
  lease.since = -12_000;
  expect(await pass(1000)).toEqual([]);
  expect(await pass(1000)).toEqual(['scr_a>0@3000']);
  held.add('scr_a');
  sweep.lookSoon('scr_a');
  expect(await pass(1000)).toEqual([]);
  expect(sweep.size).toBe(0);
});

it('[DL56] tries again after a fault, and takes at most 16 screens a statement', async () => {
  const { sweep, looks, pass } = planned();
  looks.push('fault');
  for (let n = 0; n < 20; n += 1) sweep.lookSoon(`s${n}`);
  const statements = await pass(2000);
  expect(statements).toHaveLength(3);
  expect(statements.map((each) => each.split(',').length)).toEqual([16, 16, 4]);
});

it('[DL56] looks by itself, until it is stopped', async () => {
  const { sweep, clock } = planned();
  sweep.start();
  expect(clock.pending).toBe(1);
  clock.advance(1000);
  await sweep.stop();
  expect(clock.pending).toBe(0);
});
