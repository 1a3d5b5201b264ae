import { setTimeout as pass } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import {
  describeWithRedis,
  type RedisGroup,
  startRedis,
  startRedisSentinel,
  type ThrowAwayRedis,
} from '../../../test/support/redis.js';
import { hear, type OpenedEphemeral, openRedisEphemeral } from '../../../test/support/redis-ephemeral.js';
import { startTcpProxy, type TcpProxy } from '../../../test/support/tcp-proxy.js';
import { ephemeralContract } from './ephemeral.contract.js';
import type { RedisEphemeral } from './redis.js';
import type { RedisServer } from './redis-server.js';

const LONG_MS = 600_000;

const isWell = (node: RedisEphemeral) => () => node.health().status;

let opened: OpenedEphemeral[] = [];
async function open(server: RedisServer): Promise<RedisEphemeral> {
  const node = await openRedisEphemeral(server);
  opened.push(node);
  return node.ephemeral;
}
afterEach(async () => {
  await Promise.all(opened.map((node) => node.close()));
  opened = [];
});

/** What answers without Redis, and must. */
async function useAll(node: RedisEphemeral, name: string) {
  await node.presence.set(`group:${name}`, 'me', '', LONG_MS);
  return {
    counts: [(await node.count(name, LONG_MS)).count, (await node.count(name, LONG_MS)).count],
    nonce: [await node.setIfAbsent(name, 'a', LONG_MS), await node.setIfAbsent(name, 'b', LONG_MS)],
    members: [...(await node.presence.list(`group:${name}`)).keys()],
  };
}

const ALL_WORKS = {
  counts: [1, 2],
  nonce: [
    { stored: true, value: 'a' },
    { stored: false, value: 'a' },
  ],
  members: ['me'],
};

