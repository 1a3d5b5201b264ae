import { type Account, nextEvent, send, trigger, World } from '@bongsu/conformance';
import type { CommandStatus } from '@bongsu/protocol';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { describeNodes } from './support/nodes.js';
import {
  type RedisGroup,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  type ThrowAwayRedis,
} from './support/redis.js';
import { openRedisEphemeral } from './support/redis-ephemeral.js';
import { makeStorage, startOn } from './support/server.js';

type Redis = Pick<ThrowAwayRedis, 'url' | 'remove'>;

describeNodes('pushes between two nodes', () => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  const startTwo = async (redis: Redis) => {
    cleanUps.push(() => redis.remove());
    const storage = await makeStorage('postgres');
    cleanUps.push(() => storage.remove());
    const worlds: World[] = [];
    for (const NODE_NAME of ['node-a', 'node-b']) {
      const server = await startOn(storage, { settings: { REDIS_URL: redis.url, NODE_NAME } });
      cleanUps.push(() => server.stop());
      const world = new World({ url: server.url });
      cleanUps.push(() => world.sockets.closeAll());
      worlds.push(world);
    }
    return worlds as [World, World];
  };

  /** A sender and the screen at the first node, and another socket of the sender's at the second, which hears what becomes of commands. */
  const listenThere = async ([here, there]: [World, World]) => {
    const owner: Account = await here.signUp();
    const device = await here.device(owner);
    await here.connectScreen(device, () => ({ status: 'executed' }));
    const sender = await here.controller(owner);
    const heard: string[] = [];
    const listener = await there.controller(owner);
    listener.on('command-status', ({ id }: CommandStatus) => heard.push(id));
    const push = async () => {
      const command = trigger(device.screenId);
      const executed = nextEvent(sender, 'command-status');
      expect(await send(sender, 'trigger', command)).toMatchObject({ success: true });
      await executed;
      return command.id;
    };
    /** Not one is missing, and none comes twice. */
    const allArrive = async () => {
      const pushed: string[] = [];
      for (let n = 0; n < 10; n += 1) pushed.push(await push());
      await expect.poll(() => heard.filter((id) => pushed.includes(id))).toEqual(pushed);
    };
    /** What is pushed while Redis is away is lost: nothing waits for it. */
    const arriveAgain = async () => {
      heard.length = 0;
      const pushed = async () => {
        await push();
        return heard.length;
      };
      await expect.poll(pushed, { interval: 100 }).toBeGreaterThan(0);
    };
    return { sender, listener, allArrive, arriveAgain };
  };

  it('[ND6] [ND16] arrive over a Redis Cluster, also after their slot has moved to another of its nodes', async () => {
    const cluster = await startRedisCluster();
    const { allArrive, arriveAgain } = await listenThere(await startTwo(cluster));
    await allArrive();
    await moveSlot(cluster, 'bongsu:pushes');
    await arriveAgain();
    await allArrive();
  });

  it('[ND6] [ND16] arrive before and after a failover by sentinels', async () => {
    const sentinel = await startRedisSentinel();
    const { allArrive, arriveAgain } = await listenThere(await startTwo(sentinel));
    await allArrive();
    await sentinel.nodes[0]?.stop('kill');
    await arriveAgain();
    await allArrive();
  });

  it('[ND1] keep apart from another Socket.IO app on the same Redis', async () => {
    const redis = await startRedis();
    const { sender, listener, allArrive } = await listenThere(await startTwo(redis));
    const apps = await Promise.all([startApp(redis), startApp(redis)]);
    const [app, otherApp] = apps as [(typeof apps)[0], (typeof apps)[0]];
    const strange: string[] = [];
    for (const socket of [sender, listener]) {
      socket.on('news', () => strange.push('news at Bongsu'));
      socket.on('disconnect', (reason) => strange.push(reason));
    }
    for (const { socket } of apps) socket.on('command-status', () => strange.push('a status at the app'));
    await allArrive();
    const arrived = nextEvent(otherApp.socket, 'news');
    app.io.emit('news', 'for all of the app');
    await arrived;
    const ended = new Promise((resolve) => otherApp.socket.once('disconnect', resolve));
    app.io.disconnectSockets(true);
    await ended;
    await allArrive();
    expect(strange).toEqual([]);
    const keys = (await redis.command('keys', '*')) as string[];
    expect(keys.filter((key) => !/^(bongsu[:.]|their-app)/.test(key))).toEqual([]);
  });
});

/** Somebody else's server, with a client. */
async function startApp(redis: ThrowAwayRedis) {
  const { ephemeral, close } = await openRedisEphemeral(redis.server);
  const adapter = createAdapter(ephemeral.adapterClient(), {
    streamName: 'their-app',
    channelPrefix: 'their-app',
  });
  const server = new Server({ adapter });
  server.listen(0);
  const { port } = server.httpServer.address() as { port: number };
  const socket: Socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false });
  onTestFinished(async () => {
    socket.close();
    await server.close();
    await close();
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { io: server, socket };
}

/** As `redis-cli --cluster reshard` does it, with all keys of the slot. */
async function moveSlot({ nodes }: RedisGroup, key: string): Promise<void> {
  const slot = String(await nodes[0]?.command('cluster', 'keyslot', key));
  const ids = await Promise.all(nodes.map(async (node) => String(await node.command('cluster', 'myid'))));
  const keysOf = (node: ThrowAwayRedis) =>
    node.command('cluster', 'countkeysinslot', slot) as Promise<number>;
  const counts = await Promise.all(nodes.map(keysOf));
  const source = counts.findIndex((count) => count > 0);
  const target = (source + 1) % nodes.length;
  const [from, to] = [nodes[source], nodes[target]];
  if (!from || !to) throw new Error(`No node has ${key}`);
  await to.command('cluster', 'setslot', slot, 'importing', ids[source] ?? '');
  await from.command('cluster', 'setslot', slot, 'migrating', ids[target] ?? '');
  const keys = (await from.command('cluster', 'getkeysinslot', slot, '100')) as string[];
  await from.command('migrate', '127.0.0.1', String(to.port), '', '0', '5000', 'keys', ...keys);
  for (const node of [to, from, ...nodes.filter((each) => each !== to && each !== from)])
    await node.command('cluster', 'setslot', slot, 'node', ids[target] ?? '');
}
