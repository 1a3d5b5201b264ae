import { expect, it } from 'vitest';
import { Turns } from './turns.js';

it('[DL3] lets each go on only after all earlier ones of its lane ended, in any order of ending', async () => {
  const turns = new Turns();
  const [a, b, c] = [turns.take('socket'), turns.take('socket'), turns.take('socket')];
  const other = turns.take('other');
  const went: string[] = [];
  const waits = [b.first().then(() => went.push('b')), c.first().then(() => went.push('c'))];
  expect([a.isFirst, b.isFirst, other.isFirst]).toEqual([true, false, true]);
  b.end();
  await Promise.resolve();
  expect(went).toEqual([]);
  a.end();
  await waits[1];
  expect(went).toEqual(['c']);
  c.end();
  c.end();
  other.end();
  expect(turns.size).toBe(0);
  expect(turns.take('socket').isFirst).toBe(true);
});

it('[DL3] a turn that ended twice takes nothing from who follows', async () => {
  const turns = new Turns();
  const [a, b] = [turns.take('socket'), turns.take('socket')];
  a.end();
  a.end();
  await b.first();
  expect([b.isFirst, turns.isFree('socket')]).toEqual([true, false]);
});
