import { setTimeout as pass } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  describeWithRedis,
  type RedisGroup,
  startRedis,
  startRedisCluster,
  type ThrowAwayRedis,
} from '../../../test/support/redis.js';
import { hear, type OpenedEphemeral, openRedisEphemeral } from '../../../test/support/redis-ephemeral.js';
import { ephemeralContract } from './ephemeral.contract.js';
import type { RedisConfig, RedisServer } from './redis-server.js';

const LONG_MS = 600_000;

const harnessOf = (server: () => RedisServer) => async () => {
  const { ephemeral, log, metrics, close } = await openRedisEphemeral(server());
  return {
    ephemeral,
    // Timers may be a little early, and Redis counts whole milliseconds.
    pass: (ms: number) => pass(ms + 5),
    reportedFaults: () => log.lines.filter((line) => line.level === 'error').length,
    close: async () => {
      // What Redis does not do is done by this process instead, where it would pass as well.
      expect(await metrics.text()).not.toMatch(
        /^bongsu_breaker_calls_total\{.*outcome="(failure|answer|refused)"\}/m,
      );
      await close();
    },
  };
};

describeWithRedis('one Redis', () => {
  let redis: ThrowAwayRedis;
  let opened: OpenedEphemeral[] = [];
  const open = async (config?: Partial<RedisConfig>) => {
    const node = await openRedisEphemeral(redis.server, config);
    opened.push(node);
    return node.ephemeral;
  };
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.remove());
  afterEach(async () => {
    await Promise.all(opened.map((node) => node.close()));
    opened = [];
  });

  ephemeralContract(
    'redis',
    harnessOf(() => redis.server),
  );

  test('[ND1] two nodes count together, share values and members, and hear each other in order, each message once', async () => {
    const [one, other] = [await open(), await open()];
    await one.count('shared', LONG_MS);
    expect((await other.count('shared', LONG_MS)).count).toBe(2);
    expect(await one.setIfAbsent('nonce', 'a', LONG_MS)).toEqual({ stored: true, value: 'a' });
    expect(await other.setIfAbsent('nonce', 'b', LONG_MS)).toEqual({ stored: false, value: 'a' });
    await one.presence.set('group', one.bus.publisher, '', LONG_MS);
    expect([...(await other.presence.list('group')).keys()]).toEqual([one.bus.publisher]);
    const [mine, theirs] = [hear(one, 'news'), hear(other, 'news')];
    for (let i = 1; i <= 100; i += 1) one.bus.publish('news', i);
    await expect.poll(() => theirs.messages()).toHaveLength(100);
    expect(theirs.events).toEqual(mine.events);
  });

  test('[ND1] two prefixes on one Redis know nothing of each other', async () => {
    const [one, other] = [await open({ prefix: 'one' }), await open({ prefix: 'other' })];
    const [mine, theirs] = [hear(one, 'news'), hear(other, 'news')];
    one.bus.publish('news', 'for one');
    other.bus.publish('news', 'for the other');
    await one.count('key', LONG_MS);
    await one.setIfAbsent('key', 'value', LONG_MS);
    await one.presence.set('group', 'member', '', LONG_MS);
    expect((await other.count('key', LONG_MS)).count).toBe(1);
    expect((await other.setIfAbsent('key', 'theirs', LONG_MS)).stored).toBe(true);
    expect(await other.presence.count('group')).toBe(0);
    // Once a third node has heard of both, so would they have heard of each other.
    const third = await open({ prefix: 'one' });
    const heard = hear(third, 'news');
    one.bus.publish('news', 'again');
    await expect.poll(() => heard.messages()).toContain('again');
    expect(mine.messages()).toEqual(['for one', 'again']);
    expect(theirs.messages()).toEqual(['for the other']);
    const keys = (await redis.command('keys', '*')) as string[];
    expect(keys.filter((key) => !/^(bongsu|one|other):/.test(key))).toEqual([]);
  });

  test('[ND1] what is no frame of ours on the channel harms nobody', async () => {
    const node = await open();
    const heard = hear(node, 'news');
    const frames = [
      '',
      'x',
      '{}',
      '[]',
      '["p"]',
      '["p",[7]]',
      '["p",[["news",1]],{"news":"x"}]',
      '["p",{},null]',
    ];
    for (const frame of frames) await redis.command('publish', 'bongsu:bus', frame);
    await redis.command('publish', 'bongsu:bus', '["q",[["news",1,"last"]]]');
    await expect.poll(() => heard.messages()).toContain('last');
  });

  test('[ND1] a thousand screens are renewed at once', async () => {
    const node = await open();
    const ids = Array.from({ length: 1000 }, (_, i) => `screen:${i}`);
    await Promise.all(ids.map((id) => node.presence.set(id, node.bus.publisher, '', LONG_MS)));
    expect(await Promise.all(ids.map((id) => node.presence.count(id)))).toEqual(ids.map(() => 1));
  });
});

describeWithRedis('a Redis Cluster', () => {
  let cluster: RedisGroup;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.remove());

  ephemeralContract(
    'redis cluster',
    harnessOf(() => cluster.server),
  );

  test('[ND1] nodes hear each other whichever node of the Cluster each one listens to', async () => {
    const nodes = await Promise.all(Array.from({ length: 4 }, () => openRedisEphemeral(cluster.server)));
    const heard = nodes.map(({ ephemeral }) => hear(ephemeral, 'news'));
    for (let i = 1; i <= 50; i += 1) for (const { ephemeral } of nodes) ephemeral.bus.publish('news', i);
    for (const { messages } of heard) await expect.poll(messages).toHaveLength(200);
    for (const { events } of heard) {
      for (const { ephemeral } of nodes) {
        const of = events.filter(({ publisher }) => publisher === ephemeral.bus.publisher);
        expect(of.map((event) => event.type === 'message' && event.number)).toEqual(
          Array.from({ length: 50 }, (_, i) => i + 1),
        );
      }
    }
    await Promise.all(nodes.map((node) => node.close()));
  });
});
