import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AuthenticationError, BongsuError, type Ready, type SessionClosing } from '@bongsu/protocol';
import { io, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { fastClock } from '../../test/support/fast-clock.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import type { ScreenAttachment } from '../commands/index.js';
import { systemClock } from '../platform/clock.js';
import { Metrics } from '../platform/metrics.js';
import type { Principal } from '../platform/principal.js';
import { defineEvent } from '../platform/surface.js';
import { Connections } from './connections.js';
import { NamespaceGroups } from './socket-groups.js';
import { Sockets, type SocketsDeps } from './sockets.js';

const USER: Principal = {
  kind: 'user',
  userId: 'u1',
  username: 'Ada',
  role: 'user',
  sessionId: 's1',
  expiresAt: Number.MAX_SAFE_INTEGER,
  provenAt: 0,
};
const SCREEN: Principal = {
  kind: 'screen',
  screenId: 'scr_1',
  sessionId: 's2',
  expiresAt: Number.MAX_SAFE_INTEGER,
};
const unlimited = {
  enforceLimit: async () => {},
  paceLookUps: async () => {},
  isBlocked: async () => false,
  recordFailure: async () => {},
};

let server: HttpServer;
let sockets: Sockets;
let connections: Connections;
let client: Socket;
const log = memoryLog();

/** The socket surface on a real HTTP server, with one stock client that does not come back. */
async function open(deps: Partial<SocketsDeps>, maxPerUser = 10): Promise<void> {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  connections = new Connections(maxPerUser);
  sockets = new Sockets({
    config: { heartbeatIntervalMs: 25_000, heartbeatTimeoutMs: 5000, corsOrigins: [] },
    server,
    connections,
    groups: new NamespaceGroups(),
    identity: { authenticate: async () => USER, touch: () => {} },
    commands: { attachScreen: () => attachment(), currentEpoch: async () => 'epoch' },
    screens: { setOnline: async () => {} },
    events: {},
    limiter: unlimited,
    admit: () => undefined,
    trust: () => false,
    clock: systemClock,
    databaseClock: () => Date.now(),
    log,
    metrics: new Metrics(),
    ...deps,
  });
  client = newClient();
}

function newClient(transports = ['websocket']): Socket {
  const { port } = server.address() as AddressInfo;
  return io(`http://127.0.0.1:${port}`, {
    auth: { token: 'token' },
    autoConnect: false,
    forceNew: true,
    reconnection: false,
    transports,
  });
}

function attachment(over: Partial<ScreenAttachment> = {}): ScreenAttachment {
  const state = { lastSeq: 0, acked: 0, recovered: true };
  const ready = Promise.resolve({ stream: 'screen:scr_1', epoch: 'epoch', state });
  return { ready, open: () => {}, rest: async () => {}, detach: () => {}, ...over };
}

function heard<Payload>(socket: Socket, event: string): Promise<Payload> {
  return new Promise((resolve) => socket.once(event, resolve));
}

/** Answers the handshake with `who`, and what asks again before `ready` with the error. */
function revokedMeanwhile(who: Principal, code: 'TOKEN_REVOKED' | 'TOKEN_EXPIRED') {
  let asked = 0;
  return async (): Promise<Principal> => {
    asked += 1;
    if (asked === 1) return who;
    throw new AuthenticationError(code);
  };
}

beforeEach(() => log.lines.splice(0));
afterEach(async () => {
  client.disconnect();
  await sockets.close();
  server.close();
});

it.each(['TOKEN_EXPIRED', 'slow', 'gone'] as const)(
  '[DL49] the inbox of a screen hears with what the server closed its socket, if it did so: %s',
  async (end) => {
    let left: (closing: string | undefined) => void = () => {};
    const detached = new Promise<string | undefined>((resolve) => {
      left = resolve;
    });
    await open({
      identity: { authenticate: async () => SCREEN, touch: () => {} },
      commands: { attachScreen: () => attachment({ detach: left }), currentEpoch: async () => 'epoch' },
    });
    client.connect();
    await heard(client, 'ready');
    const [connection] = connections.all();
    if (end === 'gone') client.disconnect();
    else if (end === 'slow') connection?.endAsSlow();
    else connection?.close(end);
    expect(await detached).toBe(end === 'TOKEN_EXPIRED' ? end : undefined);
  },
);

describe('between handshake and ready', () => {
  it.each(['TOKEN_REVOKED', 'TOKEN_EXPIRED'] as const)(
    '[SIG1] a login that ends as %s closes the socket for good, by that name',
    async (code) => {
      await open({ identity: { authenticate: revokedMeanwhile(USER, code), touch: () => {} } });
      client.on('ready', () => expect.unreachable('an ended login got ready'));
      const closing = heard<SessionClosing>(client, 'session-closing');
      const gone = heard(client, 'disconnect');
      client.connect();
      expect(await closing).toMatchObject({ code, reconnect: false });
      expect(await gone).toBe('io server disconnect');
      expect(connections.size).toBe(0);
    },
  );

  it('[SIG10] a screen whose inbox is gone while its login is asked for again does not end the process', async () => {
    let answer: (error: Error) => void = () => {};
    const asked = new Promise<never>((_, reject) => {
      answer = reject;
    });
    let calls = 0;
    const authenticate = async () => {
      calls += 1;
      return calls === 1 ? SCREEN : asked;
    };
    const attach = () => attachment({ ready: Promise.reject(new BongsuError('SCREEN_NOT_FOUND')) });
    await open({
      identity: { authenticate, touch: () => {} },
      commands: { attachScreen: attach, currentEpoch: async () => 'epoch' },
    });
    const gone = heard(client, 'disconnect');
    client.connect();
    await heard(client, 'connect');
    // A turn of the event loop, after which Node reports a rejection that nobody listens to; vitest fails on it.
    await new Promise((resolve) => setImmediate(resolve));
    answer(new AuthenticationError('TOKEN_REVOKED'));
    expect(await gone).toBe('io server disconnect');
  });

  it('[ID25] who somebody has become since the handshake counts', async () => {
    let asked = 0;
    const authenticate = async (): Promise<Principal> => {
      asked += 1;
      return { ...USER, role: asked === 1 ? 'admin' : 'user' };
    };
    const whole = defineEvent({
      right: 'users.read',
      limit: 'none',
      schema: z.unknown(),
      handle: async () => ({}),
    });
    await open({ identity: { authenticate, touch: () => {} }, events: { whole } });
    client.connect();
    await heard(client, 'ready');
    expect(await client.emitWithAck('whole')).toMatchObject({ error: { code: 'FORBIDDEN' } });
  });

  it('[SK7] what is too much to wait is refused for now, and the socket lives', async () => {
    let release: (principal: Principal) => void = () => {};
    const asked = new Promise<Principal>((resolve) => {
      release = resolve;
    });
    let calls = 0;
    const authenticate = async () => {
      calls += 1;
      return calls === 1 ? USER : asked;
    };
    const echo = defineEvent({
      right: 'socket.renew',
      limit: 'none',
      schema: z.object({ n: z.number() }),
      handle: async (_, { n }) => ({ n }),
    });
    await open({ identity: { authenticate, touch: () => {} }, events: { echo } });
    client.connect();
    await heard(client, 'connect');
    const answers = Array.from({ length: 1100 }, (_, n) => client.emitWithAck('echo', { n }));
    expect(await answers.at(-1)).toMatchObject({ success: false, error: { code: 'BUSY', retryable: true } });
    release(USER);
    expect(await answers[0]).toEqual({ success: true, n: 0 });
    await Promise.all(answers);
    expect(client.connected).toBe(true);
  });
});

describe('events', () => {
  it('[SK9] a name that is no text is an unknown event and harms nothing', async () => {
    await open({});
    client.connect();
    await heard<Ready>(client, 'ready');
    expect(await client.emitWithAck(7 as unknown as string, {})).toMatchObject({
      success: false,
      error: { code: 'NOT_FOUND' },
    });
    expect(client.connected).toBe(true);
  });
});

describe('limits', () => {
  it('[SIG6] of many handshakes at once no more than MAX_CONNECTIONS_PER_USER connect', async () => {
    let release: () => void = () => {};
    const together = new Promise<void>((resolve) => {
      release = resolve;
    });
    let calls = 0;
    const authenticate = async () => {
      calls += 1;
      if (calls === 5) release();
      await together;
      return USER;
    };
    await open({ identity: { authenticate, touch: () => {} } }, 2);
    const clients = Array.from({ length: 5 }, () => newClient());
    const outcomes = clients.map((each) => Promise.race([heard(each, 'ready'), closedManager(each)]));
    for (const each of clients) each.connect();
    const ready = (await Promise.all(outcomes)).filter((outcome) => outcome !== 'closed');
    for (const each of clients) each.disconnect();
    expect(ready).toHaveLength(2);
  });
});

describe('a crowd', () => {
  /** Stock clients on their way in, and those of them who are ready. */
  const come = (count: number) => {
    const ready: Socket[] = [];
    const clients = Array.from({ length: count }, () => newClient());
    for (const each of clients) each.on('ready', () => ready.push(each)).connect();
    return { clients, ready };
  };

  it('[ND86] its handshakes are asked for together, but for the first ten', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const authenticate = async () => {
      asked += 1;
      return { ...USER };
    };
    await open({ clock, identity: { authenticate, touch: () => {} } }, 100);
    const { clients, ready } = come(30);
    await expect.poll(() => ready.length).toBe(10);
    const before = asked;
    // Those who wait have asked for the namespace, which is what a wave is made of.
    await expect
      .poll(() => clients.filter(({ io: manager }) => manager.engine?.readyState === 'open'))
      .toHaveLength(30);
    expect(asked).toBe(before);
    await expect
      .poll(() => {
        clock.advance(100);
        return ready.length;
      })
      .toBe(30);
    for (const each of clients) each.disconnect();
  });

  it('[ND86] who left while it waited is not asked for', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const authenticate = async () => {
      asked += 1;
      return { ...USER };
    };
    const transports = new Set<unknown>();
    await open({ clock, identity: { authenticate, touch: () => {} } }, 100);
    server.on('upgrade', (_request, socket) => {
      transports.add(socket);
      socket.on('close', () => transports.delete(socket));
    });
    const { clients, ready } = come(12);
    await expect.poll(() => ready.length).toBe(10);
    await expect.poll(() => transports.size).toBe(12);
    for (const each of clients) if (!ready.includes(each)) each.disconnect();
    await expect.poll(() => transports.size).toBe(10);
    const before = asked;
    await Promise.all([sockets.drain(), ...clients.map((each) => each.disconnect())]);
    expect(asked).toBe(before);
  });
});

