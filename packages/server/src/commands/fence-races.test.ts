import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  triggerTo,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { emptyTables } from '../../test/support/empty-tables.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { type Database, DatabaseError } from '../platform/database/database.js';

describeEachDatabase('what races with a fence', (open) => {
  let real: Database;
  let clock: ManualClock;
  let harness: CommandsHarness;
  const node = { name: 'own:1', incarnation: randomUUID() };
  /** What stands between a statement and its database, by a part of its text. */
  const between = new Map<string, (run: () => Promise<unknown>) => Promise<unknown>>();

  beforeAll(async () => {
    real = await open();
  });
  beforeEach(async () => {
    between.clear();
    await emptyLedger(real);
    await emptyTables(real, 'nodes');
    clock = new ManualClock(Date.now());
    await live(node);
    const database = over(real, between);
    const since = clock.now() - 60_000;
    harness = commandsHarness(database, {
      node,
      clock,
      databaseClock: clock.now,
      lease: { leaseSince: () => since, renewedAt: () => 0 },
    });
    await harness.addScreen('scr_a');
    await harness.commands.start();
  });
  afterEach(() => harness.commands.stop(AbortSignal.timeout(1000)));

  const live = ({ name, incarnation }: typeof node) =>
    real.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      name,
      incarnation,
      clock.now() + 600_000,
    ]);
  const accept = async (fields: object = {}) => {
    const command = triggerTo('scr_a', { timestamp: clock.now(), ...fields });
    await harness.send('trigger', command);
    return command.id;
  };
  const statusOf = async (id: string) => (await harness.statusOf(id))[0]?.status;
  const comesToBe = (status: string, id: string) =>
    vi.waitFor(
      async () => {
        clock.advance(1000);
        expect(await statusOf(id)).toBe(status);
      },
      { timeout: 10_000 },
    );
  const loseAnswerOf = (statement: string) =>
    between.set(statement, async (run) => {
      await run();
      throw new DatabaseError('commit-unknown', 'made up');
    });
  /** The statement waits until it is let go; its place in the order of what ended is kept. */
  const hold = (statement: string, order: string[]) => {
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const asked = new Promise<void>((resolve) => {
      between.set(statement, async (run) => {
        resolve();
        await gate;
        return run().finally(() => order.push(statement));
      });
    });
    return { asked, letGo };
  };

  it('[DL56] a fence whose answer was lost does not keep what is over from ending', async () => {
    loseAnswerOf('take_fences');
    const id = await accept({ ttlMs: 1500 });
    const screen = new FakeScreen('scr_a');
    const attachment = harness.commands.attachScreen(screen);
    await expect(attachment.ready).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    attachment.detach();
    await comesToBe('expired', id);
  });

  it('[DL56] a release that could not be written does not keep what is over from ending', async () => {
    between.set('settle_inboxes', async () => {
      throw new DatabaseError('content', 'made up');
    });
    const id = await accept({ ttlMs: 1500 });
    const { detach } = await connectScreen(harness.commands, new FakeScreen('scr_a'));
    detach();
    await comesToBe('expired', id);
  });

  it('[DL50] a connection waits for the cancellation that was asked for before it came', async () => {
    const ids = [await accept(), await accept()];
    const order: string[] = [];
    const { asked, letGo } = hold('cancel_entry', order);
    const cancelled = harness.commands.cancel('scr_a', 1, 1);
    await asked;
    between.set('take_fences', (run) => {
      order.push('take_fences');
      return run();
    });
    const screen = new FakeScreen('scr_a');
    const connected = connectScreen(harness.commands, screen);
    await turn();
    await turn();
    letGo();
    expect(await cancelled).toBe('cancelled');
    await connected;
    expect((await screen.received(1)).map(({ entry }) => entry.id)).toEqual([ids[1]]);
    expect(order).toEqual(['cancel_entry', 'take_fences']);
  });

  it('[DL56] a connection waits for the sweep of its screen', async () => {
    const ids = [await accept({ ttlMs: 1500 }), await accept()];
    const order: string[] = [];
    const { asked, letGo } = hold('sweep_inboxes', order);
    clock.advance(2000);
    await asked;
    between.set('take_fences', (run) => {
      order.push('take_fences');
      return run();
    });
    const screen = new FakeScreen('scr_a');
    const connected = connectScreen(harness.commands, screen);
    await turn();
    await turn();
    letGo();
    await connected;
    expect((await screen.received(1)).map(({ entry }) => entry.id)).toEqual([ids[1]]);
    expect(order).toEqual(['sweep_inboxes', 'take_fences']);
  });

  it('[DL50] a cancellation waits for what the last connection left behind', async () => {
    const id = await accept();
    const { screen, detach } = await connect();
    const order: string[] = [];
    const { asked, letGo } = hold('settle_inboxes', order);
    screen.sent[0]?.receipt({ status: 'executed' });
    await asked;
    detach();
    const cancelled = harness.commands.cancel('scr_a', 1, 1);
    await turn();
    await turn();
    letGo();
    expect(await cancelled).toBe('ended');
    expect(await statusOf(id)).toBe('executed');
  });

  it('[DL50] where a connection was closed and is not gone yet, nothing is cancelled over what it still writes', async () => {
    await accept();
    await accept();
    const { screen, detach } = await connect();
    await real.query('update screen_sessions set fence = fence + 1');
    screen.sent[0]?.receipt({ status: 'executed' });
    await screen.closed();
    expect(await harness.commands.cancel('scr_a', 1, 2)).toBe('elsewhere');
    detach();
    expect(await harness.commands.cancel('scr_a', 1, 2)).toBe('cancelled');
  });

  it('[DL35] a holder that nobody heard of sends nobody away for good', async () => {
    loseAnswerOf('take_fences');
    const opened = (connectedAt: number) =>
      new FakeScreen('scr_a', { instanceId: randomUUID(), connectedAt });
    const first = harness.commands.attachScreen(opened(clock.now()));
    await expect(first.ready).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    first.detach();
    between.clear();
    const second = opened(clock.now() - 50);
    await expect(connectScreen(harness.commands, second)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(second.closings).toEqual(['REPLACED_BY_SELF']);
  });

  it('[DL35] a holder whose process is dead loses, whenever it opened', async () => {
    const dead = { name: 'other:1', incarnation: randomUUID() };
    await live(dead);
    const other = commandsHarness(real, { node: dead });
    await other.commands.attachScreen(new FakeScreen('scr_a', { connectedAt: clock.now() })).ready;
    const opened = () => new FakeScreen('scr_a', { connectedAt: clock.now() - 50 });
    await expect(connectScreen(harness.commands, opened())).rejects.toMatchObject({ code: 'CONFLICT' });
    await real.query('update nodes set lease_until = $1 where name = $2', [clock.now() - 50, dead.name]);
    await connectScreen(harness.commands, opened());
    await other.commands.stop(AbortSignal.timeout(100));
  });

  const connect = async () => {
    const screen = new FakeScreen('scr_a', { connectedAt: clock.now() - 1 });
    const { detach } = await connectScreen(harness.commands, screen);
    await screen.received(1);
    return { screen, detach };
  };
});

function over(
  database: Database,
  between: ReadonlyMap<string, (run: () => Promise<unknown>) => Promise<unknown>>,
): Database {
  const query: Database['query'] = (text, ...rest) => {
    const run = () => database.query(text, ...rest);
    for (const [part, step] of between) if (text.includes(part)) return step(run) as never;
    return run() as never;
  };
  return new Proxy(database, {
    get(target, name) {
      const value: unknown = name === 'query' ? query : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
