import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Client, connect } from '@bongsu/client';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Balancer, startBalancer } from '../../../bench/lib/balancer.mjs';
import { Cluster, type ClusterNode } from '../../../bench/lib/cluster.mjs';
import { missingPrograms } from './support/on-path.js';

const ENGINES = ['nginx', 'haproxy'] as const;
const missing = missingPrograms(...ENGINES, 'redis-server', 'openssl');

/** Longer than a heartbeat may take. */
const STALL_MS = 6000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function post(url: string, path: string, body: object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBeLessThan(300);
  return (await answer.json()) as { accessToken: string };
}

const nodeBehind = async (url: string): Promise<string> =>
  ((await (await fetch(`${url}/health`)).json()) as { node: string }).node;

let people = 0;
async function signUp(url: string, headers?: Record<string, string>): Promise<string> {
  people += 1;
  const person = {
    email: `balanced-${people}@example.com`,
    password: `correct horse battery ${people}`,
    username: `Person ${people}`,
  };
  return (await post(url, '/api/auth/signup', person, headers)).accessToken;
}

const connectionsOf = async ({ url }: ClusterNode): Promise<number> =>
  ((await (await fetch(`${url}/health`)).json()) as { connections: number }).connections;

function open(url: string, token: string, options: object = {}): Socket {
  const socket = io(url, { auth: { token }, forceNew: true, reconnection: false, ...options });
  cleanups.push(() => socket.close());
  return socket;
}

/** A stock client that polls, as docs/deployment.md says it for that balancer; resolves by `ready` whenever it is ready again. */
function openPoller(engine: (typeof ENGINES)[number], url: string, token: string) {
  const again = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 };
  const socket = open(url, token, { transports: ['polling'], query: { k: randomUUID() }, ...again });
  if (engine === 'nginx')
    socket.io.on('reconnect_attempt', () => {
      socket.io.opts.query = { k: randomUUID() };
    });
  const ready = () => new Promise<string>((resolve) => socket.once('ready', () => resolve('ready')));
  return { socket, ready };
}

/** Resolves with what ended it when it is not ready. */
const outcome = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('ready', () => resolve('ready'));
    socket.once('connect_error', (error) => {
      const { context } = error as Error & { context?: { responseText?: string } };
      resolve(context?.responseText || error.message);
    });
    socket.once('disconnect', resolve);
  });

