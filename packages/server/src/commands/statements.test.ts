import { randomUUID } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  connectScreen,
  FakeScreen,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import type { Database } from '../platform/database/database.js';

const executed = () => ({ status: 'executed' });
const WAITING = 10_000;
/** What a page holds at least while a window is full: half of what is kept, less what is in flight. */
const LEAST_PAGE = { 1: 55, 32: 96 };

describeEachDatabase('statements', (open) => {
  let database: Database;
  let calls: Map<string, number>;

  beforeEach(async () => {
    database = await open();
    calls = new Map();
    const query = database.query.bind(database);
    database.query = (text, parameters, options) => {
      const name = options?.name ?? text;
      calls.set(name, (calls.get(name) ?? 0) + 1);
      return query(text, parameters, options);
    };
  });

  const callsOf = (part: string) =>
    [...calls].filter(([name]) => name.includes(part)).reduce((sum, [, count]) => sum + count, 0);

  async function fill(streams: number[], each: number): Promise<void> {
    await database.query(
      `insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at, notify)
       select s, g, $2, gen_random_uuid(), 'trigger', 'x', '{"action":"show"}', 1, 9000000000000, 'none'
       from unnest($1::bigint[]) as u(s), generate_series(1, $3::int) as g`,
      [streams, randomUUID(), each],
    );
    await database.query('update streams set last_seq = $2 where id = any($1)', [streams, each]);
  }

  it.each([1, 32] as const)('[DL37] 10,000 waiting entries are read by pages, window %i', async (window) => {
    const harness = commandsHarness(database);
    await harness.commands.start();
    await fill([await harness.addScreen('scr_a')], WAITING);
    const screen = new FakeScreen('scr_a', { window, answer: executed });
    await connectScreen(harness.commands, screen);
    const sent = await screen.received(WAITING);
    expect(sent.map(({ entry }) => entry.seq)).toEqual(Array.from({ length: WAITING }, (_, n) => n + 1));
    expect(callsOf('read_')).toBeLessThanOrEqual(Math.ceil(WAITING / LEAST_PAGE[window]) + 3);
    await harness.commands.stop(AbortSignal.timeout(1000));
  });

  /** So many screens with an entry each come back at once. Answers the statements that it took, and who recovered. */
  async function comeBack(harness: CommandsHarness, name: string, count: number) {
    const ids = Array.from({ length: count }, (_, n) => `${name}_${n}`);
    const made = await database.query<{ id: number }>(
      "insert into streams (kind, name) select 'screen', n from unnest($1::text[]) as u(n) returning id",
      [ids],
    );
    await database.query(
      'insert into screen_sessions (screen_id, stream_id) select name, id from streams where name = any($1)',
      [ids],
    );
    await fill(
      made.map(({ id }) => id),
      1,
    );
    calls.clear();
    const screens = ids.map((id) => new FakeScreen(id, { answer: executed }));
    const attached = await Promise.all(screens.map((screen) => connectScreen(harness.commands, screen)));
    await Promise.all(screens.map((screen) => screen.received(1)));
    return {
      recovered: attached.filter(({ ready }) => ready.state.recovered).length,
      fences: callsOf('take_fences'),
      reads: callsOf('read_entries') + callsOf('read_inboxes'),
    };
  }

  it('[DL37] [STB5] of 200 and of 1,000 screens that come back at once all recover, by a few more statements', async () => {
    const harness = commandsHarness(database);
    await harness.commands.start();
    const few = await comeBack(harness, 'few', 200);
    const many = await comeBack(harness, 'many', 1000);
    expect([few.recovered, many.recovered]).toEqual([200, 1000]);
    // Batches of 50, then 100; reads of 50, then 64. Two may go before the rest is there.
    expect(few.fences).toBeLessThanOrEqual(6);
    expect(few.reads).toBeLessThanOrEqual(10);
    // The 800 more are as many full batches, and some more while batches grow.
    expect(many.fences - few.fences).toBeLessThanOrEqual(Math.ceil(800 / 256) + 4);
    expect(many.reads - few.reads).toBeLessThanOrEqual(Math.ceil(800 / 64) + 6);
    await harness.commands.stop(AbortSignal.timeout(1000));
  });

  it('[BEY7] the age of the oldest entry that waits for a screen connected here is measured', async () => {
    let now = 1_000_000;
    const harness = commandsHarness(database, { databaseClock: () => now });
    await harness.commands.start();
    await fill([await harness.addScreen('scr_a')], 2);
    await database.query('update commands set accepted_at = 900000 + seq * 1000');
    const oldest = async () =>
      /^bongsu_oldest_pending_seconds (.*)$/m.exec(await harness.metrics.text())?.[1];
    expect(await oldest()).toBe('0');
    const screen = new FakeScreen('scr_a');
    await connectScreen(harness.commands, screen);
    const [first] = await screen.received(1);
    expect(await oldest()).toBe('99');
    first?.receipt(executed());
    await screen.received(2);
    expect(await oldest()).toBe('98');
    now += 5000;
    expect(await oldest()).toBe('103');
    await harness.commands.stop(AbortSignal.timeout(1000));
  });
});