it('[ND87] a transport that asks again before its handshake is answered is closed', async () => {
  let asked = 0;
  const authenticate = () => {
    asked += 1;
    return new Promise<Principal>(() => {});
  };
  await open({ identity: { authenticate, touch: () => {} } });
  const { port } = server.address() as AddressInfo;
  const bare = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  await once(bare, 'message');
  const closed = once(bare, 'close');
  bare.send('40{"token":"one"}');
  bare.send('40{"token":"two"}');
  await closed;
  expect(asked).toBe(1);
});

it('[SIG9] how long a socket was connected is measured when it ends', async () => {
  const metrics = new Metrics();
  const clock = new ManualClock();
  await open({ metrics, clock });
  client.connect();
  await heard(client, 'ready');
  clock.advance(20_000);
  client.disconnect();
  await expect.poll(() => connections.size).toBe(0);
  const text = await metrics.text();
  expect(text).toContain('signaling_connection_duration_seconds_bucket{le="15"} 0');
  expect(text).toContain('signaling_connection_duration_seconds_bucket{le="30"} 1');
  expect(text).toContain('signaling_connection_duration_seconds_bucket{le="3600"} 1');
});

describe('rooms', () => {
  const resume = { epoch: 'epoch', streams: { 'room:lobby': 3 } };

  it('[RM72] a socket that names rooms is told of them in ready, then what it missed, then what its early events do', async () => {
    const order: string[] = [];
    const asked: unknown[] = [];
    await open({
      rooms: {
        resume: async ({ socketId, principal }, from) => {
          asked.push([
            connections.all()[Symbol.iterator]().next().value?.socketId === socketId,
            principal,
            from,
          ]);
          return {
            streams: { 'room:lobby': { lastSeq: 4, recovered: true } },
            deliver: () => void order.push('deliver'),
          };
        },
        disconnected: async () => {},
      },
      events: {
        early: defineEvent({
          right: 'profile.read',
          limit: 'none',
          schema: z.unknown(),
          handle: async () => {
            order.push('early');
            return {};
          },
        }),
      },
    });
    client.auth = { token: 'token', resume };
    client.on('connect', () => client.emit('early'));
    client.connect();
    const ready = await heard<Ready>(client, 'ready');
    expect(ready.streams).toEqual({ 'room:lobby': { lastSeq: 4, recovered: true } });
    await expect.poll(() => order).toEqual(['deliver', 'early']);
    expect(asked).toEqual([[true, USER, resume]]);
  });

  it('[RM79] a user’s socket that ends is told to rooms, one of a screen is not, and asks for none', async () => {
    const gone: string[] = [];
    let principal: Principal = SCREEN;
    await open({
      identity: { authenticate: async () => principal, touch: () => {} },
      rooms: {
        resume: () => expect.unreachable('a screen or a socket without offsets asked for rooms'),
        disconnected: async (socketId) => void gone.push(socketId),
      },
    });
    client.auth = { token: 'token', resume };
    client.connect();
    await heard(client, 'ready');
    client.disconnect();
    await expect.poll(() => connections.size).toBe(0);
    principal = USER;
    client.auth = { token: 'token' };
    client.connect();
    await heard(client, 'ready');
    const { id } = client;
    client.disconnect();
    await expect.poll(() => gone).toEqual([id]);
  });

  it('[RM79] when rooms cannot be read the socket ends and may come back', async () => {
    await open({
      rooms: {
        resume: () => Promise.reject(new BongsuError('UNAVAILABLE')),
        disconnected: async () => {},
      },
    });
    client.auth = { token: 'token', resume };
    client.on('ready', () => expect.unreachable('rooms that could not be read were left out'));
    const gone = heard(client, 'disconnect');
    client.connect();
    expect(await gone).toBe('transport close');
  });
});

