import { expect, it } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { createBulkhead } from './bulkhead.js';

it('[DL77] a call that waited longer than it may is refused when its turn comes, without being made', async () => {
  const clock = new ManualClock();
  const refuse = () => new Error('too much');
  const bulkhead = createBulkhead({ limit: 1, queue: 3, patienceMs: 10_000, clock, refuse });
  const made: string[] = [];
  const ends: (() => void)[] = [];
  const call = (name: string) =>
    bulkhead(() => {
      made.push(name);
      return new Promise<string>((resolve) => ends.push(() => resolve(name)));
    });
  const [first, second, late] = [call('first'), call('second'), call('late')];
  clock.advance(9000);
  const young = call('young');
  await expect(call('one too many')).rejects.toThrow('too much');
  ends[0]?.();
  await first;
  clock.advance(1001);
  await expect.poll(() => made).toEqual(['first', 'second']);
  ends[1]?.();
  await second;
  await expect(late).rejects.toThrow('too much');
  await expect.poll(() => made).toEqual(['first', 'second', 'young']);
  ends[2]?.();
  expect(await young).toBe('young');
});
