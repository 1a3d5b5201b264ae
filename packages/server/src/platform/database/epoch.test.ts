import { beforeEach, expect, it } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import type { Clock } from '../clock.js';
import { ClockOffset, databaseClock } from './clock-offset.js';
import type { Database } from './database.js';
import { renewEpoch, renewEpochIfNeeded } from './epoch.js';

describeEachDatabase('epoch and clock', (open, profile) => {
  let database: Database;
  beforeEach(async () => {
    database = await open();
  });
  const epoch = async () => {
    const [row] = await database.query<{ epoch: string }>('select current_epoch() as epoch');
    return row?.epoch;
  };

  it('[BEY1] keeps the epoch over clean stops and crashes within one boot', async () => {
    const before = await epoch();
    const starts = [
      { bootId: 'one', uncleanStop: false },
      { bootId: 'one', uncleanStop: true },
      { bootId: 'two', uncleanStop: false },
      { bootId: 'two', uncleanStop: true },
    ];
    for (const facts of starts) expect(await renewEpochIfNeeded(database, facts)).toBe(false);
    expect(await epoch()).toBe(before);
    expect(before).toMatch(/^[0-9a-f-]{36}-0000000[0-9A-F]$/);
  });

  it('[BEY1] makes a new epoch when another cluster answers', async () => {
    await renewEpochIfNeeded(database, { bootId: 'one', uncleanStop: false });
    const before = await epoch();
    await database.query("update meta set system_identifier = '7'");
    expect(await renewEpochIfNeeded(database, { bootId: 'one', uncleanStop: false })).toBe(true);
    expect(await epoch()).not.toBe(before);
    expect(await renewEpochIfNeeded(database, { bootId: 'one', uncleanStop: false })).toBe(false);
  });

  it('[BEY1] makes a new epoch after an unclean stop under another boot, embedded only', async () => {
    await renewEpochIfNeeded(database, { bootId: 'one', uncleanStop: false });
    const embedded = profile === 'pglite';
    expect(await renewEpochIfNeeded(database, { bootId: 'two', uncleanStop: true })).toBe(embedded);
    expect(await renewEpochIfNeeded(database, { bootId: 'two', uncleanStop: true })).toBe(false);
    expect(await renewEpochIfNeeded(database, { bootId: undefined, uncleanStop: true })).toBe(embedded);
  });

  it('[BEY1] makes a new epoch when it is told that a copy was put back, and keeps it', async () => {
    await renewEpochIfNeeded(database, { bootId: 'one', uncleanStop: false });
    const before = await epoch();
    const renewed = await renewEpoch(database);
    expect(renewed).not.toBe(before);
    await renewEpochIfNeeded(database, { bootId: 'one', uncleanStop: false });
    expect(await epoch()).toBe(renewed);
  });

  it('[SEC3] tells the database time whatever the local clock does', async () => {
    let localMs = 5;
    let tick = () => {};
    const clock: Clock = {
      now: () => 0,
      monotonic: () => localMs,
      after: () => () => {},
      every: (_periodMs, task) => {
        tick = task;
        return () => {};
      },
    };
    let answers = 0;
    const counting = {
      query: async <Row extends object>(...args: Parameters<Database['query']>) => {
        const rows = await database.query<Row>(...args);
        answers += 1;
        return rows;
      },
    };
    const offset = new ClockOffset(counting, clock);
    await offset.start();
    const now = databaseClock({ clockOffsetMs: () => offset.milliseconds }, clock);
    expect(Math.abs(now() - Date.now())).toBeLessThan(5_000);
    localMs += 600_000;
    expect(now() - Date.now()).toBeGreaterThan(590_000);
    const before = answers;
    tick();
    await expect.poll(() => answers).toBe(before + 3);
    await expect.poll(() => Math.abs(now() - Date.now()) < 5_000).toBe(true);
    const [server] = await database.query<{ ms: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
    );
    const ownMonotonicNow = performance.now() + database.clockOffsetMs();
    expect(Math.abs((server?.ms ?? 0) - ownMonotonicNow)).toBeLessThan(5_000);
  });
});
