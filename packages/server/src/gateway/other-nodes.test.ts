import { expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { Metrics } from '../platform/metrics.js';
import { type AdapterClient, OtherNodes } from './other-nodes.js';

class FakeClient implements AdapterClient {
  status = 'ready';
  reads = 0;
  readonly added: unknown[] = [];
  readonly copies: FakeClient[] = [];
  isDisconnected = false;
  readonly options = {};

  xadd(entry: unknown): Promise<unknown> {
    this.added.push(entry);
    return new Promise(() => {});
  }
  async xread(): Promise<unknown> {
    this.reads += 1;
    throw new Error('LOADING Redis is loading the dataset in memory');
  }
  duplicate(): FakeClient {
    const copy = new FakeClient();
    this.copies.push(copy);
    return copy;
  }
  disconnect(): void {
    this.isDisconnected = true;
  }
  on(): void {}
  async subscribe(): Promise<void> {}
}

const turn = () => new Promise(setImmediate);

function reach() {
  const client = new FakeClient();
  const clock = new ManualClock();
  const metrics = new Metrics();
  const others = new OtherNodes({ client, prefix: 'test', clock, metrics });
  return { client, clock, metrics, others };
}

it('[ND26] a Redis that refuses to be read is asked twice a second, and not at all after the end', async () => {
  const { client, clock, others } = reach();
  await turn();
  const reads = () => client.copies.reduce((sum, copy) => sum + copy.reads, 0);
  expect(reads()).toBe(1);
  clock.advance(499);
  await turn();
  expect(reads()).toBe(1);
  clock.advance(1);
  await turn();
  expect(reads()).toBe(2);
  others.close();
  await turn();
  clock.advance(5000);
  await turn();
  expect(reads()).toBe(2);
  expect(client.copies.every(({ isDisconnected }) => isDisconnected)).toBe(true);
});

it('[ND26] what Redis does not take is dropped and counted, not kept', async () => {
  const { client, metrics, others } = reach();
  const add = () => client.xadd(['x']).catch(() => 'dropped');
  const taken = Array.from({ length: 1000 }, add);
  expect(await add()).toBe('dropped');
  client.status = 'reconnecting';
  expect(await add()).toBe('dropped');
  expect(client.added.length).toBe(1000);
  expect(taken.length).toBe(1000);
  expect(await metrics.text()).toContain('bongsu_pushes_dropped_total 2');
  others.close();
});
