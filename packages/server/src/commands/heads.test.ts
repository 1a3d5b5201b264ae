import { expect, it, vi } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { silentLog } from '../platform/log.js';
import type { AwayLedger } from './away-ledger.js';
import type { DeliveryLedger } from './delivery-ledger.js';
import { Heads, type HeadsDeps } from './heads.js';
import type { Hint } from './hints.js';
import type { ScreenSession } from './screen-session.js';

function setUp(overrides: Partial<HeadsDeps> = {}) {
  const clock = new ManualClock();
  const told: Hint[] = [];
  const others: string[] = [];
  const lease = { since: 1 as number | undefined };
  const session = { streamId: 7, inbox: { advance: vi.fn() } };
  const readHeads = vi.fn(async (ids: readonly number[], _timeoutMs: number) =>
    ids.map((streamId) => ({ streamId, lastSeq: 3, fence: 1, instanceId: null, epoch: 'e' })),
  );
  const seen = vi.fn();
  const checkRooms = vi.fn(async () => {});
  const heads = new Heads({
    ledger: { readHeads } as unknown as DeliveryLedger,
    awayLedger: { liveNodes: async () => others } as unknown as AwayLedger,
    hints: { tell: (hint: Hint) => told.push(hint) } as unknown as HeadsDeps['hints'],
    node: { incarnation: 'me' },
    lease: { leaseSince: () => lease.since, renewedAt: () => clock.monotonic() },
    clock,
    databaseClock: clock.now,
    log: silentLog,
    isShared: false,
    held: () => [session as unknown as ScreenSession],
    onHead: seen,
    checkRooms,
    ...overrides,
  });
  heads.start();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      clock.advance(250);
      await settled();
    }
  };
  return { heads, clock, told, others, lease, session, readHeads, checkRooms, seen, pass };
}

it('[DL36] compares heads every 5 s, and alone on the bus says nothing', async () => {
  const { heads, told, readHeads, seen, pass, clock } = setUp();
  await pass(4750);
  expect(readHeads).not.toHaveBeenCalled();
  await pass(250);
  expect(readHeads).toHaveBeenCalledTimes(1);
  expect(seen).toHaveBeenCalledTimes(1);
  expect(told).toEqual([]);
  heads.stop();
  expect(clock.pending).toBe(0);
});

it('[DL52] beats every 250 ms where others may listen', async () => {
  const { told, pass } = setUp({ isShared: true });
  await pass(1000);
  expect(told).toEqual(Array(4).fill({ kind: 'alive', incarnation: 'me', isWell: true }));
});

it('[DL52] compares heads every 500 ms while a living node is silent, and once when one is new', async () => {
  const { heads, others, readHeads, pass } = setUp({ isShared: true });
  others.push('other');
  await pass(5000);
  heads.heard('me');
  readHeads.mockClear();
  heads.heard('other');
  await pass(500);
  expect(readHeads).toHaveBeenCalledTimes(1);
  await pass(2000);
  const whileSilent = readHeads.mock.calls.length;
  expect(whileSilent).toBeGreaterThanOrEqual(4);
  for (let n = 0; n < 6; n += 1) {
    heads.heard('other');
    await pass(250);
  }
  expect(readHeads.mock.calls.length - whileSilent).toBeLessThanOrEqual(1);
});

it('[DL51] after its lease was interrupted sends nothing until the fences were compared', async () => {
  const { heads, lease, session, readHeads, pass } = setUp();
  expect(heads.maySend).toBe(true);
  lease.since = undefined;
  expect(heads.maySend).toBe(false);
  await pass(1000);
  expect(readHeads).not.toHaveBeenCalled();
  lease.since = 99;
  expect(heads.maySend).toBe(false);
  readHeads.mockRejectedValueOnce(new Error('away'));
  await pass(500);
  expect(heads.maySend).toBe(false);
  expect(session.inbox.advance).not.toHaveBeenCalled();
  await pass(500);
  expect(heads.maySend).toBe(true);
  expect(session.inbox.advance).toHaveBeenCalledTimes(1);
});

it('[DL52] lives on when the other nodes cannot be read', async () => {
  const awayLedger = { liveNodes: async () => Promise.reject(new Error('away')) } as unknown as AwayLedger;
  const { readHeads, pass } = setUp({ isShared: true, awayLedger });
  await pass(5000);
  expect(readHeads).toHaveBeenCalledTimes(1);
});

it('[DL52] while a living node is silent the heads of rooms are compared too', async () => {
  const { others, checkRooms, pass } = setUp({ isShared: true });
  others.push('other');
  await pass(5000);
  checkRooms.mockClear();
  await pass(2500);
  expect(checkRooms.mock.calls.length).toBeGreaterThanOrEqual(3);
});

it('[DL52] loss that is heard of during a comparison is followed by another', async () => {
  const { heads, readHeads } = setUp();
  let answer = () => {};
  readHeads.mockImplementationOnce(() => new Promise((resolve) => (answer = () => resolve([]))));
  const first = heads.check();
  // What it tells of was committed after the reading above began.
  const second = heads.check();
  expect(readHeads).toHaveBeenCalledTimes(1);
  answer();
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(readHeads).toHaveBeenCalledTimes(2);
});

it('[DL52] a comparison that hangs on a dead connection is given up after a second, and the next one has time for a slow database', async () => {
  const { others, readHeads, clock, pass } = setUp({ isShared: true });
  others.push('other');
  await pass(5000);
  const hang = (_ids: readonly number[], timeoutMs: number) =>
    new Promise<never>((_, reject) => clock.after(timeoutMs, () => reject(new Error('timeout'))));
  readHeads.mockClear();
  readHeads.mockImplementationOnce(hang);
  await pass(2500);
  const deadlines = readHeads.mock.calls.map(([, timeoutMs]) => timeoutMs);
  expect(deadlines.slice(0, 3)).toEqual([1000, 10_000, 1000]);
});
