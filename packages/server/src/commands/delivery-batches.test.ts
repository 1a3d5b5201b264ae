import { expect, it, vi } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { DatabaseError } from '../platform/database/database.js';
import { silentLog } from '../platform/log.js';
import { createDeliveryBatches, type SettleResult } from './delivery-batches.js';
import type { DeliveryLedger, Settlement } from './delivery-ledger.js';

function settlement(screenId: string, ackedSeq: number, fields: Partial<Settlement> = {}): Settlement {
  const ended =
    ackedSeq > 0
      ? [{ seq: ackedSeq, status: 'executed' as const, attempts: 1, error: null, reason: null }]
      : [];
  return {
    screenId,
    fence: 1,
    epoch: 'e',
    ackedSeq,
    release: false,
    ended,
    failed: [],
    reported: [],
    ...fields,
  };
}

type Settle = (settlements: readonly Settlement[]) => Promise<Map<number, never>>;

function batchesOver(settle: Settle) {
  const abort = new AbortController();
  const { settlements } = createDeliveryBatches({
    ledger: { settle } as unknown as DeliveryLedger,
    usernames: async () => new Map(),
    node: { name: 'n', incarnation: 'i' },
    clock: new ManualClock(),
    databaseClock: () => 0,
    log: silentLog,
    signal: abort.signal,
  });
  return { settlements, abort };
}

const refusing = (screenId: string, fault: 'content' | 'connection') => {
  const written: string[] = [];
  const settle = vi.fn<Settle>(async (settlements) => {
    if (settlements.some((each) => each.screenId === screenId && !each.release))
      throw new DatabaseError(fault, 'made up');
    written.push(...settlements.map((each) => `${each.screenId} ${each.ackedSeq}`));
    return new Map<number, never>();
  });
  return { settle, written };
};

it('[DL14] receipts that cannot be stored harm no other screen', async () => {
  const { settle, written } = refusing('bad', 'content');
  const { settlements } = batchesOver(settle);
  const answers = await Promise.all(
    ['good', 'bad', 'fine'].map((screenId) => settlements.add(settlement(screenId, 1))),
  );
  expect(answers).toEqual([undefined, 'unwritten', undefined]);
  expect(written).toEqual(['good 1', 'fine 1']);
});

it('[DL14] after receipts that could not be stored the same connection settles nothing later', async () => {
  const { settle, written } = refusing('bad', 'content');
  const { settlements } = batchesOver(settle);
  const first = settlements.add(settlement('bad', 1));
  // These wait for the batch of the first; cumulative as they are, they would cover the hole.
  const later = new Promise<PromiseSettledResult<SettleResult>[]>((resolve) => {
    settle.mockImplementationOnce(async () => {
      const second = settlements.add(settlement('bad', 2));
      const release = settlements.add(settlement('bad', 3, { release: true }));
      resolve(Promise.allSettled([second, release]));
      throw new DatabaseError('content', 'made up');
    });
  });
  expect(await first).toBe('unwritten');
  expect(await later).toMatchObject([{ value: 'unwritten' }, { value: 'unwritten' }]);
  // Of the release nothing is left but that the screen is free.
  expect(written).toEqual(['bad 0']);
  settle.mockImplementation(async () => new Map<number, never>());
  expect(await settlements.add(settlement('bad', 3, { fence: 2 }))).toBeUndefined();
});

it('[DL39] once a stopping server waits no longer, later receipts do not overtake unwritten ones', async () => {
  const settle = vi.fn<Settle>(async () => new Map<number, never>());
  const { settlements, abort } = batchesOver(settle);
  const first = settlements.add(settlement('any', 1));
  const later = new Promise((resolve) => {
    settle.mockImplementationOnce(async () => {
      resolve(settlements.add(settlement('any', 2)));
      abort.abort();
      throw new DatabaseError('connection', 'made up');
    });
  });
  expect(await first).toBe('unwritten');
  expect(await later).toBe('unwritten');
  expect(settle).toHaveBeenCalledTimes(1);
});
