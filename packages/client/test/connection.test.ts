import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { BongsuError } from '@bongsu/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type Client, connect } from '../src/client.js';
import { systemClock } from '../src/clock.js';
import { Connection, type StateChange } from '../src/connection.js';
import type { TokenSource } from '../src/token-manager.js';
import { tokenSource } from '../src/token-source.js';
import { next } from './support/events.js';
import { FakeClock } from './support/fake-clock.js';
import { ScriptedServer } from './support/scripted-server.js';

const PLAN = [100, 150, 225, 337.5, 506.25, 759.375, 1000, 1000];
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function server(): Promise<ScriptedServer> {
  const made = await new ScriptedServer().start();
  cleanups.push(() => made.stop());
  return made;
}

function client(url: string, options: object = {}): Client {
  const made = connect({ url, token: 't', random: () => 0.5, ...options });
  cleanups.push(() => made.close());
  return made;
}

const isOffline = ({ state }: StateChange) => state === 'offline';
const isClosed = ({ state }: StateChange) => state === 'closed';

describe('screens', () => {
  it('[ND72] a screen-status that is older than the last one of its screen is dropped', async () => {
    const scripted = await server();
    const say = { newer: 2_000, older: 1_999, other: 1_000, last: 2_000 };
    scripted.onLink = (link) => {
      link.emit('screen-status', { screenId: 'scr_a', online: true, at: say.newer });
      link.emit('screen-status', { screenId: 'scr_a', online: false, at: say.older });
      link.emit('screen-status', { screenId: 'scr_b', online: true, at: say.other });
      link.emit('screen-status', { screenId: 'scr_a', online: false, at: say.last });
    };
    const made = client(scripted.url);
    const heard: unknown[] = [];
    made.on('screen-status', ({ screenId, online, at }) => heard.push([screenId, online, at]));
    await next(made, 'screen-status', ({ online, at }) => !online && at === say.last);
    expect(heard).toEqual([
      ['scr_a', true, say.newer],
      ['scr_b', true, say.other],
      ['scr_a', false, say.last],
    ]);
  });
});

