import { beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { Metrics } from '../metrics.js';
import { type Database, DatabaseError } from './database.js';
import { ReplicaReads } from './replica-reads.js';
import { lsnOf } from './wal-positions.js';

const PAGE = 'select 1 as page';
const OFFSET_MS = 1_000_000;

/** A primary or a replica, as far as it is asked where it stands. */
class Server {
  lsn = 0;
  system = 'one';
  timeline = 1;
  isReplica = true;
  isAway = false;
  refuses = false;
  pages = 0;

  get database(): Database {
    return {
      query: async (text: string) => {
        if (this.isAway) throw new DatabaseError('connection', 'away');
        if (text === PAGE) return this.#page();
        const { system, timeline, isReplica } = this;
        return [{ lsn: `0/${this.lsn.toString(16)}`, system, timeline, isReplica }];
      },
      clockOffsetMs: () => OFFSET_MS,
      close: async () => {},
    } as unknown as Database;
  }

  #page() {
    if (this.refuses) throw new DatabaseError('content', 'not during recovery');
    this.pages += 1;
    return [];
  }
}

let clock: ManualClock;
let home: Server;
let replica: Server;
let reads: ReplicaReads;
beforeEach(async () => {
  clock = new ManualClock();
  home = new Server();
  replica = new Server();
  reads = new ReplicaReads({
    ...{ clock, home: home.database, replica: replica.database },
    ...{ log: memoryLog(), metrics: new Metrics() },
  });
  reads.start();
  await settled();
});

/** What was asked is answered in microtasks. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    clock.advance(Math.min(left, 250));
    await settled();
  }
}

/** Who answered a page, and of when it said to be. */
async function page(userId?: string): Promise<{ by: 'home' | 'replica'; asOf: number | undefined }> {
  let asOf: number | undefined;
  const before = replica.pages;
  const onReplica = (at: number) => {
    asOf = at;
  };
  await reads.during({ userId, onReplica }, () => reads.query(PAGE));
  return { by: replica.pages > before ? 'replica' : 'home', asOf };
}

it('[ND66] a replica that has all is read, and what it says is of when home was last compared', async () => {
  await pass(1000);
  expect(await page()).toEqual({ by: 'replica', asOf: clock.monotonic() + OFFSET_MS });
  clock.advance(100);
  expect(await page()).toEqual({ by: 'replica', asOf: clock.monotonic() - 100 + OFFSET_MS });
  expect(reads.health()).toEqual({ status: 'ok' });
});

it('[ND66] only pages are: whatever else asks the same gets the answer of home', async () => {
  await reads.query(PAGE);
  expect([home.pages, replica.pages]).toEqual([1, 0]);
});

it('[ND66] one that lags is read up to 5 s, with the moment that it has reached, then home is', async () => {
  await pass(1000);
  const reached = clock.monotonic();
  home.lsn = 100;
  await pass(4750);
  expect(await page()).toEqual({ by: 'replica', asOf: reached + OFFSET_MS });
  await pass(500);
  expect(await page()).toEqual({ by: 'home', asOf: undefined });
  expect(reads.health()).toMatchObject({
    status: 'degraded',
    message: expect.stringContaining('5 s behind'),
  });
  replica.lsn = 100;
  await pass(250);
  expect((await page()).by).toBe('replica');
});

it('[ND67] who wrote reads home until the replica has it, however much more home has by then; others do not', async () => {
  await pass(250);
  home.lsn = 100;
  clock.advance(10);
  reads.wrote('ann');
  expect((await page('ann')).by).toBe('home');
  expect((await page('ben')).by).toBe('replica');
  await pass(250);
  expect((await page('ann')).by).toBe('home');
  home.lsn = 200;
  replica.lsn = 100;
  await pass(500);
  expect((await page('ann')).by).toBe('replica');
});

it.each([
  ['is away', { isAway: true }],
  ['was promoted', { isReplica: false }],
  ['is of another cluster', { system: 'two' }],
  ['follows the primary of before a failover', { timeline: 2 }],
])('[ND68] one that %s is not read, said so, and read again once it is well', async (_what, fault) => {
  await pass(250);
  const well = { isAway: false, isReplica: true, system: 'one', timeline: 1 };
  Object.assign(replica, fault);
  await pass(250);
  expect((await page()).by).toBe('home');
  expect(reads.health().status).toBe('degraded');
  Object.assign(replica, well);
  await pass(250);
  expect((await page()).by).toBe('replica');
});

it('[ND68] what it refuses is asked at home', async () => {
  await pass(250);
  replica.refuses = true;
  expect(await page()).toEqual({ by: 'home', asOf: undefined });
  expect(reads.health()).toMatchObject({ status: 'degraded', message: expect.stringContaining('refused') });
  replica.refuses = false;
  await pass(60_000);
  expect(reads.health()).toEqual({ status: 'ok' });
});

it('[ND68] that home is slow turns no replica off', async () => {
  await pass(250);
  home.isAway = true;
  await pass(4000);
  expect((await page()).by).toBe('replica');
  expect(reads.health()).toEqual({ status: 'ok' });
});

it('[ND68] what home cannot be compared with is not read for long', async () => {
  await pass(250);
  home.isAway = true;
  await pass(5500);
  expect(reads.health().status).toBe('degraded');
});

it('[ND66] positions of the log are compared as numbers', () => {
  expect(lsnOf('16/B374D848')).toBe(0x16_b374_d848n);
  expect(lsnOf('A/0') > lsnOf('9/FFFFFFFF')).toBe(true);
});