describeWithRedis('Redis away', () => {
  let redis: ThrowAwayRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.remove());
  beforeEach(() => redis.command('flushall'));

  test('[ND2] killed: all works in this process, health says so; back: members are there again, and nobody restarted', async () => {
    const [one, other] = [await open(redis.server), await open(redis.server)];
    await one.presence.set('group', 'one', 'value', LONG_MS);
    await one.presence.set('group', 'left', '', LONG_MS);
    await redis.stop('kill');
    await one.presence.remove('group', 'left');
    expect(await useAll(one, 'killed')).toEqual(ALL_WORKS);
    expect(await useAll(other, 'killed')).toEqual(ALL_WORKS);
    await expect.poll(isWell(one)).toBe('degraded');
    expect(one.health().message).toMatch(
      /^Redis: It does not answer.* Limits, nonces and presence are kept in this process/,
    );
    await redis.start();
    await expect.poll(isWell(one)).toBe('ok');
    await expect.poll(() => other.presence.list('group')).toEqual(new Map([['one', 'value']]));
    expect((await one.count('killed', LONG_MS)).count + (await other.count('killed', LONG_MS)).count).toBe(3);
    // A nonce that was used while Redis was away stays used.
    expect(await one.setIfAbsent('killed', 'c', LONG_MS)).toEqual({ stored: false, value: 'a' });
  });

  test('[ND2] members that left while Redis was away are not there when it is back', async () => {
    const proxy = await startTcpProxy(redis.port);
    const [cut, other] = [await open(through(proxy)), await open(redis.server)];
    await cut.presence.set('group', 'left', '', LONG_MS);
    expect(await other.presence.count('group')).toBe(1);
    proxy.accept(false);
    proxy.cut();
    await cut.presence.remove('group', 'left');
    proxy.accept(true);
    await expect.poll(() => other.presence.count('group')).toBe(0);
    await proxy.close();
  });

  test('[ND2] members whose leaving Redis refused are gone as soon as it takes anything', async () => {
    const [node, other] = [await open(redis.server), await open(redis.server)];
    for (const member of ['left', 'back', 'stays']) await node.presence.set('group', member, '', LONG_MS);
    await redis.command('acl', 'setuser', 'default', '-evalsha', '-eval');
    for (const member of ['left', 'back']) await node.presence.remove('group', member);
    await redis.command('acl', 'setuser', 'default', '+@all');
    expect(await other.presence.count('group')).toBe(3);
    await node.presence.set('group', 'back', '', LONG_MS);
    await expect
      .poll(async () => [...(await other.presence.list('group')).keys()].sort())
      .toEqual(['back', 'stays']);
  });

  test('[ND2] silent: nobody waits for more than a second, then not at all; and it goes on when Redis does', async () => {
    const node = await open(redis.server);
    redis.freeze();
    const crowd = await Promise.all(Array.from({ length: 1000 }, () => node.count('silent', LONG_MS)));
    expect(crowd.at(-1)?.count).toBe(1000);
    await expect.poll(isWell(node)).toBe('degraded');
    expect(await useAll(node, 'frozen')).toEqual(ALL_WORKS);
    redis.thaw();
    await expect.poll(isWell(node)).toBe('ok');
    expect((await node.count('thawed', LONG_MS)).count).toBe(1);
  });

  test('[ND3] slow: after some answers that take long Redis is done without, until it is quick again', async () => {
    const proxy = await startTcpProxy(redis.port);
    const node = await open(through(proxy));
    proxy.delay(200);
    await expect
      .poll(async () => {
        expect((await node.count('slow', LONG_MS)).count).toBeGreaterThan(0);
        return node.health();
      })
      .toMatchObject({ status: 'degraded', message: expect.stringContaining('more than 250 ms') });
    expect(await useAll(node, 'slow alone')).toEqual(ALL_WORKS);
    proxy.delay(0);
    await expect.poll(isWell(node)).toBe('ok');
    await proxy.close();
  });

  test('[ND4] flushed: members are told anew at once, and counters go on', async () => {
    const [one, other] = [await open(redis.server), await open(redis.server)];
    // Both have learnt the name of the store.
    await expect.poll(() => redis.command('get', 'bongsu:{store}')).toBeTruthy();
    const heard = hear(other, 'news');
    one.bus.publish('news', 1);
    await expect.poll(() => heard.messages()).toEqual([1]);
    await one.presence.set('group', 'one', 'value', LONG_MS);
    await one.count('flushed', LONG_MS, 5);
    let flushes = 0;
    other.onNewStore(() => {
      flushes += 1;
    });
    await expect
      .poll(async () => {
        if (flushes === 0) await redis.command('flushall');
        return flushes;
      })
      .toBeGreaterThan(0);
    await expect.poll(() => other.presence.list('group')).toEqual(new Map([['one', 'value']]));
    expect((await one.count('flushed', LONG_MS)).count).toBe(1);
    expect((await other.count('flushed', LONG_MS)).count).toBe(2);
  });

  test('[ND8] what is wrong with it is found also when the connection that listens comes back last', async () => {
    const proxy = await startTcpProxy(redis.port);
    onTestFinished(() => proxy.close());
    const node = await open(through(proxy));
    proxy.accept(false);
    expect(await redis.command('client', 'kill', 'type', 'pubsub')).not.toBe(0);
    await redis.command('config', 'set', 'maxmemory', '100mb');
    await redis.command('config', 'set', 'maxmemory-policy', 'allkeys-lru');
    onTestFinished(async () => {
      await redis.command('config', 'set', 'maxmemory-policy', 'noeviction');
      await redis.command('config', 'set', 'maxmemory', '0');
    });
    // The other connection stands, and counts as back after it was slow for a while.
    proxy.delay(200);
    await expect
      .poll(async () => {
        await node.count('slow', LONG_MS);
        return node.health().status;
      })
      .toBe('degraded');
    proxy.delay(0);
    await expect.poll(isWell(node)).toBe('ok');
    // Behind what is asked by then: whatever could be found out by one connection was.
    for (let n = 0; n < 5; n += 1) await node.count('quick', LONG_MS);
    proxy.accept(true);
    await expect
      .poll(() => node.health().message)
      .toEqual(expect.stringContaining('set maxmemory-policy noeviction'));
  });

  test('[ND5] what others told while this node was cut off shows as a gap, though nothing more is told; nothing comes twice', async () => {
    const proxy = await startTcpProxy(redis.port);
    const [cut, other] = [await open(through(proxy)), await open(redis.server)];
    const heard = hear(cut, 'news');
    other.bus.publish('news', 1);
    await expect.poll(() => heard.messages()).toEqual([1]);
    proxy.accept(false);
    proxy.cut();
    await expect.poll(isWell(cut)).toBe('degraded');
    other.bus.publish('news', 2);
    other.bus.publish('news', 3);
    proxy.accept(true);
    await expect.poll(() => heard.gaps()).not.toEqual([]);
    other.bus.publish('news', 4);
    await expect.poll(() => heard.messages()).toEqual([1, 4]);
    await proxy.close();
  });

  test('[ND5] what was told here while Redis was away shows to the others as a gap, and was heard here', async () => {
    const proxy = await startTcpProxy(redis.port);
    const [cut, other] = [await open(through(proxy)), await open(redis.server)];
    const [mine, theirs] = [hear(cut, 'news'), hear(other, 'news')];
    cut.bus.publish('news', 1);
    await expect.poll(() => theirs.messages()).toEqual([1]);
    proxy.accept(false);
    proxy.cut();
    await expect.poll(isWell(cut)).toBe('degraded');
    cut.bus.publish('news', 2);
    await expect.poll(() => mine.messages()).toEqual([1, 2]);
    proxy.accept(true);
    await expect.poll(() => theirs.gaps()).not.toEqual([]);
    cut.bus.publish('news', 3);
    await expect.poll(() => theirs.messages()).toEqual([1, 3]);
    expect(mine.messages()).toEqual([1, 2, 3]);
    await proxy.close();
  });

  test('[ND5] a node that ends or cannot be heard is a gap without end, once', async () => {
    const [one, other] = [await open(redis.server), await open(redis.server)];
    const heard = hear(one, 'news');
    other.bus.publish('news', 1);
    await expect.poll(() => heard.messages()).toEqual([1]);
    await opened.pop()?.close();
    await expect.poll(() => heard.gaps()).toEqual([[1, Number.POSITIVE_INFINITY]]);
  });

  function through(proxy: TcpProxy): RedisServer {
    return { ...redis.server, addresses: [{ host: '127.0.0.1', port: proxy.port }] };
  }
});

