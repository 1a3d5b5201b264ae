import { Server } from 'socket.io';
import { expect, it, onTestFinished } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { describeWithRedis, startRedis } from '../../test/support/redis.js';
import { openRedisEphemeral } from '../../test/support/redis-ephemeral.js';
import { startTcpProxy } from '../../test/support/tcp-proxy.js';
import { systemClock } from '../platform/clock.js';
import type { RedisServer } from '../platform/ephemeral/redis-server.js';
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
  once(): void {}
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

it('[ND17] a Redis that refuses to be read is asked twice a second, and not at all after the end', async () => {
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

it('[ND17] what Redis does not take is dropped and counted, not kept', async () => {
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

describeWithRedis('pushes to other nodes', () => {
  /** What one node has of it, and the events that came. */
  async function join(server: RedisServer) {
    const { ephemeral, close } = await openRedisEphemeral(server);
    const client = ephemeral.adapterClient() as unknown as AdapterClient;
    const others = new OtherNodes({ client, prefix: 'test', clock: systemClock, metrics: new Metrics() });
    const io = new Server({ adapter: others.adapter });
    const namespace = io.of('/');
    const heard: unknown[] = [];
    Object.assign(namespace.adapter, {
      onMessage: ({ data }: { data: { packet: { data: [string] } } }) => heard.push(data.packet.data[0]),
    });
    others.bind(namespace);
    onTestFinished(async () => {
      others.close();
      await close();
    });
    return { heard, tell: (event: string) => others.emit(['room'], event, {}) };
  }

  it('[ND17] what was told while a node was cut off does not come late, and what is told then does', async () => {
    const redis = await startRedis();
    const proxy = await startTcpProxy(redis.port);
    onTestFinished(async () => {
      await proxy.close();
      await redis.remove();
    });
    const cut = await join({ ...redis.server, addresses: [{ host: '127.0.0.1', port: proxy.port }] });
    const teller = await join(redis.server);
    const hears = (event: string) =>
      expect
        .poll(() => {
          teller.tell(event);
          return cut.heard;
        })
        .toContain(event);
    await hears('before');
    proxy.accept(false);
    proxy.cut();
    const length = Number(await redis.command('xlen', 'test:pushes'));
    for (let n = 0; n < 20; n += 1) teller.tell('late');
    await expect.poll(() => redis.command('xlen', 'test:pushes')).toBe(length + 20);
    proxy.accept(true);
    await hears('after');
    expect(cut.heard).not.toContain('late');
    // What it heard last is ahead of what a Redis whose clock is behind tells next.
    await redis.command('flushall');
    await redis.command('xadd', 'test:pushes', '99999999999999-0', 'nsp', '/', 'uid', 'x', 'type', '9');
    await redis.stop('kill');
    await redis.start();
    await hears('by another clock');
  });
});
