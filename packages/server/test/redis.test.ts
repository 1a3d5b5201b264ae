import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextEvent, World } from '@bongsu/conformance';
import type { SessionClosing } from '@bongsu/protocol';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import pg from 'pg';
import { Server } from 'socket.io';
import { afterAll, afterEach, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { ALGORITHM } from './support/algorithm.js';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from './support/redis.js';
import { openRedisEphemeral } from './support/redis-ephemeral.js';
import { makeStorage, type RunningServer, type Storage, startOn } from './support/server.js';

const hasPostgres = inject('postgresUrl') !== '';

describeWithRedis('a server with Redis', () => {
  let redis: ThrowAwayRedis;
  let storage: Storage;
  let folder: string;
  let processes: BongsuProcesses;
  const servers: RunningServer[] = [];
  const start = async (settings: Record<string, string> = { REDIS_URL: redis.url }) => {
    const server = await startOn(storage, { settings });
    servers.push(server);
    return server;
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bongsu-redis-'));
    processes = new BongsuProcesses(folder);
    redis = await startRedis();
    if (hasPostgres) storage = await makeStorage('postgres');
  });
  afterEach(async () => {
    await processes.killAll();
    for (const server of servers.splice(0)) await server.stop();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
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
    '[ND79] sockets of the last node are told to come back, and only those of another to move at once',
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
    '[ND7] a refused password ends the start with exit code 2 and one line, without the password',
    async () => {
      await redis.command('config', 'set', 'requirepass', 'right');
      const REDIS_URL = `redis://:hunter2@127.0.0.1:${redis.port}`;
      const { code, out, err } = await processes.run(['serve'], { ...storage.settings, REDIS_URL }).ended;
      await redis.command('config', 'set', 'requirepass', '');
      expect(err).toMatch(/^bongsu: Redis refuses the user, password or database of REDIS_URL: WRONGPASS/m);
      expect(code).toBe(2);
      expect(out + err).not.toContain('hunter2');
    },
  );

  it.skipIf(!hasPostgres)(
    '[BEY5] [ND46] bongsu drain --node ends that node of two, whose sockets are told to move; the other goes on',
    async () => {
      const staying = await start({ REDIS_URL: redis.url, NODE_NAME: 'staying' });
      const settings = { ...storage.settings, REDIS_URL: redis.url, JWT_ALG: ALGORITHM };
      const leaving = processes.run(['serve'], { ...settings, NODE_NAME: 'leaving', DRAIN_SECONDS: '5' });
      const [url = ''] = /http:\S+/.exec(await leaving.shows(/is ready: .*/)) ?? [];
      const { accessToken: token } = await new World({ url: staying.url }).signUp();
      const world = new World({ url });
      const closing = nextEvent<SessionClosing>(
        (await world.sockets.connect({ token })).socket,
        'session-closing',
      );
      const drained = await processes.run(['drain', '--node', 'leaving', '--json'], settings).ended;
      expect(drained).toMatchObject({ code: 0 });
      expect(JSON.parse(drained.out)).toMatchObject({
        node: 'leaving',
        pid: leaving.child.pid,
        connections: 1,
      });
      expect(await closing).toMatchObject({ code: 'DRAINING', reconnect: true });
      expect((await leaving.ended).code).toBe(0);
      expect((await fetch(`${staying.url}/api/health/ready`)).status).toBe(200);
    },
  );

  it.skipIf(!hasPostgres)(
    '[ND7] [OBS1] a start that is refused ends with one line and an exit code: a replica, a name twice, code that is too old',
    async () => {
      const replica = await startRedis({ lines: ['replicaof 127.0.0.1 1'] });
      const newer = await makeStorage('postgres');
      onTestFinished(async () => {
        await replica.remove();
        await newer.remove();
      });
      const database = new pg.Client({ connectionString: newer.settings.DATABASE_URL });
      await database.connect();
      await database.query(
        `insert into schema_migrations (number, name, checksum, works_with, applied_at)
         values (9999, '9999_newer', 'x', 9999, 0)`,
      );
      await database.end();
      await start({ REDIS_URL: redis.url, NODE_NAME: 'taken' });
      const refused = async (settings: Record<string, string>) => {
        const { code, err } = await processes.run(['serve'], { REDIS_URL: redis.url, ...settings }).ended;
        return { code, reason: err.split('\n').find((line) => line.startsWith('bongsu: ')) };
      };
      // At once: who has the name may be about to end, so that is waited for.
      const outcomes = await Promise.all([
        refused({ ...storage.settings, REDIS_URL: replica.url }),
        refused({ ...storage.settings, NODE_NAME: 'taken' }),
        refused(newer.settings),
      ]);
      expect(outcomes).toEqual([
        { code: 2, reason: expect.stringMatching(/replica/) },
        { code: 1, reason: expect.stringMatching(/"taken"/) },
        { code: 1, reason: expect.stringMatching(/The database is too new for this version/) },
      ]);
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