describe('reconnection', () => {
  it('[STB4] waits 100, 150, 225 … 1000 ms, endlessly', async () => {
    const clock = new FakeClock();
    const tokens: TokenSource = {
      getToken: () => Promise.reject(new BongsuError('UNAVAILABLE')),
      refresh: () => Promise.reject(new BongsuError('UNAVAILABLE')),
      on: () => () => {},
    };
    const url = 'http://127.0.0.1:9';
    const connection = new Connection({ url, tokens, clock, random: () => 0.5 });
    cleanups.push(() => connection.close());
    const waits: unknown[] = [];
    let offline = next(connection, 'state', isOffline);
    connection.start();
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const { retryInMs = 0 } = await offline;
      waits.push(retryInMs);
      offline = next(connection, 'state', isOffline);
      // Not a millisecond early.
      clock.advance(retryInMs - 0.001);
      expect(connection.state).toBe('offline');
      clock.advance(0.001);
    }
    expect(waits.slice(0, 8)).toEqual(PLAN);
    expect(new Set(waits.slice(8))).toEqual(new Set([1000]));
  });

  it('[STB4] really tries again at those times while the server is away', async () => {
    const listener = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => listener.close());
    const { port } = listener.address() as AddressInfo;
    const tries: { planned: number; waited: number }[] = [];
    const made = client(`http://127.0.0.1:${port}`);
    let offlineAt = 0;
    let planned = 0;
    const enough = new Promise<void>((resolve) => {
      made.on('state', ({ state, retryInMs = 0 }) => {
        if (state === 'offline') [offlineAt, planned] = [performance.now(), retryInMs];
        else if (state === 'connecting' && planned) {
          tries.push({ planned, waited: performance.now() - offlineAt });
          if (tries.length === 5) resolve();
        }
      });
    });
    await enough;
    expect(tries.map((attempt) => attempt.planned)).toEqual(PLAN.slice(0, 5));
    // Timers fire up to a millisecond early by this clock, and as late as the machine likes.
    for (const { planned, waited } of tries) expect(waited).toBeGreaterThan(planned - 2);
  });

  it('[STB4] comes back after a cut and after a restart, and begins its plan anew', async () => {
    const live = await server();
    const made = client(live.url);
    await made.online();
    for (let round = 0; round < 2; round += 1) {
      const offline = next(made, 'state', isOffline);
      const back = next(made, 'ready');
      live.cut();
      expect((await offline).retryInMs).toBe(100);
      await back;
    }
    const lost = next(made, 'state', isOffline);
    await live.stop();
    expect((await lost).retryInMs).toBe(100);
    expect((await next(made, 'state', isOffline)).retryInMs).toBe(150);
    const back = next(made, 'ready');
    await live.start();
    await back;
    expect(made.state).toBe('online');
    // One client object is one instance, whatever its sockets.
    expect(new Set(live.handshakes.map(({ instanceId }) => instanceId)).size).toBe(1);
  });

  it('[STB3] drops a connection on which the heartbeat fell silent, and reconnects', async () => {
    const live = await server();
    live.heartbeat = { pingInterval: 200, pingTimeout: 100 };
    await live.restart();
    const made = client(live.url);
    await made.online();
    const offline = next(made, 'state', isOffline);
    const back = next(made, 'ready');
    live.silence();
    expect((await offline).error?.details).toEqual({ reason: 'ping timeout' });
    await back;
  });

  it('[RM166] gives up a link over which nothing comes for 4 s after a signal', async () => {
    const live = await server();
    live.onLink = (link) => link.on('signal', (_, ack) => ack?.({ success: true, negotiationId: 'n' }));
    const clock = new FakeClock();
    const made = new Connection({
      url: live.url,
      tokens: tokenSource({ token: 't' }),
      clock,
      random: () => 0.5,
    });
    cleanups.push(() => made.close());
    made.start();
    const { link } = await next(made, 'ready');
    const signal = { roomId: 'room', to: 'them', negotiationId: 'n', candidate: null };
    await link.emitWithAck('signal', signal);
    clock.advance(60_000);
    expect(made.state).toBe('online');
    live.silence();
    link.emit('signal', signal, () => {});
    clock.advance(3999);
    expect(made.state).toBe('online');
    const offline = next(made, 'state', isOffline);
    clock.advance(1);
    expect((await offline).error?.details).toEqual({ reason: 'silence' });
    const back = next(made, 'ready');
    clock.advance(100);
    await back;
  });

  it('[RM167] gives up an attempt that hangs after 4 s, the first one and those after six after 20 s', async () => {
    const clock = new FakeClock();
    const live = await server();
    const made = new Connection({
      url: live.url,
      tokens: tokenSource({ token: 't' }),
      clock,
      random: () => 0.5,
    });
    cleanups.push(() => made.close());
    const limits: (number | boolean | undefined)[] = [];
    made.on('link', (link) => limits.push(link.io.timeout()));
    made.start();
    await next(made, 'ready');
    live.admit = () => ({ code: 'UNAVAILABLE', message: 'later', retryable: true });
    let offline = next(made, 'state', isOffline);
    live.cut();
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const { retryInMs = 0 } = await offline;
      offline = next(made, 'state', isOffline);
      clock.advance(retryInMs);
    }
    await offline;
    expect(limits).toEqual([20_000, ...Array(5).fill(4000), ...Array(3).fill(20_000)]);
  });

  it('[STB4] waits as long as the server asks before it closes', async () => {
    const live = await server();
    live.onLink = (link) => {
      if (live.handshakes.length > 1) return;
      const closing = { code: 'DRAINING', reason: 'away', reconnect: true, retryAfterMs: 300 };
      link.emit('session-closing', closing);
      link.conn.close();
    };
    const made = client(live.url);
    const { retryInMs, closing } = await next(made, 'state', isOffline);
    expect(closing?.code).toBe('DRAINING');
    expect(retryInMs).toBe(400);
    await next(made, 'ready');
  });

  it('[CL6] stays away after a final closing, and says why', async () => {
    const live = await server();
    live.onLink = (link) => {
      link.emit('session-closing', { code: 'TOKEN_REVOKED', reason: 'gone', reconnect: false });
      link.disconnect(true);
    };
    const made = client(live.url);
    const { error, closing } = await next(made, 'state', isClosed);
    expect([error?.code, closing?.code]).toEqual(['TOKEN_REVOKED', 'TOKEN_REVOKED']);
    await expect(made.trigger({ screenId: 's' }, 'go')).rejects.toMatchObject({ definite: true });
    await expect(made.online()).rejects.toThrow(BongsuError);
    expect(live.handshakes).toHaveLength(1);
  });

  it('[CL6] takes a refused handshake as final, a fixed token’s expiry too', async () => {
    for (const code of ['AUTH_ERROR', 'UNSUPPORTED_VERSION', 'TOKEN_EXPIRED']) {
      const live = await server();
      live.admit = () => ({ code, message: code, retryable: false });
      const { error } = await next(client(live.url), 'state', isClosed);
      expect(error?.code).toBe(code);
      expect(live.handshakes).toHaveLength(1);
    }
  });

  it('[CL6] gets a newer token after TOKEN_EXPIRED and connects again', async () => {
    const live = await server();
    live.admit = ({ token }) => (token === 'old' ? { code: 'TOKEN_EXPIRED', retryable: false } : undefined);
    const given = ['old', 'old', 'new'];
    const made = client(live.url, { token: async () => given.shift() ?? 'new' });
    await made.online();
    expect(live.handshakes.map(({ token }) => token)).toEqual(['old', 'new']);
  });

  it('[CL6] gives up on a token that is expired however new', async () => {
    const live = await server();
    live.admit = () => ({ code: 'TOKEN_EXPIRED', retryable: false });
    const made = client(live.url, { token: () => 'new' });
    expect((await next(made, 'state', isClosed)).error?.code).toBe('TOKEN_EXPIRED');
    expect(live.handshakes).toHaveLength(4);
  });

  it('[CL6] does not take a refresh that is out of reach for a token that is expired however new', async () => {
    const live = await server();
    live.admit = ({ token }) => (token === 'old' ? { code: 'TOKEN_EXPIRED', retryable: false } : undefined);
    let failures = 5;
    let token = 'old';
    const tokens: TokenSource = {
      // A clock that was set back lets an expired token look fresh.
      getToken: async () => token,
      refresh: async () => {
        if (failures > 0) throw new BongsuError('UNAVAILABLE', { retryAfterMs: failures-- });
        token = 'new';
        return token;
      },
      on: () => () => {},
    };
    const clock = {
      ...systemClock,
      after: (ms: number, task: () => void) => systemClock.after(ms < 5000 ? 0 : ms, task),
    };
    await client(live.url, { token: undefined, tokens, clock }).online();
    expect(live.handshakes.map((handshake) => handshake.token)).toEqual([...Array(6).fill('old'), 'new']);
  });

  it('[CL6] goes over polling where websockets are blocked', async () => {
    const live = await server();
    live.blockWebSockets = true;
    const made = client(live.url);
    await made.online();
    expect(live.transports).toContain('polling');
  });

  it('[ND37] says one k with all requests of a connection, and another with the next one', async () => {
    const live = await server();
    live.blockWebSockets = true;
    const made = client(live.url);
    await made.online();
    const offline = next(made, 'state', isOffline);
    await live.restart();
    await offline;
    await made.online();
    const keysOf = new Map<string, Set<string | null>>();
    for (const request of live.requests) {
      const query = new URL(request, live.url).searchParams;
      const sid = query.get('sid');
      if (sid !== null) keysOf.set(sid, (keysOf.get(sid) ?? new Set()).add(query.get('k')));
    }
    const keys = [...keysOf.values()].flatMap((each) => [...each]);
    expect(keysOf.size).toBe(2);
    expect(keys).toEqual([expect.stringMatching(/^[\w-]{20,64}$/), expect.stringMatching(/^[\w-]{20,64}$/)]);
    expect(new Set(keys).size).toBe(2);
  });

  it('[CL6] does not keep trying once closed', async () => {
    const live = await server();
    const clock = { ...systemClock };
    const made = client(live.url, { clock });
    await made.online();
    const states: string[] = [];
    made.on('state', ({ state }) => states.push(state));
    made.close();
    made.close();
    expect(states).toEqual(['closed']);
  });
});
