import { describe, expect, it } from 'vitest';
import { openChannel } from '../src/tabs.js';
import type { ClientTokenManager } from '../src/token-manager.js';
import { memoryTokenStorage, type TokenStorage } from '../src/token-storage.js';
import { withResolvers } from '../src/with-resolvers.js';
import { FakeClock } from './support/fake-clock.js';
import { user } from './support/issuer.js';
import { TabLocks } from './support/locks.js';
import { failure } from './support/scripted-server.js';
import { signedIn } from './support/signed-in.js';
import { credentials, issuer, manager } from './support/token-managers.js';

describe('a login and a refresh at once', () => {
  /** An issuer whose answers to `path` wait until they are let go; the order of what was asked and answered. */
  async function slow(path: string) {
    const made = await issuer();
    const order: string[] = [];
    const gate = withResolvers<void>();
    const asked = withResolvers<void>();
    const slowly: typeof globalThis.fetch = async (input, init) => {
      const { pathname } = new URL(String(input));
      order.push(`> ${pathname}`);
      const answer = await globalThis.fetch(input, init);
      if (pathname === path) {
        asked.resolve();
        await gate.promise;
      }
      order.push(`< ${pathname}`);
      return answer;
    };
    const letGo = () => gate.resolve();
    return { ...made, order, asked: asked.promise, letGo, fetch: slowly };
  }
  const paths = (...names: string[]) => names.flatMap((name) => [`> ${name}`, `< ${name}`]);
  const REFRESH = '/api/auth/refresh';
  /** All that needs no network has happened. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  };

  it.each([
    ['login', '/api/auth/login', (tokens: ClientTokenManager) => tokens.login(credentials)],
    [
      'signup',
      '/api/auth/signup',
      (tokens: ClientTokenManager) => tokens.signup({ ...credentials, username: 'U' }),
    ],
    [
      'setup',
      '/api/auth/setup',
      (tokens: ClientTokenManager) => tokens.setup({ ...credentials, token: 't', username: 'U' }),
    ],
    [
      'verifyMfa',
      '/api/auth/mfa/verify',
      (tokens: ClientTokenManager) => tokens.verifyMfa({ challengeId: 'c', code: '123456' }),
    ],
  ] as const)(
    '[TOK4] [USR2] %s waits for the refresh of another tab, whose cookie would replace the new one',
    async (_, path, enter) => {
      const { url, order, asked, letGo, state, fetch } = await slow(REFRESH);
      state.resource = () => ({ body: { user, accessToken: 'entered', expiresIn: 900 } });
      const locks = new TabLocks();
      const tab = () => manager(url, { cookies: true, locks, channel: openChannel, fetch });
      const [first, second] = [tab(), tab()];
      const refreshed = second.refresh();
      await asked;
      const entered = enter(first);
      await settle();
      expect(order).toEqual([`> ${REFRESH}`]);
      letGo();
      await Promise.all([refreshed, entered]);
      expect(order).toEqual(paths(REFRESH, path));
      expect(await first.getToken()).toBe(((await entered) as { accessToken: string }).accessToken);
    },
  );

  it('[TOK4] a refresh that was asked for during a login gets the token of that login', async () => {
    for (const options of [{ locks: new TabLocks(), cookies: true }, { cookies: true }, {}]) {
      const { url, order, asked, letGo, fetch } = await slow('/api/auth/login');
      const tokens = manager(url, { ...options, channel: openChannel, fetch });
      const entered = tokens.login(credentials);
      await asked;
      const refreshed = tokens.refresh();
      await settle();
      letGo();
      expect([(await signedIn(entered)).accessToken, await refreshed]).toEqual(['access-1', 'access-1']);
      expect(order).toEqual(paths('/api/auth/login'));
    }
  });

  it('[TOK4] a refresh that waited for the login of another tab asks for its tokens, whichever message comes first', async () => {
    const { url, order, asked, letGo, fetch } = await slow('/api/auth/login');
    const listeners: ((message: unknown) => void)[] = [];
    let late: (() => void) | undefined;
    // Only `tokens` that nobody asked for are late.
    const channel = () => {
      let hear: (message: unknown) => void = () => {};
      return {
        post: (message: unknown) => {
          const tell = () => {
            for (const listener of listeners) if (listener !== hear) listener(message);
          };
          if ((message as { kind: string }).kind === 'tokens' && !late) late = tell;
          else tell();
        },
        onMessage: (listener: (message: unknown) => void) => {
          hear = listener;
          listeners.push(listener);
        },
        close: () => {},
      };
    };
    const locks = new TabLocks();
    const tab = () => manager(url, { cookies: true, locks, channel, fetch });
    const [first, second] = [tab(), tab()];
    await second.refresh();
    const entered = first.login(credentials);
    await asked;
    late = undefined;
    const refreshed = second.refresh();
    letGo();
    expect([(await signedIn(entered)).accessToken, await refreshed]).toEqual(['access-2', 'access-2']);
    expect([late === undefined, order]).toEqual([false, paths(REFRESH, '/api/auth/login')]);
  });

  it('[TOK4] without locks a login waits for the refresh of its own object', async () => {
    const { url, order, asked, letGo, fetch } = await slow(REFRESH);
    const tokens = manager(url, { fetch });
    await tokens.login(credentials);
    const refreshed = tokens.refresh();
    await asked;
    const entered = tokens.login(credentials);
    await settle();
    letGo();
    expect([await refreshed, (await signedIn(entered)).accessToken]).toEqual(['access-2', 'access-3']);
    expect(order.slice(2)).toEqual(paths(REFRESH, '/api/auth/login'));
    expect(await tokens.getToken()).toBe('access-3');
  });

  it('[TOK4] a login that is refused lets the next refresh through', async () => {
    const { url, server } = await issuer();
    const tokens = manager(url, { cookies: true, locks: new TabLocks() });
    const answer = server.onHttp;
    server.onHttp = (call) =>
      call.path === '/api/auth/login' ? { status: 401, body: failure('AUTH_ERROR') } : answer(call);
    await expect(tokens.login(credentials)).rejects.toMatchObject({ code: 'AUTH_ERROR' });
    expect(await tokens.refresh()).toBe('access-1');
  });

  it('[TOK4] a step-up never puts a spent refresh token back', async () => {
    let issued = 1;
    const read = withResolvers<void>();
    const gate = withResolvers<void>();
    const inner = memoryTokenStorage();
    await inner.save({
      accessToken: 'access-1',
      refreshToken: 'refresh-1',
      expiresAt: Date.now() + 900_000,
    });
    let stepping = false;
    const storage: TokenStorage = {
      ...inner,
      name: 'device-step-up',
      load: async () => {
        const stored = await inner.load();
        if (!stepping) return stored;
        stepping = false;
        // The step-up has read what is stored, and goes on only when others had their time.
        read.resolve();
        await gate.promise;
        return stored;
      },
    };
    const fetch: typeof globalThis.fetch = async (input) => {
      stepping = String(input).endsWith('/step-up');
      if (stepping) return Response.json({ accessToken: 'proven', expiresIn: 900, provenUntil: 1 });
      issued += 1;
      const pair = { accessToken: `access-${issued}`, refreshToken: `refresh-${issued}` };
      return Response.json({ ...pair, expiresIn: 900 });
    };
    const locks = new TabLocks();
    const tab = () => manager('http://127.0.0.1:9', { storage, locks, fetch, channel: () => undefined });
    const [first, second] = [tab(), tab()];
    await second.getToken();
    const proven = first.stepUp({ password: 'correct horse' });
    await read.promise;
    const refreshed = second.refresh();
    await settle();
    gate.resolve();
    await Promise.all([proven, refreshed]);
    expect((await inner.load())?.refreshToken).toBe(`refresh-${issued}`);
  });

  it('[TOK4] a step-up that needs a new token first does not wait for itself', async () => {
    const { url, state } = await issuer();
    const clock = new FakeClock();
    const tokens = manager(url, { cookies: true, clock, locks: new TabLocks(), channel: () => undefined });
    await tokens.login(credentials);
    clock.time += 3_600_000;
    state.resource = () => ({ body: { accessToken: 'proven', expiresIn: 900, provenUntil: 1 } });
    await tokens.stepUp({ password: 'correct horse' });
    expect(await tokens.getToken()).toBe('proven');
  });
});
