import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { RetryQueue } from './retry-queue.js';

function queueAt(random: () => number, offsetMs = 0) {
  const clock = new ManualClock();
  const state = { offsetMs };
  const databaseClock = () => clock.now() + state.offsetMs;
  return { clock, state, databaseClock, queue: new RetryQueue<string>({ clock, databaseClock, random }) };
}

it('[DL45] [STB1] waits 1, 2, 4 … 32 s, half of it fixed and half by chance', () => {
  const delays = (random: number) => {
    const { queue, databaseClock } = queueAt(() => random);
    return [1, 2, 3, 4, 5, 6, 7, 10].map((failed) => queue.dueAt(failed) - databaseClock());
  };
  expect(delays(0)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 16_000, 16_000]);
  expect(delays(1)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000]);
  expect(queueAt(() => 1).queue.dueAt(0)).toBe(queueAt(() => 1).queue.dueAt(1));
});

it('[DL45] [STB1] goes by the clock of the database, also when that is measured anew', () => {
  const { clock, state, queue, databaseClock } = queueAt(() => 0, 600_000);
  const runs: number[] = [];
  queue.enqueue('a', databaseClock() + 1000, () => runs.push(databaseClock()));
  state.offsetMs -= 400;
  clock.advance(1000);
  expect(runs).toEqual([]);
  clock.advance(400);
  expect(runs).toHaveLength(1);
  expect(queue.size).toBe(0);
  expect(clock.pending).toBe(0);
});

it('[DL45] [STB1] whatever is enqueued, replaced and removed: each runs once, in time, and nothing is left', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ do: fc.constant('enqueue' as const), key, inMs: fc.integer({ min: -50, max: 5000 }) }),
    fc.record({ do: fc.constant('remove' as const), key }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(3000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const { clock, queue, databaseClock } = queueAt(() => 0.5, 12_345);
      const expected = new Map<string, number>();
      const ran: { key: string; late: number }[] = [];
      for (const action of steps) {
        if (action.do === 'enqueue') {
          const dueAt = databaseClock() + action.inMs;
          expected.set(action.key, dueAt);
          queue.enqueue(action.key, dueAt, () => {
            expect(expected.get(action.key)).toBe(dueAt);
            expected.delete(action.key);
            ran.push({ key: action.key, late: databaseClock() - dueAt });
          });
        } else if (action.do === 'remove') {
          expected.delete(action.key);
          queue.remove(action.key);
        } else {
          const end = databaseClock() + action.ms;
          clock.advance(action.ms);
          for (const dueAt of expected.values()) expect(dueAt).toBeGreaterThan(end);
        }
        expect(queue.size).toBe(expected.size);
        expect(clock.pending).toBe(expected.size);
      }
      clock.advance(10_000);
      expect(expected.size).toBe(0);
      for (const { late } of ran) expect(late).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 200 },
  );
});
