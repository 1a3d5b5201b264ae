import { afterEach, describe, expect, it } from 'vitest';
import { type Screen, type ScreenOptions, screen } from '../src/screen.js';
import { memoryStore } from '../src/screen-store.js';
import { next } from './support/events.js';
import { FakeClock } from './support/fake-clock.js';
import { failure, type HttpReply, ScriptedServer } from './support/scripted-server.js';

const credential = { screenId: 'scr_1', accessToken: 'access', refreshToken: 'refresh', expiresIn: 900 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function run(url: string, options: Partial<ScreenOptions> = {}): Screen {
  const made = screen({ url, store: memoryStore(), credential, random: () => 0.5, ...options });
  cleanups.push(() => made.close());
  return made;
}

describe('a screen that is refused', () => {
  /** A server that refuses each handshake with `code`, and gives new tokens as long as `refresh` says so. */
  async function refusing(code: string) {
    const server = await new ScriptedServer().start();
    cleanups.push(() => server.stop());
    const state = { refusing: true, refresh: undefined as HttpReply | undefined, issued: 0 };
    server.admit = () => (state.refusing ? failure(code).error : undefined);
    server.onHttp = ({ path }) => {
      if (path !== '/api/auth/refresh') return { status: 404, body: failure('NOT_FOUND') };
      if (state.refresh) return state.refresh;
      state.issued += 1;
      const tokens = { accessToken: `access-${state.issued}`, refreshToken: `refresh-${state.issued}` };
      return { body: { ...tokens, expiresIn: 900 } };
    };
    return { server, state };
  }

  /** Runs one with a clock that is moved only over its pauses; answers each pause, in milliseconds. */
  function paused(url: string, options: Partial<ScreenOptions> = {}) {
    const clock = new FakeClock();
    const made = run(url, { clock, random: () => 0.999, ...options });
    const pause = async () => {
      const { retryInMs = 0, error } = await next(made, 'state', ({ state }) => state === 'offline');
      return { retryInMs, code: error?.code, over: () => clock.advance(retryInMs) };
    };
    return { made, clock, pause };
  }

  it('[CL6] tries again while its credential is good, after a growing pause of 30 s at most', async () => {
    const { server, state } = await refusing('AUTH_ERROR');
    const { made, pause } = paused(server.url);
    const waits: number[] = [];
    for (let round = 1; round <= 8; round += 1) {
      const { retryInMs, code, over } = await pause();
      expect([code, state.issued, server.handshakes.length]).toEqual(['AUTH_ERROR', round, round]);
      waits.push(Math.round(retryInMs / 100) / 10);
      if (round === 8) state.refusing = false;
      over();
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
    await next(made, 'ready');
    expect(server.handshakes.at(-1)?.token).toBe('access-8');
    // Once it was online it begins with the short pause again.
    state.refusing = true;
    const lost = pause();
    server.cut();
    (await lost).over();
    expect((await pause()).retryInMs).toBeLessThanOrEqual(1000);
    await made.close();
  });

  it('[CL6] a token that is expired however new is no end of a screen', async () => {
    const { server, state } = await refusing('TOKEN_EXPIRED');
    const { made, clock } = paused(server.url);
    let closed = false;
    made.on('state', ({ state: now, retryInMs = 0 }) => {
      closed ||= now === 'closed';
      if (server.handshakes.length > 10) state.refusing = false;
      if (now === 'offline') setImmediate(() => clock.advance(retryInMs));
    });
    await next(made, 'ready');
    expect(closed).toBe(false);
  });

  it('[CL6] a refresh that is out of reach is no end of a screen', async () => {
    const { server, state } = await refusing('AUTH_ERROR');
    state.refresh = { status: 503, body: 'away' };
    const { made, pause } = paused(server.url);
    const { over } = await pause();
    state.refusing = false;
    over();
    await next(made, 'ready');
  });

  it('[CL6] closing it ends the pause', async () => {
    const { server } = await refusing('AUTH_ERROR');
    const { made, pause } = paused(server.url);
    await pause();
    const closed = next(made, 'state', ({ state }) => state === 'closed');
    await made.close();
    expect((await closed).error).toBeUndefined();
  });

  it.each(['AUTH_ERROR', 'TOKEN_REVOKED'])(
    '[CL6] it is over when its refresh is refused with %s',
    async (code) => {
      const { server, state } = await refusing('AUTH_ERROR');
      state.refresh = { status: 401, body: failure(code) };
      const store = memoryStore();
      const made = run(server.url, { store });
      const { error } = await next(made, 'state', ({ state: now }) => now === 'closed');
      expect([error?.code, await store.get('credential')]).toEqual(['AUTH_ERROR', undefined]);
    },
  );
});