describe('handshakes under way', () => {
  function counted() {
    let count = 0;
    const begin = () => {
      count += 1;
      return () => {
        count -= 1;
      };
    };
    return { overload: { begin }, underWay: () => count };
  }

  it('[ND47] one is under way until its socket is ready', async () => {
    const { overload, underWay } = counted();
    let letIn = () => {};
    const waiting = new Promise<Principal>((resolve) => {
      letIn = () => resolve(USER);
    });
    await open({ overload, identity: { authenticate: () => waiting, touch: () => {} } });
    client.connect();
    await expect.poll(underWay).toBe(1);
    letIn();
    await heard(client, 'ready');
    expect(underWay()).toBe(0);
  });

  it('[ND47] one that is refused is over, and so is one whose client goes away', async () => {
    const { overload, underWay } = counted();
    const refuse = async () => {
      throw new AuthenticationError('AUTH_ERROR');
    };
    await open({ overload, identity: { authenticate: refuse, touch: () => {} } });
    const refused = heard(client, 'connect_error');
    client.connect();
    await refused;
    expect(underWay()).toBe(0);
    await sockets.close();
    server.close();
    const never = () => new Promise<Principal>(() => {});
    await open({ overload, identity: { authenticate: never, touch: () => {} } });
    client.connect();
    await expect.poll(underWay).toBe(1);
    client.disconnect();
    client.io.engine.close();
    await expect.poll(underWay).toBe(0);
  });
});

