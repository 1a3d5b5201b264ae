import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { commandsConfig, commandsHarness } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { emptyTables } from '../../test/support/empty-tables.js';
import {
  type Answerer,
  allow,
  type HookReceiver,
  startHookReceiver,
} from '../../test/support/hook-receiver.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import type { Database } from '../platform/database/database.js';
import { Metrics } from '../platform/metrics.js';
import { Breakers } from '../platform/resilience/breakers.js';
import { createHookBreaker } from './hook.js';
import { HookOutbox, type HookOutboxDeps } from './hook-outbox.js';
import { HookOutboxStore } from './hook-outbox-store.js';
import { createHookPost } from './hook-post.js';

const DAY_MS = 24 * 3_600_000;
const status =
  (code: number): Answerer =>
  (response) =>
    void response.writeHead(code).end();

describeEachDatabase('the outbox of the hook', (open) => {
  let database: Database;
  let receiver: HookReceiver;
  let clock: ManualClock;
  let metrics: Metrics;
  const log = memoryLog();
  const outboxes: HookOutbox[] = [];

  const start = (overrides: Partial<HookOutboxDeps> = {}) => {
    const databaseClock = () => clock.now();
    const breaker = createHookBreaker(
      new Breakers({ clock, log, metrics: new Metrics() }),
      'hook-events',
      AbortSignal.any([]),
    );
    const outbox = new HookOutbox({
      store: new HookOutboxStore(database),
      post: createHookPost(receiver.config, databaseClock),
      ...{ breaker, clock, databaseClock, log, metrics },
      random: () => 1,
      ...overrides,
    });
    outboxes.push(outbox);
    outbox.start();
    return { outbox, breaker };
  };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    log.lines.length = 0;
    clock = new ManualClock();
    metrics = new Metrics();
    await emptyTables(database, 'hook_outbox');
    receiver = await startHookReceiver();
  });
  afterEach(async () => {
    for (const outbox of outboxes.splice(0)) await outbox.stop();
    await receiver.close();
  });

  const insert = async (count: number, fields: { at?: number; nextAt?: number } = {}) => {
    const ids = Array.from({ length: count }, () => randomUUID());
    const { at = clock.now(), nextAt = at } = fields;
    await database.query(
      `insert into hook_outbox (id, body, kind, at, next_at)
       select id, '{"event":{"id":"' || id || '"}}', 'executed', $2, $3 from unnest($1::uuid[]) as id`,
      [ids, at, nextAt],
    );
    return ids;
  };
  const rows = () =>
    database.query<{ id: string; attempts: number; next_at: number }>(
      'select id, attempts, next_at from hook_outbox order by next_at',
    );
  /** For its timer, and nothing else. */
  const waiting = () => expect.poll(() => clock.pending, { timeout: 10_000 }).toBe(1);
  const settled = (expected: object[]) => expect.poll(rows, { timeout: 10_000 }).toMatchObject(expected);

  it('[DL80] sends what is there, signed and each once when it is answered, and removes it', async () => {
    const ids = await insert(100);
    start();
    await receiver.got(100);
    await settled([]);
    expect(receiver.received.map(({ body }) => body.event.id).sort()).toEqual(ids.sort());
    expect(receiver.received.every(({ signed }) => signed)).toBe(true);
    expect(receiver.received[0]?.headers).toMatchObject({
      'bongsu-event': 'executed',
      'idempotency-key': receiver.received[0]?.body.event.id,
    });
    expect(await metrics.text()).toContain(
      'bongsu_hook_events_total{type="executed",outcome="answered"} 100',
    );
  });

  it('[DL80] sends at once when told that there is something, and finds what nobody told of', async () => {
    const { outbox } = start();
    await insert(1);
    outbox.wake();
    await receiver.got(1);
    await settled([]);
    await insert(1);
    await waiting();
    clock.advance(5000);
    await receiver.got(2);
    await settled([]);
  });

  it('[DL80] two nodes send each event once', async () => {
    await insert(200);
    start();
    start();
    await receiver.got(200);
    await settled([]);
    expect(new Set(receiver.received.map(({ body }) => body.event.id)).size).toBe(200);
    expect(receiver.received).toHaveLength(200);
  });

  it('[DL80] an event that is refused or not answered is sent again after pauses that grow', async () => {
    receiver.answer = status(422);
    const [id] = await insert(1);
    const { outbox } = start();
    const pauses: number[] = [];
    for (let n = 1; n <= 12; n += 1) {
      await settled([{ id, attempts: n }]);
      const [row] = await rows();
      pauses.push((row?.next_at ?? 0) - clock.now());
      if (n === 12) receiver.answer = allow;
      // Time goes by.
      await database.query('update hook_outbox set next_at = $1', [clock.now()]);
      outbox.wake();
      await receiver.got(n + 1);
    }
    await settled([]);
    expect(pauses.slice(0, 5)).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(pauses.slice(-2)).toEqual([600_000, 600_000]);
    expect(new Set(receiver.received.map(({ headers }) => headers['idempotency-key']))).toEqual(
      new Set([id]),
    );
  });

  it('[DL80] pauses differ by chance', async () => {
    receiver.answer = status(422);
    await insert(1);
    start({ random: () => 0 });
    await settled([{ attempts: 1, next_at: clock.now() + 500 }]);
  });

  it('[DL80] an event is given up a day after it happened, with a log and a metric', async () => {
    receiver.answer = status(422);
    await insert(1, { at: clock.now() - DAY_MS });
    start();
    await receiver.got(1);
    await settled([]);
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([{ context: { count: 1 } }]);
    expect(await metrics.text()).toContain('bongsu_hook_events_total{type="executed",outcome="given-up"} 1');
  });

  it('[DL80] [DL77] faults open the circuit: then one event tries, and the others spend nothing', async () => {
    receiver.answer = status(500);
    await insert(40);
    const { breaker } = start();
    await expect.poll(() => breaker.state, { timeout: 10_000 }).toBe('OPEN');
    const failed = async () => (await rows()).filter(({ attempts }) => attempts > 0);
    // What became of the batch is noted at once for all of it.
    await expect.poll(async () => (await failed()).length, { timeout: 10_000 }).toBeGreaterThan(0);
    await waiting();
    expect((await rows()).filter(({ next_at }) => next_at > clock.now())).toHaveLength(32);
    const asked = receiver.received.length;
    // What was under way side by side when it opened, at most.
    expect(asked).toBeLessThan(5 + 8);
    expect(await failed()).toHaveLength(asked);
    receiver.answer = allow;
    clock.advance(10_000);
    await receiver.got(asked + 1);
    await settled([]);
    expect(breaker.state).toBe('CLOSED');
  });

  it('[DL80] while the circuit is open old events are given up, looked for once a minute and not at each outcome', async () => {
    receiver.answer = status(500);
    await insert(8);
    const looks: number[] = [];
    class CountingStore extends HookOutboxStore {
      override async giveUp(...given: Parameters<HookOutboxStore['giveUp']>) {
        const count = await super.giveUp(...given);
        looks.push(clock.now());
        return count;
      }
    }
    const { breaker, outbox } = start({ store: new CountingStore(database) });
    await expect.poll(() => breaker.state, { timeout: 10_000 }).toBe('OPEN');
    await waiting();
    // The look of this minute is over before there is anything old.
    await expect.poll(() => looks.length, { timeout: 10_000 }).toBe(1);
    await insert(3, { at: clock.now() - DAY_MS, nextAt: clock.now() + DAY_MS });
    for (let outcomes = 0; outcomes < 20; outcomes += 1) {
      outbox.wake();
      await waiting();
    }
    expect(looks).toHaveLength(1);
    expect(await rows()).toHaveLength(11);
    clock.advance(60_000);
    await expect.poll(async () => (await rows()).length, { timeout: 10_000 }).toBe(8);
    expect(looks).toHaveLength(2);
    expect(await metrics.text()).toContain('bongsu_hook_events_total{type="executed",outcome="given-up"} 3');
  });

  it('[DL80] more old events than one statement removes go one statement after another', async () => {
    receiver.answer = status(500);
    await insert(8);
    const { breaker } = start();
    await expect.poll(() => breaker.state, { timeout: 10_000 }).toBe('OPEN');
    await waiting();
    await insert(2500, { at: clock.now() - DAY_MS, nextAt: clock.now() + DAY_MS });
    clock.advance(60_000);
    await expect.poll(async () => (await rows()).length, { timeout: 10_000 }).toBe(8);
  });

  it('[DL80] events of a day when this server was away are sent, not given up, when the hook is there', async () => {
    await insert(3, { at: clock.now() - 2 * DAY_MS });
    start();
    await receiver.got(3);
    await settled([]);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('[DL80] a node that dies with an event in its hands leaves it to another one', async () => {
    await insert(1);
    const held = await new HookOutboxStore(database).claim(clock.now(), clock.now() + 60_000, 10);
    expect(held).toHaveLength(1);
    start();
    await waiting();
    clock.advance(59_000);
    await waiting();
    expect(receiver.received).toEqual([]);
    clock.advance(5000);
    await receiver.got(1);
    await settled([]);
  });

  it('[DL80] a stop breaks off what is under way and leaves it to be sent at once by the next', async () => {
    const closed = new Promise<void>((resolve) => {
      receiver.answer = (response) => void response.once('close', resolve);
    });
    const [id] = await insert(1);
    const { outbox } = start();
    await receiver.got(1);
    await outbox.stop();
    await closed;
    expect(await rows()).toMatchObject([{ id, attempts: 0, next_at: clock.now() }]);
    expect(clock.pending).toBe(0);
    receiver.answer = allow;
    start();
    await receiver.got(2);
    await settled([]);
  });

  it('[DL80] a server with a hook sends by itself', async () => {
    await insert(1, { at: Date.now() });
    const { commands } = commandsHarness(database, { config: commandsConfig({ hook: receiver.config }) });
    await commands.start();
    await receiver.got(1);
    await settled([]);
    await commands.stop(AbortSignal.timeout(1000));
  });
});