describeWithRedis('Redis with sentinels', () => {
  let group: RedisGroup;
  let node: OpenedEphemeral;
  let tests = 0;
  beforeAll(async () => {
    group = await startRedisSentinel();
    node = await openRedisEphemeral(group.server);
  });
  afterAll(async () => {
    await node.close();
    await group.remove();
  });

  /** In the midst of the suite the primary is killed, and the replica takes its place; the node is the same all along. */
  async function failOver() {
    await group.nodes[0]?.stop('kill');
    expect(await useAll(node.ephemeral, 'meanwhile')).toEqual(ALL_WORKS);
    await expect.poll(isWell(node.ephemeral)).toBe('degraded');
    await expect.poll(isWell(node.ephemeral)).toBe('ok');
    await expect.poll(() => group.nodes[1]?.command('exists', 'bongsu:{p:group:meanwhile}:ends')).toBe(1);
  }

  ephemeralContract('redis over a failover [ND6]', async () => {
    tests += 1;
    if (tests === 5) await failOver();
    const before = node.log.lines.length;
    return {
      ephemeral: node.ephemeral,
      pass: (ms) => pass(ms + 5),
      reportedFaults: () => node.log.lines.slice(before).filter((line) => line.level === 'error').length,
      close: async () => expect(node.ephemeral.health()).toEqual({ status: 'ok' }),
    };
  });
});