describe('draining', () => {
  it('[SIG10] does not wait for a client that polls no more', async () => {
    await open({ clock: fastClock(50) });
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)) as { sid: string };
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40{"token":"token"}' });
    await expect.poll(() => connections.size).toBe(1);
    await sockets.drain();
    await sockets.close();
    await expect.poll(() => connections.size).toBe(0);
  });

  it('[ND45] a socket that moves is told so first, and closed once its calls are answered', async () => {
    const calls: (() => void)[] = [];
    const slow = defineEvent({
      right: 'socket.renew',
      limit: 'none',
      schema: z.object({}),
      handle: () => new Promise<object>((resolve) => calls.push(() => resolve({}))),
    });
    await open({ events: { slow } });
    const heardInOrder: string[] = [];
    client.on('session-closing', ({ code, retryAfterMs }: SessionClosing) => {
      heardInOrder.push(code);
      expect(retryAfterMs).toBeLessThan(1000);
      for (const answer of calls) answer();
    });
    client.on('disconnect', (reason) => heardInOrder.push(reason));
    client.connect();
    await heard(client, 'ready');
    const answered = client.emitWithAck('slow', {}).then(() => heardInOrder.push('answered'));
    await expect.poll(() => calls.length).toBe(1);
    await sockets.move(0, new AbortController().signal);
    await answered;
    await expect.poll(() => heardInOrder).toEqual(['DRAINING', 'answered', 'transport close']);
  });

  it('[ND45] a screen that moves is sent nothing more, and closed once what it has is answered', async () => {
    let rested = () => {};
    const resting = new Promise<void>((resolve) => {
      rested = resolve;
    });
    await open({
      identity: { authenticate: async () => SCREEN, touch: () => {} },
      commands: {
        attachScreen: () => attachment({ rest: () => resting }),
        currentEpoch: async () => 'epoch',
      },
    });
    let isClosed = false;
    client.on('disconnect', () => {
      isClosed = true;
    });
    client.connect();
    await heard(client, 'ready');
    const closing = heard(client, 'session-closing');
    const moved = sockets.move(0, new AbortController().signal);
    await closing;
    expect(isClosed).toBe(false);
    rested();
    await moved;
    await expect.poll(() => isClosed).toBe(true);
  });

  it('[SIG10] tells whoever connects meanwhile to move', async () => {
    await open({});
    await sockets.drain();
    const closing = heard<SessionClosing>(client, 'session-closing');
    client.connect();
    expect(await closing).toMatchObject({
      code: 'DRAINING',
      reconnect: true,
      retryAfterMs: expect.any(Number),
    });
  });
});

function closedManager(socket: Socket): Promise<'closed'> {
  return new Promise((resolve) => socket.io.once('close', () => resolve('closed')));
}
