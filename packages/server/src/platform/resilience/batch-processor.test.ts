import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Clock, systemClock } from '../clock.js';
import { BatchProcessor } from './batch-processor.js';

interface Item {
  key: number;
  n: number;
}

interface Under {
  items: Item[];
  finish(): void;
  fail(): void;
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Batches end when the test says so. */
function held(overrides: object = {}) {
  const underWay: Under[] = [];
  const sizes: number[] = [];
  const processor = new BatchProcessor<Item, number>({
    size: 3,
    maxSize: 12,
    maxInFlight: 2,
    maxWaitMs: 1000,
    maxQueued: 1000,
    maxQueuedBytes: 1000,
    keyOf: ({ key }) => key,
    refuse: () => new Error('BUSY'),
    clock: systemClock,
    process: (items) =>
      new Promise((resolve, reject) => {
        sizes.push(items.length);
        const under: Under = {
          items,
          finish: () => {
            underWay.splice(underWay.indexOf(under), 1);
            resolve(items.map(({ n }) => n));
          },
          fail: () => {
            underWay.splice(underWay.indexOf(under), 1);
            reject(new Error('failed'));
          },
        };
        underWay.push(under);
      }),
    ...overrides,
  });
  return { processor, underWay, sizes };
}

it('[PRF1] sends at once when idle and collects while batches are under way', async () => {
  const { processor, underWay, sizes } = held();
  const results = [processor.add({ key: 1, n: 1 })];
  await nextTurn();
  expect(sizes).toEqual([1]);
  results.push(processor.add({ key: 2, n: 2 }));
  await nextTurn();
  for (let n = 3; n < 6; n += 1) results.push(processor.add({ key: n, n }));
  await nextTurn();
  expect(sizes).toEqual([1, 1]);
  underWay[0]?.finish();
  await nextTurn();
  expect(sizes).toEqual([1, 1, 3]);
  while (underWay.length > 0) underWay[0]?.finish();
  expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5]);
  expect(processor.pending).toBe(0);
});

it('[PRF1] grows under load and shrinks again', async () => {
  const { processor, underWay, sizes } = held({ maxInFlight: 1 });
  const results = Array.from({ length: 40 }, (_, n) => processor.add({ key: n, n }));
  for (let turn = 0; turn < 20; turn += 1) {
    await nextTurn();
    underWay[0]?.finish();
  }
  await Promise.all(results);
  expect(sizes.slice(0, 4)).toEqual([3, 6, 12, 12]);
  expect(Math.max(...sizes)).toBe(12);
});

it('[PRF1] refuses before anything is done when the queue is full, in items or in bytes', async () => {
  const { processor, underWay } = held({ maxQueued: 2 });
  const results = [processor.add({ key: 1, n: 1 }), processor.add({ key: 1, n: 2 })];
  expect(() => processor.add({ key: 2, n: 3 })).toThrow('BUSY');
  await nextTurn();
  underWay[0]?.finish();
  await Promise.all(results);
  const heavy = held({ bytesOf: () => 600 });
  const first = heavy.processor.add({ key: 1, n: 1 });
  expect(() => heavy.processor.add({ key: 1, n: 2 })).toThrow('BUSY');
  await nextTurn();
  heavy.underWay[0]?.finish();
  await first;
  await heavy.processor.idle();
});

it('[PRF1] a failed batch refuses its own items only', async () => {
  const { processor, underWay } = held();
  const first = processor.add({ key: 1, n: 1 });
  await nextTurn();
  const second = processor.add({ key: 1, n: 2 });
  underWay[0]?.fail();
  await expect(first).rejects.toThrow('failed');
  await nextTurn();
  underWay[0]?.finish();
  expect(await second).toBe(2);
});

it('[PRF1] an answer too few refuses the batch: nobody gets what is another one’s', async () => {
  const { processor } = held({ process: async () => [7] });
  const both = [processor.add({ key: 1, n: 1 }), processor.add({ key: 2, n: 2 })];
  for (const result of await Promise.allSettled(both)) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('one result') },
    });
  }
  expect(processor.pending).toBe(0);
});

it('[PRF1] is idle at once when nothing waits', async () => {
  await held().processor.idle();
});

it('[PRF1] nobody waits longer than the bound for a slot', async () => {
  let onDeadline = () => {};
  const clock: Clock = {
    ...systemClock,
    after(_delayMs, task) {
      onDeadline = task;
      return () => {};
    },
  };
  const { processor, sizes, underWay } = held({ maxInFlight: 1, clock });
  const results = [processor.add({ key: 1, n: 1 })];
  await nextTurn();
  results.push(processor.add({ key: 2, n: 2 }));
  await nextTurn();
  expect(sizes).toEqual([1]);
  onDeadline();
  expect(sizes).toEqual([1, 1]);
  while (underWay.length > 0) underWay[0]?.finish();
  await Promise.all(results);
});

it('[PRF1] [DL32] never has one key in two batches, keeps the order of a key, and answers all', async () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 4 }) }),
    fc.record({ end: fc.nat(3), ok: fc.boolean() }),
    fc.constant('turn' as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const { processor, underWay } = held();
      const seen = new Map<number, number[]>();
      const outcomes: Promise<unknown>[] = [];
      let n = 0;
      const check = () => {
        const keys = underWay.map(({ items }) => new Set(items.map(({ key }) => key)));
        expect(underWay.length).toBeLessThanOrEqual(2);
        if (keys.length === 2) expect(disjoint(keys)).toBe(true);
      };
      const end = (under: Under | undefined, ok: boolean) => {
        if (!under) return;
        for (const { key, n } of under.items) seen.set(key, [...(seen.get(key) ?? []), n]);
        if (ok) under.finish();
        else under.fail();
      };
      for (const action of steps) {
        if (action === 'turn') await nextTurn();
        else if ('add' in action) {
          outcomes.push(processor.add({ key: action.add, n }).catch(() => 'refused'));
          n += 1;
        } else end(underWay[action.end % Math.max(1, underWay.length)], action.ok);
        check();
      }
      while (processor.pending > 0) {
        await nextTurn();
        check();
        end(underWay[0], true);
      }
      expect(await Promise.all(outcomes)).toHaveLength(n);
      for (const order of seen.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
    }),
    { numRuns: 60 },
  );
});

function disjoint([a, b]: Set<number>[]): boolean {
  return ![...(a ?? [])].some((key) => b?.has(key));
}
