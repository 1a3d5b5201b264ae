import { expect, it } from 'vitest';
import { FreshRun } from './fresh-run.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const ends: { resolve(value: number): void; reject(error: Error): void }[] = [];
  const work = () => new Promise<number>((resolve, reject) => ends.push({ resolve, reject }));
  return { ends, fresh: new FreshRun(work) };
}

it('[BEY1] who asks during a run gets one that began after they asked, together with the others', async () => {
  const { ends, fresh } = setUp();
  const first = fresh.run();
  const others = [fresh.run(), fresh.run()];
  expect(ends).toHaveLength(1);
  ends[0]?.resolve(1);
  expect(await first).toBe(1);
  await settled();
  expect(ends).toHaveLength(2);
  const last = fresh.run();
  ends[1]?.resolve(2);
  expect(await Promise.all(others)).toEqual([2, 2]);
  await settled();
  ends[2]?.resolve(3);
  expect(await last).toBe(3);
  await settled();
  expect(ends).toHaveLength(3);
  void fresh.run();
  expect(ends).toHaveLength(4);
});

it('[BEY1] a run that fails keeps nobody from the next', async () => {
  const { ends, fresh } = setUp();
  const first = fresh.run();
  const second = fresh.run();
  ends[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settled();
  ends[1]?.resolve(2);
  expect(await second).toBe(2);
});
