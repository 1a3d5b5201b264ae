import { BongsuError } from '@bongsu/protocol';
import { afterEach, expect, it } from 'vitest';
import { HubBus } from '../../../test/support/hub-bus.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { silentLog } from '../log.js';
import { NodeCalls } from './node-calls.js';

const hub = new HubBus();
const clock = new ManualClock();
const joined: NodeCalls[] = [];

function join(incarnation: string): NodeCalls {
  const calls = new NodeCalls({ bus: hub.join(), node: { incarnation }, clock, log: silentLog });
  joined.push(calls);
  return calls;
}

afterEach(() => {
  hub.isDeaf = false;
  hub.isUp = true;
  for (const calls of joined.splice(0)) calls.stop();
});

it('[ND11] each node that is asked answers once, and no other', async () => {
  const [a, b, c] = [join('a'), join('b'), join('c')];
  for (const [name, calls] of Object.entries({ a, b, c })) calls.serve('name', (said) => [name, said]);
  const { answers, missing } = await a.ask('name', 'hello', ['a', 'b']);
  expect(Object.fromEntries(answers)).toEqual({ a: ['a', 'hello'], b: ['b', 'hello'] });
  expect(missing).toEqual([]);
});

it('[ND11] a node that is silent for 2 s is named, and the others are heard', async () => {
  const [a, b] = [join('a'), join('b')];
  b.serve('slow', () => new Promise(() => {}));
  a.serve('slow', () => 1);
  let isOver = false;
  const asked = a.ask('slow', null, ['a', 'b', 'gone']).finally(() => {
    isOver = true;
  });
  clock.advance(1999);
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  clock.advance(1);
  const { answers, missing } = await asked;
  expect([...answers]).toEqual([['a', 1]]);
  expect(missing).toEqual(['b', 'gone']);
});

it('[ND11] a node that cannot answer says so at once, with nothing of its inside', async () => {
  const [a, b, c] = [join('a'), join('b'), join('c')];
  b.serve('fail', () => {
    throw new BongsuError('UNAVAILABLE');
  });
  c.serve('of a newer version', () => 1);
  const { answers, missing } = await a.ask('fail', null, ['b', 'c']);
  expect(answers.size).toBe(0);
  expect(missing).toEqual(['b', 'c']);
});

it('[ND11] a bus that loses the question, an answer after the time and a stop leave nobody waiting', async () => {
  const [a, b] = [join('a'), join('b')];
  let answer = (_value: number) => {};
  b.serve('later', () => new Promise((resolve) => (answer = resolve)));
  hub.isDeaf = true;
  const lost = a.ask('later', null, ['b'], 50);
  clock.advance(50);
  expect((await lost).missing).toEqual(['b']);
  hub.isDeaf = false;
  const late = a.ask('later', null, ['b'], 50);
  clock.advance(50);
  expect((await late).missing).toEqual(['b']);
  answer(1);
  const stopped = a.ask('later', null, ['b']);
  a.stop();
  expect((await stopped).missing).toEqual(['b']);
});

it('[ND11] past a thousand open questions a further one is BUSY', async () => {
  const a = join('a');
  const open = Array.from({ length: 1000 }, () => a.ask('x', null, ['gone']));
  await expect(a.ask('x', null, ['gone'])).rejects.toMatchObject({ code: 'BUSY' });
  a.stop();
  await Promise.all(open);
  expect((await a.ask('x', null, [])).missing).toEqual([]);
});

it('[ND11] while the bus is away those elsewhere are named at once, and this node answers', async () => {
  const [a, b] = [join('a'), join('b')];
  for (const calls of [a, b]) calls.serve('x', () => 1);
  hub.isUp = false;
  const { answers, missing } = await a.ask('x', null, ['b', 'a', 'gone']);
  expect([...answers]).toEqual([['a', 1]]);
  expect(missing).toEqual(['b', 'gone']);
});
