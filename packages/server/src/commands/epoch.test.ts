import { expect, it } from 'vitest';
import { silentLog } from '../platform/log.js';
import { Epoch } from './epoch.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

function setUp(first = 'e2') {
  const changes: string[] = [];
  const answers: { resolve(epoch: string): void; reject(error: Error): void }[] = [];
  const read = () => new Promise<string>((resolve, reject) => answers.push({ resolve, reject }));
  const epoch = new Epoch({ read, log: silentLog });
  epoch.note(first);
  epoch.onChange((now) => changes.push(now));
  return { epoch, changes, answers };
}

it('[BEY1] a hint of an epoch that was never seen changes nothing until the database says so', async () => {
  const { epoch, changes, answers } = setUp();
  expect(epoch.heard('e2')).toBe(true);
  expect(answers).toEqual([]);
  expect(epoch.heard('e1')).toBe(false);
  answers[0]?.resolve('e2');
  await settled();
  expect(changes).toEqual([]);
  expect(epoch.heard('e3')).toBe(false);
  answers[1]?.resolve('e3');
  await settled();
  expect(changes).toEqual(['e3']);
  expect(epoch.heard('e3')).toBe(true);
});

it('[BEY1] a late answer of a past epoch changes nothing', async () => {
  const { epoch, changes, answers } = setUp('e1');
  epoch.note('e2');
  epoch.note('e1');
  answers[0]?.resolve('e2');
  await settled();
  expect(epoch.current).toBe('e2');
  expect(changes).toEqual(['e2']);
});

it('[BEY1] a late answer of an epoch that was never seen is put right by the next', async () => {
  const { epoch, answers } = setUp('e2');
  epoch.note('e1');
  epoch.note('e2');
  answers[0]?.resolve('e2');
  await settled();
  expect(epoch.current).toBe('e2');
});

it('[BEY1] an answer that comes while the epoch is read is not undone by an older reading', async () => {
  const { epoch, changes, answers } = setUp('e1');
  epoch.heard('e2');
  epoch.note('e2');
  answers[0]?.resolve('e1');
  await settled();
  answers[1]?.resolve('e2');
  await settled();
  expect(changes).toEqual(['e2']);
});

it('[BEY1] asks again at the next hint when the database was away', async () => {
  const { epoch, changes, answers } = setUp('e1');
  epoch.heard('e2');
  answers[0]?.reject(new Error('away'));
  await settled();
  epoch.heard('e2');
  answers[1]?.resolve('e2');
  await settled();
  expect(changes).toEqual(['e2']);
});
