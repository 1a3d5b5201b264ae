import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { startCarrier } from '../../../test/support/bridge-process.js';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from '../../../test/support/redis.js';
import { hear, type OpenedEphemeral, openRedisEphemeral } from '../../../test/support/redis-ephemeral.js';
import { startTcpProxy, type TcpProxy } from '../../../test/support/tcp-proxy.js';
import type { RedisServer } from './redis-server.js';

const LONG_MS = 600_000;

describeWithRedis('the bridge between regions', () => {
  const redis: Record<string, ThrowAwayRedis> = {};
  let opened: OpenedEphemeral[] = [];
  let proxies: TcpProxy[] = [];
  const at = (region: string): ThrowAwayRedis => {
    const there = redis[region];
    if (!there) throw new Error(`No Redis of ${region}`);
    return there;
  };
  beforeAll(async () => {
    for (const region of ['home', 'far', 'other']) redis[region] = await startRedis();
  });
  afterAll(async () => {
    for (const each of Object.values(redis)) await each.remove();
  });
  beforeEach(async () => {
    for (const each of Object.values(redis)) await each.command('flushall');
  });
  afterEach(async () => {
    await Promise.all(opened.map((node) => node.close()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
    opened = [];
    proxies = [];
  });

  async function open(region: string, over: { own?: TcpProxy; home?: TcpProxy } = {}) {
    const home = { redis: through(at('home').server, over.home), region };
    const node = await openRedisEphemeral(
      through(at(region).server, over.own),
      {},
      region === 'home' ? undefined : { ...home, redis: { server: home.redis, prefix: 'bongsu' } },
    );
    opened.push(node);
    return node;
  }
  async function proxyTo(region: string): Promise<TcpProxy> {
    const proxy = await startTcpProxy(at(region).port);
    proxies.push(proxy);
    return proxy;
  }
  const through = (server: RedisServer, proxy?: TcpProxy): RedisServer =>
    proxy ? { ...server, addresses: [{ host: '127.0.0.1', port: proxy.port }] } : server;
  const status = ({ ephemeral }: OpenedEphemeral) => ephemeral.bridgeHealth()?.status;
  const stands = (...nodes: OpenedEphemeral[]) =>
    expect.poll(() => nodes.map(status)).toEqual(nodes.map(() => 'ok'));
  const leads = async ({ metrics }: OpenedEphemeral) =>
    (await metrics.text()).includes('bongsu_bridge_leads 1');

  test('[ND62] what a node of any region says is heard once by every node of all, in order', async () => {
    const nodes = [
      await open('home'),
      await open('home'),
      await open('far'),
      await open('far'),
      await open('other'),
    ];
    await stands(...nodes.slice(2));
    const heard = nodes.map(({ ephemeral }) => hear(ephemeral, 'news'));
    for (const { ephemeral } of nodes) ephemeral.bus.publish('news', `hello`);
    await expect
      .poll(() => heard.map((each) => each.messages().length))
      .toEqual(nodes.map(() => nodes.length));
    for (const [n, { ephemeral }] of nodes.entries())
      for (let i = 0; i < 100; i += 1) ephemeral.bus.publish('news', [n, i]);
    const all = nodes.length * 101;
    await expect.poll(() => heard.map((each) => each.messages().length)).toEqual(nodes.map(() => all));
    for (const each of heard) {
      const said = each.messages().filter((message) => Array.isArray(message)) as [number, number][];
      for (const n of nodes.keys())
        expect(said.filter(([by]) => by === n).map(([, i]) => i)).toEqual([...Array(100).keys()]);
    }
  });

  test('[ND62] one node of a region carries; when it cannot any more another one does', async () => {
    const [own, home] = [await proxyTo('far'), await open('home')];
    const first = await open('far', { own });
    await stands(first);
    const second = await open('far');
    await stands(second);
    expect([await leads(first), await leads(second)]).toEqual([true, false]);
    own.accept(false);
    own.cut();
    await expect.poll(() => leads(second), { timeout: 10_000 }).toBe(true);
    const heard = hear(second.ephemeral, 'news');
    home.ephemeral.bus.publish('news', 'after');
    await expect.poll(heard.messages).toEqual(['after']);
    own.accept(true);
    await expect.poll(() => status(first), { timeout: 10_000 }).toBe('ok');
    expect([await leads(first), await leads(second)]).toEqual([false, true]);
    await second.close();
    await expect.poll(() => leads(first)).toBe(true);
  });

  test.each(['SIGKILL', 'SIGSTOP'] as const)(
    '[ND62] the process that carries gets %s: another one does, and what both say is heard once',
    async (kill) => {
      const home = await open('home');
      const carrier = startCarrier(at('far').server, at('home').server);
      onTestFinished(() => carrier.end());
      await carrier.leads;
      const next = await open('far');
      await stands(next);
      expect(await leads(next)).toBe(false);
      carrier.kill(kill);
      await expect.poll(() => leads(next), { timeout: 10_000 }).toBe(true);
      const heard = [home, next].map(({ ephemeral }) => hear(ephemeral, 'news'));
      await expect
        .poll(async () => {
          home.ephemeral.bus.publish('news', 'ping');
          return heard[1]?.messages().length;
        })
        .toBeGreaterThan(0);
      carrier.kill('SIGCONT');
      for (let i = 0; i < 50; i += 1)
        for (const { ephemeral } of [home, next]) ephemeral.bus.publish('news', i);
      const counted = () =>
        heard.map((each) => each.messages().filter((message) => typeof message === 'number').length);
      await expect.poll(counted).toEqual([100, 100]);
      expect(await leads(next)).toBe(true);
    },
  );

  test('[ND62] what is said while two carry is heard once', async () => {
    const [home, first, second] = [await open('home'), await open('far'), await open('far')];
    await stands(first, second);
    const heard = [home, first, second].map(({ ephemeral }) => hear(ephemeral, 'news'));
    await at('far').command('del', 'bongsu:{bridge}');
    let said = 0;
    await expect
      .poll(async () => {
        for (const { ephemeral } of [home, first, second]) ephemeral.bus.publish('news', said);
        said += 1;
        // The first one to ask has it; the other one goes on until it asks.
        await at('far').command('del', 'bongsu:{bridge}');
        return (await leads(first)) && (await leads(second));
      })
      .toBe(true);
    await expect.poll(() => heard.map((each) => each.messages().length)).toEqual(heard.map(() => 3 * said));
  });

  test('[ND63] who carries and hears nothing of home though it answers says so, lets another one try, and goes on when it may', async () => {
    const [home, far] = [await open('home'), await open('far')];
    await stands(far);
    await at('home').command('acl', 'setuser', 'default', '-subscribe');
    onTestFinished(async () => void (await at('home').command('acl', 'setuser', 'default', '+subscribe')));
    await at('home').command('client', 'kill', 'type', 'pubsub');
    await expect.poll(() => leads(far), { timeout: 15_000 }).toBe(false);
    expect(far.ephemeral.bridgeHealth()).toMatchObject({
      status: 'degraded',
      message: expect.stringContaining('Nothing comes'),
    });
    await at('home').command('acl', 'setuser', 'default', '+subscribe');
    await expect.poll(() => status(far), { timeout: 15_000 }).toBe('ok');
    const heard = hear(far.ephemeral, 'news');
    await expect
      .poll(
        async () => {
          home.ephemeral.bus.publish('news', 'after');
          return heard.messages().length;
        },
        { timeout: 15_000 },
      )
      .toBeGreaterThan(0);
  });

  test('[ND69] two regions of one name, and one whose home is its own Redis, are told so and carry nothing', async () => {
    const far = await open('far');
    await stands(far);
    const namesake = await openRedisEphemeral(
      at('other').server,
      {},
      { redis: { server: at('home').server, prefix: 'bongsu' }, region: 'far' },
    );
    opened.push(namesake);
    await expect.poll(() => namesake.ephemeral.bridgeHealth()?.message).toContain('named far too');
    expect([await leads(far), await leads(namesake)]).toEqual([true, false]);
    const looped = await openRedisEphemeral(
      at('other').server,
      { prefix: 'looped' },
      { redis: { server: at('other').server, prefix: 'looped' }, region: 'loop' },
    );
    opened.push(looped);
    await expect.poll(() => looped.ephemeral.bridgeHealth()?.message).toContain('name the same one');
    expect(await leads(looped)).toBe(false);
  });

  test('[ND63] a link that is cut shows as degraded, and what was lost by it as a gap, on both sides', async () => {
    const [link, home] = [await proxyTo('home'), await open('home')];
    const far = await open('far', { home: link });
    await stands(far);
    const [here, there] = [hear(home.ephemeral, 'news'), hear(far.ephemeral, 'news')];
    for (const { ephemeral } of [home, far]) ephemeral.bus.publish('news', 1);
    await expect
      .poll(() => [here, there].map((each) => each.messages()))
      .toEqual([
        [1, 1],
        [1, 1],
      ]);
    link.accept(false);
    link.cut();
    await expect.poll(() => status(far)).toBe('degraded');
    expect(far.ephemeral.bridgeHealth()?.message).toMatch(/^The home Redis: .*SQL alone\.$/);
    expect(far.ephemeral.health()).toEqual({ status: 'ok' });
    for (const { ephemeral } of [home, far]) ephemeral.bus.publish('news', 2);
    link.accept(true);
    await expect
      .poll(() => [here, there].every((each) => each.gaps().length > 0), { timeout: 10_000 })
      .toBe(true);
    await expect.poll(() => status(far)).toBe('ok');
    for (const { ephemeral } of [home, far]) ephemeral.bus.publish('news', 3);
    await expect
      .poll(() => [here, there].map((each) => each.messages().slice(-2)))
      .toEqual([
        [3, 3],
        [3, 3],
      ]);
  });

  test('[ND70] who is present is one for all regions, also after either Redis was flushed', async () => {
    const [home, far, other] = [await open('home'), await open('far'), await open('other')];
    await far.ephemeral.presence.set('group', 'screen', 'x', LONG_MS);
    for (const { ephemeral } of [home, far, other])
      expect(await ephemeral.presence.list('group')).toEqual(new Map([['screen', 'x']]));
    await at('far').command('flushall');
    expect(await home.ephemeral.presence.count('group')).toBe(1);
    let flushes = 0;
    far.ephemeral.onNewStore(() => {
      flushes += 1;
    });
    // A node tells anew what it had told a store of another name.
    await expect
      .poll(
        async () => {
          if (flushes === 0) await at('home').command('flushall');
          return flushes;
        },
        { timeout: 10_000, interval: 1500 },
      )
      .toBeGreaterThan(0);
    await expect.poll(() => home.ephemeral.presence.count('group')).toBe(1);
    const heard = hear(far.ephemeral, 'news');
    home.ephemeral.bus.publish('news', 'after');
    await expect.poll(heard.messages, { timeout: 5000 }).toEqual(['after']);
  });

  test('[ND65] counters and nonces are of each region', async () => {
    const [home, far] = [await open('home'), await open('far')];
    expect((await home.ephemeral.count('key', LONG_MS)).count).toBe(1);
    expect((await far.ephemeral.count('key', LONG_MS)).count).toBe(1);
    expect((await far.ephemeral.setIfAbsent('key', 'far', LONG_MS)).stored).toBe(true);
    expect((await home.ephemeral.setIfAbsent('key', 'home', LONG_MS)).stored).toBe(true);
  });

  test('[ND69] a home Redis that refuses ends the start, and one that is away does not', async () => {
    const locked = await startRedis({
      lines: ['requirepass secret-of-home'],
      client: { password: 'secret-of-home' },
    });
    const start = (server: RedisServer) =>
      openRedisEphemeral(
        at('far').server,
        {},
        {
          redis: { server, prefix: 'bongsu', setting: 'BRIDGE_REDIS_URL' },
          region: 'far',
        },
      );
    await expect(start({ ...locked.server, password: 'wrong' })).rejects.toThrow(
      /of BRIDGE_REDIS_URL: WRONGPASS/,
    );
    await locked.remove();
    const alone = await start(locked.server);
    opened.push(alone);
    expect(status(alone)).toBe('degraded');
    expect((await alone.ephemeral.count('alone', LONG_MS)).count).toBe(1);
  });
});
