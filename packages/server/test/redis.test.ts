import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextEvent, World } from '@bongsu/conformance';
import type { SessionClosing } from '@bongsu/protocol';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from './support/redis.js';
import { openRedisEphemeral } from './support/redis-ephemeral.js';
import { makeStorage, type RunningServer, type Storage, startOn } from './support/server.js';

const hasPostgres = inject('postgresUrl') !== '';

describeWithRedis('a server with Redis', () => {
  let redis: ThrowAwayRedis;
  let storage: Storage;
  const servers: RunningServer[] = [];
  const start = async (settings: Record<string, string> = { REDIS_URL: redis.url }) => {
    const server = await startOn(storage, { settings });
    servers.push(server);
    return server;
  };
  beforeAll(async () => {
    redis = await startRedis();
    if (hasPostgres) storage = await makeStorage('postgres');
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  afterAll(async () => {
    await storage?.remove();
    await redis.remove();
  });

  it.skipIf(!hasPostgres)(
    '[ND2] without Redis it is ready and degraded, with it well; its circuit is a check',
    async () => {
      const { url } = await start();
      const health = async () =>
        (await fetch(`${url}/api/health`)).json() as Promise<{ status: string; checks: object }>;
      await expect.poll(async () => (await health()).status).toBe('ok');
      await redis.stop();
      await expect
        .poll(async () => (await health()).checks)
        .toMatchObject({
          ephemeral: { status: 'degraded', message: expect.stringMatching(/^Redis: It does not answer/) },
          'breaker.redis': { status: 'degraded' },
        });
      expect((await fetch(`${url}/api/health/ready`)).status).toBe(200);
      await redis.start();
      await expect.poll(async () => (await health()).status).toBe('ok');
    },
  );

  it.skipIf(!hasPostgres)(
    '[ND193] sockets of the last node are told to come back, and only those of another to move at once',
    async () => {
      const settings = { REDIS_URL: redis.url, DRAIN_SECONDS: '5' };
      const servers = [await start(settings), await start({ ...settings, NODE_NAME: 'other' })];
      const waits: number[] = [];
      for (const server of servers.toReversed()) {
        const world = new World({ url: server.url });
        const socket = await world.controller(await world.signUp());
        const closing = nextEvent<SessionClosing>(socket, 'session-closing');
        await server.stop();
        waits.push((await closing).retryAfterMs ?? Number.NaN);
        world.sockets.closeAll();
      }
      expect(waits).toEqual([expect.any(Number), 1_000]);
      expect(waits[0]).toBeLessThanOrEqual(200);
    },
  );

  it.skipIf(!hasPostgres)('[ND1] with Redis a second node may live on the database', async () => {
    const [one, other] = [await start(), await start({ REDIS_URL: redis.url, NODE_NAME: 'other' })];
    expect(one.url).not.toBe(other.url);
  });

  it.skipIf(!hasPostgres)(
    '[ND6] a refused password ends the start with exit code 2 and one line, without the password',
    async () => {
      await redis.command('config', 'set', 'requirepass', 'right');
      const folder = await mkdtemp(join(tmpdir(), 'bongsu-redis-'));
      const processes = new BongsuProcesses(folder);
      const REDIS_URL = `redis://:hunter2@127.0.0.1:${redis.port}`;
      const { code, out, err } = await processes.run(['serve'], { ...storage.settings, REDIS_URL }).ended;
      await redis.command('config', 'set', 'requirepass', '');
      await rm(folder, { recursive: true, force: true });
      expect(err).toMatch(/^bongsu: Redis refuses the user, password or database of REDIS_URL: WRONGPASS/m);
      expect(code).toBe(2);
      expect(out + err).not.toContain('hunter2');
    },
  );

  it('[ND2] the adapter of Socket.IO survives a Redis that is killed, and carries events again', async () => {
    const nodes = await Promise.all([1, 2].map(() => openRedisEphemeral(redis.server)));
    const [one, other] = nodes.map(({ ephemeral }) => {
      const io = new Server({
        adapter: createAdapter(ephemeral.adapterClient(), { channelPrefix: 'test', streamName: 'test' }),
      });
      io.of('/');
      return io;
    });
    const heard: unknown[] = [];
    other?.on('news', (news) => heard.push(news));
    const tell = (news: string) =>
      expect
        .poll(() => {
          one?.serverSideEmit('news', news);
          return heard.includes(news);
        })
        .toBe(true);
    await tell('before');
    await redis.stop();
    for (let i = 0; i < 100; i += 1) {
      one?.serverSideEmit('news', 'lost');
      one?.emit('lost');
    }
    await redis.start();
    await tell('after');
    for (const io of [one, other]) io?.of('/').adapter.close();
    await Promise.all(nodes.map((node) => node.close()));
  });
});
