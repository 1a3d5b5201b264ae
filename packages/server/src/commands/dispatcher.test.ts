import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  lonelyBus,
  SENDER,
  type SentEntry,
  triggerTo,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { emptyTables } from '../../test/support/empty-tables.js';
import { entry } from '../../test/support/entries.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { type Clock, systemClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import type { Bus, BusEvent } from '../platform/ephemeral/ephemeral.js';

const executed = () => ({ status: 'executed' });

describeEachDatabase('delivering', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  const harnesses: CommandsHarness[] = [];
  const incarnation = randomUUID();

  const start = async (overrides = {}) => {
    const made = commandsHarness(database, overrides);
    made.screens.set('scr_a', 1);
    await made.commands.start();
    harnesses.push(made);
    return made;
  };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    await emptyTables(database, 'nodes');
    harness = await start({ node: { name: 'test:1', incarnation } });
    await harness.addScreen('scr_a');
  });
  afterEach(async () => {
    for (const made of harnesses.splice(0)) await made.commands.stop(AbortSignal.timeout(1000));
  });

  const accept = async (count: number, fields: object = {}) => {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const command = triggerTo('scr_a', { data: { i }, ...fields });
      await harness.send('trigger', command);
      ids.push(command.id);
    }
    return ids;
  };
  const session = async () => {
    const [row] = await database.query<{ acked_seq: number; fence: number; node: string | null }>(
      "select acked_seq, fence, node from screen_sessions where screen_id = 'scr_a'",
    );
    return row;
  };
  const statuses = async () => {
    const rows = await database.query<{ status: string }>('select status from deliveries order by seq');
    return rows.map((row) => row.status);
  };
  const acked = (seq: number) =>
    vi.waitFor(async () => expect((await session())?.acked_seq).toBe(seq), { timeout: 10_000 });

  it('[DL15] [DL16] [MSG3] delivers what waited for an offline screen in order, one at a time', async () => {
    const ids = await accept(70);
    const screen = new FakeScreen('scr_a');
    const { ready } = await connectScreen(harness.commands, screen);
    expect(ready.state).toEqual({ lastSeq: 70, acked: 0, recovered: true });
    const [first] = await screen.received(1);
    expect(first?.entry).toEqual({
      id: ids[0],
      type: 'trigger',
      stream: 'screen:scr_a',
      seq: 1,
      prev: 0,
      epoch: ready.epoch,
      attempt: 1,
      acceptedAt: expect.any(Number),
      from: { userId: SENDER, username: 'Ada' },
      action: 'show',
      data: { i: 0 },
    });
    await acked(0);
    expect(screen.sent).toHaveLength(1);
    screen.answer = executed;
    first?.receipt(executed());
    await screen.received(70);
    expect(screen.sent.map(({ entry }) => entry.id)).toEqual(ids);
    await acked(70);
    expect(await statuses()).toEqual(Array(70).fill('executed'));
  });

  it('[DL14] [DL21] [MSG3] delivers a new command at once and tells its sender when it was executed', async () => {
    const screen = new FakeScreen('scr_a', { answer: executed });
    await connectScreen(harness.commands, screen);
    const [id] = await accept(1);
    await screen.received(1);
    await vi.waitFor(() => expect(harness.pushed).toHaveLength(1));
    expect(harness.pushed[0]).toMatchObject({
      userId: SENDER,
      event: 'command-status',
      payload: { id, screenId: 'scr_a', status: 'executed', attempt: 1 },
    });
    expect(await statuses()).toEqual(['executed']);
  });

  it('[DL21] honours notify', async () => {
    const answer = (entry: SentEntry['entry']) =>
      (entry.data as { fail?: boolean }).fail ? { status: 'failed', error: 'no' } : executed();
    const screen = new FakeScreen('scr_a', { answer });
    await connectScreen(harness.commands, screen);
    await accept(1, { notify: 'none' });
    const [final] = await accept(1, { notify: 'final' });
    await accept(1, { notify: 'final', data: { fail: true } });
    await screen.received(3);
    await vi.waitFor(async () =>
      expect(await database.query('select last_error from attempts')).toEqual([{ last_error: 'no' }]),
    );
    expect(harness.pushed.map(({ payload }) => payload.id)).toEqual([final]);
  });

  it('[DL19] [DL45] sends a failed entry again when it is due, before what follows, and says so', async () => {
    const clock = new ManualClock(Date.now());
    const own = await start({ clock, databaseClock: clock.now, random: () => 0.5 });
    const [id] = await accept(2);
    let fails = true;
    const screen = new FakeScreen('scr_a', {
      answer: () => (fails ? { status: 'failed', error: 'no signal' } : executed()),
    });
    await connectScreen(own.commands, screen);
    await screen.received(1);
    await vi.waitFor(() => expect(own.pushed).toHaveLength(1));
    expect(own.pushed[0]?.payload).toEqual({
      id,
      screenId: 'scr_a',
      status: 'retrying',
      attempt: 1,
      error: 'no signal',
      nextAt: clock.now() + 750,
      at: clock.now(),
    });
    clock.advance(749);
    expect(screen.sent).toHaveLength(1);
    fails = false;
    clock.advance(1);
    await screen.received(3);
    expect(screen.sent.map(({ entry }) => [entry.seq, entry.attempt])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
    await acked(2);
    expect(await database.query('select * from attempts')).toEqual([]);
    expect(await database.query('select attempts from deliveries order by seq')).toEqual([
      { attempts: 2 },
      { attempts: 1 },
    ]);
  });

  it('[DL17] a restart changes nothing: a new instance delivers what is unsettled, in order', async () => {
    const ids = await accept(5);
    const screen = new FakeScreen('scr_a');
    const attached = await connectScreen(harness.commands, screen);
    (await screen.received(1))[0]?.receipt(executed());
    await acked(1);
    await screen.received(2);
    // Nothing is told to the old instance, as with kill -9.
    const successor = await start();
    const again = new FakeScreen('scr_a', { answer: executed });
    await connectScreen(successor.commands, again);
    await again.received(4);
    expect(again.sent.map(({ entry }) => entry.id)).toEqual(ids.slice(1));
    await acked(5);
    attached.detach();
  });

  it('[DL34] refuses the receipts of an overtaken connection and closes it', async () => {
    await accept(1);
    const older = new FakeScreen('scr_a', { instanceId: randomUUID() });
    await connectScreen(harness.commands, older);
    await older.received(1);
    const other = await start();
    const newer = new FakeScreen('scr_a', { instanceId: randomUUID() });
    await connectScreen(other.commands, newer);
    await newer.received(1);
    older.sent[0]?.receipt(executed());
    // No hint came: whether the newer one lives is not known.
    expect(await older.closed()).toBe('REPLACED_BY_SELF');
    expect(await statuses()).toEqual([]);
    newer.sent[0]?.receipt(executed());
    await acked(1);
  });

  it('[DL35] on one node the newer connection closes the older; the same instance may come back', async () => {
    const instanceId = randomUUID();
    const another = new FakeScreen('scr_a', { instanceId: randomUUID() });
    await connectScreen(harness.commands, another);
    const older = new FakeScreen('scr_a', { instanceId });
    await connectScreen(harness.commands, older);
    const newer = new FakeScreen('scr_a', { instanceId });
    await connectScreen(harness.commands, newer);
    expect(another.closings).toEqual(['REPLACED_BY_OTHER']);
    expect(older.closings).toEqual(['REPLACED_BY_SELF']);
    expect(newer.closings).toEqual([]);
  });

  it('[DL35] refuses the fence to a connection that opened before the holder', async () => {
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      'test:1',
      incarnation,
      9_000_000_000_000,
    ]);
    const holder = new FakeScreen('scr_a', { instanceId: randomUUID(), connectedAt: 2000 });
    await connectScreen(harness.commands, holder);
    const late = new FakeScreen('scr_a', { instanceId: randomUUID(), connectedAt: 1000 });
    await expect(connectScreen(harness.commands, late)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(late.closings).toEqual(['REPLACED_BY_SELF']);
    expect(holder.closings).toEqual([]);
  });

  it('[DL30] expires what is over before anything later is sent, and commits that first', async () => {
    let now = Date.now();
    const own = await start({ databaseClock: () => now });
    const old = triggerTo('scr_a', { ttlMs: 1000 });
    await own.send('trigger', old);
    await own.send('trigger', triggerTo('scr_a', { ttlMs: 1000 }));
    const fresh = triggerTo('scr_a');
    await own.send('trigger', fresh);
    now += 2000;
    const screen = new FakeScreen('scr_a', { answer: executed });
    await connectScreen(own.commands, screen);
    await screen.received(1);
    expect(await statuses()).toEqual(expect.arrayContaining(['expired', 'expired']));
    expect(screen.sent.map(({ entry }) => entry.id)).toEqual([fresh.id]);
    await acked(3);
    expect(await statuses()).toEqual(['expired', 'expired', 'executed']);
    expect(own.pushed.map(({ payload }) => payload.status)).toEqual(['expired', 'expired', 'executed']);
  });

  it('[DL20] counts garbage as a failed attempt and ignores a receipt that names another entry', async () => {
    const [id] = await accept(1);
    const screen = new FakeScreen('scr_a', { answer: () => 'done' });
    const attached = await connectScreen(harness.commands, screen);
    await vi.waitFor(() => expect(harness.pushed[0]?.payload).toMatchObject({ id, status: 'retrying' }));
    attached.detach();
    const next = new FakeScreen('scr_a', {
      answer: () => ({ status: 'executed', stream: 'screen:scr_a', seq: 9 }),
    });
    await connectScreen(harness.commands, next);
    await next.received(1);
    const release = await connectScreen(harness.commands, new FakeScreen('scr_a'));
    release.detach();
    await vi.waitFor(async () => expect((await session())?.node).toBeNull());
    expect(await statuses()).toEqual([]);
  });

  it('[DL29] takes a resume offset of this epoch as a receipt, and no other', async () => {
    await accept(3);
    const epoch = await harness.commands.currentEpoch();
    const attach = async (resume: { epoch: string; seq: number }) => {
      const screen = new FakeScreen('scr_a', { resume });
      const attached = await connectScreen(harness.commands, screen);
      await screen.received(1);
      attached.detach();
      return { state: attached.ready.state, first: screen.sent[0]?.entry.seq };
    };
    expect(await attach({ epoch: 'other', seq: 2 })).toEqual({
      state: { lastSeq: 3, acked: 0, recovered: false, reason: 'epoch' },
      first: 1,
    });
    expect(await attach({ epoch, seq: 4 })).toEqual({
      state: { lastSeq: 3, acked: 0, recovered: false, reason: 'ahead' },
      first: 1,
    });
    expect(await attach({ epoch, seq: 2 })).toEqual({
      state: { lastSeq: 3, acked: 0, recovered: true },
      first: 3,
    });
    await acked(2);
    expect(await statuses()).toEqual(['executed', 'executed']);
  });

  it('[DL36] finds commits that no hint told of', async () => {
    const screen = new FakeScreen('scr_a');
    const periodic: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      every(_periodMs, task) {
        periodic.push(task);
        return () => {};
      },
    };
    const deaf = await start({ clock });
    await connectScreen(deaf.commands, screen);
    const [id] = await accept(1);
    for (const task of periodic) task();
    const [first] = await screen.received(1);
    expect(first?.entry.id).toBe(id);
  });

  it('[DL31] cancels what is pending when the screen is deleted, and takes nothing more', async () => {
    const screen = new FakeScreen('scr_a');
    await connectScreen(harness.commands, screen);
    const [first, second] = await accept(2);
    await screen.received(1);
    const told = await database.transaction((tx) => harness.commands.cancelInbox(tx, 1, Date.now()));
    screen.sent[0]?.receipt(executed());
    await expect(harness.send('trigger', triggerTo('scr_a'))).rejects.toMatchObject({
      code: 'SCREEN_NOT_FOUND',
    });
    told();
    expect(harness.pushed.map(({ payload }) => [payload.id, payload.status])).toEqual([
      [first, 'cancelled'],
      [second, 'cancelled'],
    ]);
    expect(await statuses()).toEqual(['cancelled', 'cancelled']);
    const again = connectScreen(harness.commands, new FakeScreen('scr_a'));
    await expect(again).rejects.toMatchObject({ code: 'SCREEN_NOT_FOUND' });
  });

  it('[DL37] reads many returning screens by few statements', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `scr_${i}`);
    await database.transaction(async (tx) => {
      for (const name of names) harness.screens.set(name, await harness.commands.createInbox(tx, name));
    });
    await Promise.all(names.map((name) => harness.send('trigger', triggerTo(name))));
    const queries = vi.spyOn(database, 'query');
    const screens = names.map((name) => new FakeScreen(name));
    await Promise.all(screens.map((screen) => connectScreen(harness.commands, screen)));
    await Promise.all(screens.map((screen) => screen.received(1)));
    expect(queries.mock.calls.length).toBeLessThan(10);
  });

  it('[DL17] counts a connection that ended with an entry in flight as an attempt', async () => {
    await accept(1);
    const screen = new FakeScreen('scr_a');
    const attached = await connectScreen(harness.commands, screen);
    await screen.received(1);
    attached.detach();
    const next = new FakeScreen('scr_a');
    await connectScreen(harness.commands, next);
    expect((await next.received(1))[0]?.entry.attempt).toBe(2);
    screen.sent[0]?.receipt(executed());
    expect(await statuses()).toEqual([]);
  });

  it('[DL34] a fence that nobody waits for any more may fail without ending the process', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const forgotten = harness.commands.attachScreen(new FakeScreen('scr_none'));
    const waited = connectScreen(harness.commands, new FakeScreen('scr_none'));
    await expect(waited).rejects.toMatchObject({ code: 'SCREEN_NOT_FOUND' });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    forgotten.detach();
  });

  it('[DL34] what a dead process of this node held is free, however the clock was set since', async () => {
    const before = await start({ node: { name: 'test:1', incarnation: randomUUID() } });
    const ahead = Date.now() + 600_000;
    await connectScreen(
      before.commands,
      new FakeScreen('scr_a', { instanceId: randomUUID(), connectedAt: ahead }),
    );
    const after = new FakeScreen('scr_a', { instanceId: randomUUID() });
    await connectScreen(harness.commands, after);
    expect(after.closings).toEqual([]);
  });

  it('[DL34] receipts of an earlier epoch settle nothing in a later one', async () => {
    await accept(1);
    const screen = new FakeScreen('scr_a', { instanceId: randomUUID() });
    await connectScreen(harness.commands, screen);
    await screen.received(1);
    await database.query('update meta set epoch = gen_random_uuid()');
    screen.sent[0]?.receipt(executed());
    expect(await screen.closed()).toBe('REPLACED_BY_SELF');
    expect(await statuses()).toEqual([]);
    expect((await session())?.acked_seq).toBe(0);
  });

  /** A process, and what brings it what another would tell of the ledger. */
  const startHearing = async (overrides = {}) => {
    let listener: Parameters<Bus['subscribe']>[1] = () => {};
    const bus: Bus = {
      ...lonelyBus(),
      subscribe(channel, handler) {
        if (channel === 'ledger') listener = handler;
        return () => {};
      },
    };
    const node = await start({ ephemeral: { bus }, ...overrides });
    const hear = (message: object) =>
      listener({ type: 'message', publisher: 'another', number: 1, message } as BusEvent);
    return { node, hear };
  };

  it('[BEY1] a hint of a past epoch is not sent under the present one', async () => {
    const { node, hear } = await startHearing();
    const past = await node.commands.currentEpoch();
    await database.query('update meta set epoch = gen_random_uuid()');
    await connectScreen(node.commands, new FakeScreen('scr_a')).catch(() => undefined);
    const screen = new FakeScreen('scr_a', { answer: executed });
    const { ready } = await connectScreen(node.commands, screen);
    expect(ready.epoch).not.toBe(past);
    const lost = entry(1, { id: randomUUID(), sender: { userId: SENDER, username: 'Ada' } });
    hear({ kind: 'entries', epoch: past, entries: [lost] });
    const [kept] = await accept(1);
    // The first was accepted by another process: this one reads it when it hears of the second.
    await node.send('trigger', triggerTo('scr_a'));
    await screen.received(2);
    expect(screen.sent[0]?.entry.id).toBe(kept);
    expect(screen.sent.map(({ entry: { seq } }) => seq)).toEqual([1, 2]);
  });

  it('[ND81] what a newer version tells is ignored, if this one does not know it', async () => {
    const { node, hear } = await startHearing();
    for (const message of [{ kind: 'of a newer version' }, { entries: [] }, {}, null, 'text'])
      hear(message as object);
    expect(await node.commands.currentEpoch()).toBeTruthy();
  });

  it('[ND88] a node that alone cannot renew its lease says so, once one of its own region is heard that can', async () => {
    const clock = new ManualClock();
    const lease = { leaseSince: () => undefined, renewedAt: () => clock.monotonic() - 60_000 };
    const { node, hear } = await startHearing({
      clock,
      lease,
      node: { name: 'near:1', incarnation, region: 'near' },
    });
    const told = vi.fn();
    node.commands.onCutOff(told);
    const beat = (region: string) => {
      for (let passed = 0; passed < 12_000; passed += 250) {
        clock.advance(250);
        hear({ kind: 'alive', incarnation: region, isWell: true, region });
      }
    };
    beat('far');
    expect(told).not.toHaveBeenCalled();
    expect(node.commands.isCutOff()).toBe(false);
    beat('near');
    expect(told).toHaveBeenCalled();
  });

  it('[BEY1] a hint of an unknown epoch closes nobody when the database knows nothing of it', async () => {
    const { node, hear } = await startHearing();
    const screen = new FakeScreen('scr_a', { answer: executed });
    await connectScreen(node.commands, screen);
    hear({ kind: 'entries', epoch: 'never-seen', entries: [entry(1)] });
    await node.send('trigger', triggerTo('scr_a'));
    await screen.received(1);
    expect(screen.closings).toEqual([]);
  });

  it('[BEY1] a hint of a new epoch closes the screens when the database confirms it', async () => {
    const { node, hear } = await startHearing();
    const screen = new FakeScreen('scr_a');
    await connectScreen(node.commands, screen);
    await database.query('update meta set epoch = gen_random_uuid()');
    hear({ kind: 'entries', epoch: 'new', entries: [] });
    expect(await screen.closed()).toBe('DRAINING');
  });

  it('[BEY1] a connection that kept hints of before a new epoch is closed, though it has no fence yet', async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const query: Database['query'] = async (text, ...rest) => {
      if (text.includes('take_fences')) await gate;
      return database.query(text, ...rest);
    };
    const slow = new Proxy(database, {
      get: (target, name) => {
        if (name === 'query') return query;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { node, hear } = await startHearing({ database: slow });
    const screen = new FakeScreen('scr_a', { answer: executed });
    const attached = connectScreen(node.commands, screen);
    hear({ kind: 'entries', epoch: await node.commands.currentEpoch(), entries: [entry(1)] });
    await database.query('update meta set epoch = gen_random_uuid()');
    hear({ kind: 'entries', epoch: 'new', entries: [] });
    expect(await screen.closed()).toBe('DRAINING');
    open();
    await expect(attached).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(screen.sent).toEqual([]);
  });

  it('[DL34] a connection closed by the server leaves the screen to whoever comes', async () => {
    const ahead = Date.now() + 600_000;
    const screen = new FakeScreen('scr_a', { connectedAt: ahead });
    const attached = await connectScreen(harness.commands, screen);
    await database.query('update meta set epoch = gen_random_uuid()');
    await accept(1);
    expect(screen.closings).toEqual(['DRAINING']);
    attached.detach();
    const next = new FakeScreen('scr_a', { answer: executed });
    await connectScreen(harness.commands, next);
    await next.received(1);
  });

  it('[DL34] a connection that ends while its fence is taken sends nothing', async () => {
    await accept(1);
    await database.query('update meta set epoch = gen_random_uuid()');
    const screen = new FakeScreen('scr_a');
    await expect(connectScreen(harness.commands, screen)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(screen.closings).toEqual(['DRAINING']);
    expect(screen.sent).toEqual([]);
  });

  it('[DL34] asks for no fence for a socket that is gone by then', async () => {
    const queries = vi.spyOn(database, 'query').mockClear();
    const gone = new FakeScreen('scr_a');
    gone.connected = false;
    await expect(connectScreen(harness.commands, gone)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(queries.mock.calls.filter(([text]) => text.includes('take_fences'))).toEqual([]);
    queries.mockRestore();
  });

  it('[DL17] any number of failures can be counted', async () => {
    await accept(1);
    await database.query('insert into attempts (stream_id, seq, n, lost) values (1, 1, 32767, 0)');
    const screen = new FakeScreen('scr_a');
    const attached = await connectScreen(harness.commands, screen);
    await screen.received(1);
    attached.detach();
    await vi.waitFor(async () => expect((await session())?.node).toBeNull());
    const next = new FakeScreen('scr_a', { answer: executed });
    await connectScreen(harness.commands, next);
    await acked(1);
    expect(await statuses()).toEqual(['executed']);
  });
});