/** A way to the balancer on which websockets do not work, as behind some proxies. */
async function withoutWebSockets(url: string): Promise<string> {
  const proxy = createServer((asked, answer) => {
    const onward = request(
      new URL(asked.url ?? '', url),
      { method: asked.method, headers: asked.headers },
      (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers);
        got.pipe(answer);
      },
    );
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  proxy.on('upgrade', (_asked, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  cleanups.push(() => proxy.close().closeAllConnections());
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

describe.skipIf(missing.length > 0 || inject('postgresUrl') === '')('balancers', () => {
  let cluster: Cluster;
  const balancers = {} as Record<(typeof ENGINES)[number], Balancer>;
  let token = '';

  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 2, balancer: 'haproxy', settings: { DRAIN_SECONDS: '6' } });
    const ports = cluster.nodes.map(({ port }) => port);
    balancers.haproxy = cluster.balancer;
    balancers.nginx = await startBalancer({ engine: 'nginx', ports });
    token = await signUp(cluster.url);
  }, 120_000);
  afterAll(async () => {
    await balancers.nginx?.stop();
    await cluster?.stop();
  });

  // What the test before did to a node is over for the balancers too.
  beforeEach(async () => {
    for (const { url } of Object.values(balancers)) {
      // At once: one after another, all go to the node with the fewest requests, as long as anything else is asked of the other.
      const ask = () => Promise.all(Array.from({ length: 8 }, () => nodeBehind(url)));
      await expect.poll(async () => new Set(await ask()).size).toBe(cluster.nodes.length);
    }
  });

  describe.each(ENGINES)('%s', (engine) => {
    it('[ND39] long-polling stays at its node, for the SDK and for a stock client', async () => {
      const { url } = balancers[engine];
      const blocked = await withoutWebSockets(url);
      const clients: Client[] = Array.from({ length: 12 }, () => connect({ url: blocked, token }));
      for (const client of clients) cleanups.push(() => client.close());
      await Promise.all(clients.map((client) => client.online()));
      // Each connection has a k of its own: not all are at one node, as they would be by their address.
      for (const node of cluster.nodes) expect(await connectionsOf(node)).toBeGreaterThan(0);
      const stock = open(url, token, { transports: ['polling'] });
      expect(await outcome(stock)).toBe('ready');
      const upgrading = open(url, token, { transports: ['polling', 'websocket'] });
      expect(await outcome(upgrading)).toBe('ready');
      await expect.poll(() => upgrading.io.engine.transport.name).toBe('websocket');
    });

    it('[ND39] without stickiness long-polling never gets ready and says why, and websockets work', async () => {
      const ports = cluster.nodes.map(({ port }) => port);
      const loose = await startBalancer({ engine, ports, sticky: false });
      cleanups.push(() => loose.stop());
      const outcomes = await Promise.all(
        [1, 2, 3].map(() => outcome(open(loose.url, token, { transports: ['polling'] }))),
      );
      expect(outcomes.filter((each) => each.includes('Session ID unknown')).length).toBeGreaterThan(0);
      expect(await outcome(open(loose.url, token, { transports: ['websocket'] }))).toBe('ready');
      await expect
        .poll(() =>
          cluster.nodes.some(({ output }) => output.includes('does not keep clients at their node')),
        )
        .toBe(true);
    });

    it.each(['websocket', 'polling'])(
      '[ND42] https and wss work with a certificate of its own, by %s',
      async (transport) => {
        const { secureUrl, certificate } = balancers[engine];
        const options = { transports: [transport], rejectUnauthorized: true };
        expect(await outcome(open(secureUrl, token, { ...options, ca: certificate }))).toBe('ready');
        expect(await outcome(open(secureUrl, token, options))).toMatch(/websocket error|self-signed/);
      },
    );

    it('[ND43] names the address of the client, whatever the client says itself', async () => {
      const own = await signUp(balancers[engine].url, { 'x-forwarded-for': '203.0.113.9' });
      expect(await addressOf(balancers[engine].url, own)).toMatch(/^127\.0\.0\./);
      // From an address that is not the balancer's.
      expect(await addressFrom(balancers[engine], '127.1.2.3')).toMatch(/^127\.1\.2\./);
    });

    it('[ND40] a node that drains gets no new connection, and keeps the others until it tells them to move', async () => {
      const { url } = balancers[engine];
      const [leaving, staying] = cluster.nodes as [ClusterNode, ClusterNode];
      const old = Array.from({ length: 30 }, (_, n) =>
        open(url, token, {
          transports: [n % 3 === 0 ? 'polling' : 'websocket'],
          query: { k: Math.random() },
        }),
      );
      const pollers = Array.from({ length: 8 }, () => openPoller(engine, url, token));
      const begun = pollers.map(({ ready }) => ready());
      const moved: Promise<string>[] = [];
      for (const { socket, ready } of pollers) socket.on('session-closing', () => moved.push(ready()));
      expect(new Set(await Promise.all([...old.map(outcome), ...begun]))).toEqual(new Set(['ready']));
      expect(await connectionsOf(leaving)).toBeGreaterThan(0);
      const untold: string[] = [];
      let told = 0;
      for (const socket of old) {
        let closing: string | undefined;
        socket.on('session-closing', ({ code }) => {
          closing = code;
          told += 1;
        });
        socket.on('disconnect', (reason) => closing ?? untold.push(reason));
      }
      const stopped = leaving.stop();
      await expect
        .poll(async () => (await fetch(`${leaving.url}/health/ready`).catch(() => undefined))?.status)
        .not.toBe(200);
      const [kept, before] = await Promise.all([leaving, staying].map(connectionsOf));
      const fresh = Array.from({ length: 20 }, () =>
        open(url, token, { transports: ['websocket'], query: { k: Math.random() } }),
      );
      expect(new Set(await Promise.all(fresh.map(outcome)))).toEqual(new Set(['ready']));
      const after = await Promise.all([leaving, staying].map(connectionsOf));
      expect(after[0]).toBeLessThanOrEqual(kept ?? 0);
      // Pollers that were told to move come there as well.
      expect(after[1]).toBeGreaterThanOrEqual((before ?? 0) + 20);
      await stopped;
      expect(moved.length).toBeGreaterThan(0);
      await Promise.all(moved);
      expect(untold).toEqual([]);
      expect(told).toBeGreaterThan(0);
      await leaving.start();
    });

    it('[ND40] a stock client that polls gets to another node while one refuses it, however long that drains', async () => {
      const draining = createServer((_, answer) => answer.writeHead(503).end()).listen(0, '127.0.0.1');
      await once(draining, 'listening');
      cleanups.push(() => draining.close().closeAllConnections());
      const [staying] = cluster.nodes as [ClusterNode];
      const ports = [(draining.address() as AddressInfo).port, staying.port];
      const balancer = await startBalancer({ engine, ports });
      cleanups.push(() => balancer.stop());
      const newcomers = Array.from({ length: 8 }, () => openPoller(engine, balancer.url, token));
      const ready = await Promise.all(newcomers.map((each) => each.ready()));
      expect(ready).toEqual(Array(8).fill('ready'));
      // Nothing new, and its sockets stay.
      if (engine === 'haproxy')
        await expect.poll(() => balancer.admin('show stat')).toMatch(/^bongsu,node-1,.*,NOLB,/m);
    });

    it('[ND41] what only reads is asked of another node when one dies of it, and nothing else is said twice', async () => {
      const heard: string[] = [];
      const dying = createServer((asked, answer) => {
        if (asked.url === '/api/health/ready') return answer.end();
        heard.push(asked.method ?? '');
        return asked.socket.destroy();
      }).listen(0, '127.0.0.1');
      await once(dying, 'listening');
      cleanups.push(() => dying.close().closeAllConnections());
      const [staying] = cluster.nodes as [ClusterNode];
      const ports = [(dying.address() as AddressInfo).port, staying.port];
      const balancer = await startBalancer({ engine, ports });
      cleanups.push(() => balancer.stop());
      const ask = (method: string) => fetch(`${balancer.url}/api/auth/options`, { method });
      while (!heard.includes('GET')) expect((await ask('GET')).status).toBe(200);
      // nginx leaves one that died of a request alone for a while.
      const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await ask('POST')).status));
      const died = statuses.filter((status) => status === 502).length;
      expect(heard.filter((method) => method === 'POST')).toHaveLength(died);
      if (engine === 'haproxy') expect(died).toBeGreaterThan(0);
    });

    it('[ND39] nothing but long-polling is bound to a node', async () => {
      const { url } = balancers[engine];
      const page = await fetch(`${url}/health`, { headers: { cookie: 'bongsu_node=node-1' } });
      expect(page.headers.getSetCookie()).toEqual([]);
      const before = await Promise.all(cluster.nodes.map(connectionsOf));
      const sockets = Array.from({ length: 20 }, () =>
        open(url, token, {
          transports: ['websocket'],
          query: { k: Math.random() },
          extraHeaders: { cookie: 'bongsu_node=node-1' },
        }),
      );
      expect(new Set(await Promise.all(sockets.map(outcome)))).toEqual(new Set(['ready']));
      const after = await Promise.all(cluster.nodes.map(connectionsOf));
      for (const [n, count] of after.entries()) expect(count).toBeGreaterThan(before[n] ?? 0);
    });

    it('[ND41] a node that was killed gets nothing more, and comes back', async () => {
      const { url } = balancers[engine];
      const [dying] = cluster.nodes as [ClusterNode];
      await dying.kill();
      cleanups.push(() => dying.alive || dying.start());
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/api/auth/options`)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const openSockets = (length: number) =>
        Promise.all(
          Array.from({ length }, () =>
            outcome(open(url, token, { transports: ['websocket'], query: { k: Math.random() } })),
          ),
        );
      expect(new Set(await openSockets(20))).toEqual(new Set(['ready']));
      await dying.start();
      await expect.poll(() => nodeBehind(url)).toBe(dying.name);
      // Its share, though the first of them has not ended. So many that no luck of k gives one of two nodes fewer than four.
      expect(new Set(await openSockets(40))).toEqual(new Set(['ready']));
      expect(await connectionsOf(dying)).toBeGreaterThanOrEqual(4);
    });
  });

  describe('a node that does not answer, behind HAProxy', () => {
    /** Of sockets on both nodes, those that are on the first one; it stands still then. */
    const freezeOne = async () => {
      const [frozen] = cluster.nodes as [ClusterNode];
      const sockets = Array.from({ length: 8 }, () =>
        open(balancers.haproxy.url, token, { transports: ['websocket'] }),
      );
      await Promise.all(sockets.map(outcome));
      const there = await connectionsOf(frozen);
      expect(there).toBeGreaterThan(0);
      frozen.freeze();
      cleanups.push(() => frozen.thaw());
      return { frozen, there, cut: () => sockets.filter(({ connected }) => !connected).length };
    };

    it('[ND41] keeps its sockets when it goes on soon: it may only have too much to do', async () => {
      const { frozen, there, cut } = await freezeOne();
      await new Promise((resolve) => setTimeout(resolve, STALL_MS));
      frozen.thaw();
      await expect.poll(() => connectionsOf(frozen)).toBe(there);
      expect(cut()).toBe(0);
    });

    it('[ND41] [ND36] loses them when it does not, long before their heartbeat says so', async () => {
      const { there, cut } = await freezeOne();
      // New ones that meet it are sent to the other node: before it counts as dead, too.
      const fresh = Array.from({ length: 8 }, () =>
        open(balancers.haproxy.url, token, { transports: ['websocket'] }),
      );
      expect(new Set(await Promise.all(fresh.map(outcome)))).toEqual(new Set(['ready']));
      // The heartbeat would need 30 s.
      await expect.poll(cut).toBe(there);
    });
  });

  it('[ND43] without TRUST_PROXY what a balancer names is not believed', async () => {
    const doubting = await cluster.addNode({ TRUST_PROXY: 'false' });
    for (const engine of ENGINES) {
      const balancer = await startBalancer({ engine, ports: [doubting.port] });
      cleanups.push(() => balancer.stop());
      expect(await addressFrom(balancer, '127.1.2.3')).toMatch(/^127\.0\.0\./);
    }
    await cluster.removeNode(doubting);
  });

  it('[SCL1] [ND82] a node that is added takes new connections from both, and one that is removed gives them back', async () => {
    const useIn = (nodes: ClusterNode[]) => balancers.nginx.use(nodes.map(({ port }) => port));
    const stay = cluster.nodes;
    const fresh = await cluster.addNode();
    await useIn([...stay, fresh]);
    const sockets: Socket[] = [];
    for (const engine of ENGINES) {
      const before = await connectionsOf(fresh);
      const opened = Array.from({ length: 20 }, () =>
        open(balancers[engine].url, token, {
          transports: ['websocket'],
          query: { k: randomUUID() },
          reconnection: true,
        }),
      );
      expect(new Set(await Promise.all(opened.map(outcome)))).toEqual(new Set(['ready']));
      expect(await connectionsOf(fresh)).toBeGreaterThan(before);
      sockets.push(...opened);
    }
    await useIn(stay);
    await cluster.removeNode(fresh);
    await expect.poll(() => sockets.filter(({ connected }) => !connected)).toEqual([]);
  });
});

async function addressOf(url: string, token: string): Promise<string> {
  const answer = await fetch(`${url}/api/auth/sessions`, { headers: { authorization: `Bearer ${token}` } });
  const { items } = (await answer.json()) as { items: { device: { address: string } }[] };
  return items[0]?.device.address ?? '';
}

/** Signs up from that address of this machine. */
async function addressFrom(
  { url, port }: Pick<Balancer, 'url' | 'port'>,
  localAddress: string,
): Promise<string> {
  people += 1;
  const person = {
    email: `from-${people}@example.com`,
    password: `correct horse battery ${people}`,
    username: `From ${people}`,
  };
  const asked = request({ host: '127.0.0.1', port, localAddress, method: 'POST', path: '/api/auth/signup' });
  asked.setHeader('content-type', 'application/json');
  asked.end(JSON.stringify(person));
  const [answer] = (await once(asked, 'response')) as [AsyncIterable<Buffer>];
  let text = '';
  for await (const chunk of answer) text += chunk;
  return addressOf(url, (JSON.parse(text) as { accessToken: string }).accessToken);
}
