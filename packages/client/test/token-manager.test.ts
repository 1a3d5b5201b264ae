import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../src/client.js';
import { openChannel } from '../src/tabs.js';
import type { ClientTokenManager } from '../src/token-manager.js';
import { memoryTokenStorage, type TokenStorage } from '../src/token-storage.js';
import { next } from './support/events.js';
import { FakeClock } from './support/fake-clock.js';
import { user } from './support/issuer.js';
import { TabLocks } from './support/locks.js';
import { failure, type HttpReply, ScriptedServer } from './support/scripted-server.js';
import { signedIn } from './support/signed-in.js';
import { credentials, issuer, manager } from './support/token-managers.js';

describe('ClientTokenManager', () => {
  it('[TOK4] logs in and gives the Authorization header', async () => {
    const { url } = await issuer();
    const tokens = manager(url);
    expect(tokens.signedIn).toBe(false);
    expect((await signedIn(tokens.login(credentials))).user.userId).toBe('u');
    expect(await tokens.getAuthorizationHeader()).toBe('Bearer access-1');
    expect(tokens.signedIn).toBe(true);
  });

  it('[TOK4] refreshes by itself before expiry', async () => {
    const { url, refreshes } = await issuer();
    const clock = new FakeClock();
    const tokens = manager(url, { clock });
    await tokens.login(credentials);
    clock.advance(779_000);
    expect(refreshes()).toBe(0);
    const renewed = next(tokens, 'tokens');
    clock.advance(2_000);
    expect((await renewed).accessToken).toBe('access-2');
    expect(clock.now()).toBeLessThan(1_000_000 + 900_000);
  });

  it('[TOK4] notices on use that time passed while it slept', async () => {
    const { url } = await issuer();
    const clock = new FakeClock();
    const tokens = manager(url, { clock });
    await tokens.login(credentials);
    clock.time += 3_600_000;
    expect(await tokens.getToken()).toBe('access-2');
  });

  it('[TOK4] shares one flight among concurrent calls', async () => {
    const { url, refreshes } = await issuer();
    const tokens = manager(url);
    await tokens.login(credentials);
    const all = await Promise.all([tokens.refresh(), tokens.refresh(), tokens.refresh()]);
    expect(new Set(all)).toEqual(new Set(['access-2']));
    expect(refreshes()).toBe(1);
  });

  it('[TOK4] shares one flight across tabs with cookies, and tells the others', async () => {
    const { url, refreshes } = await issuer();
    const locks = new TabLocks();
    const tab = () => manager(url, { cookies: true, locks, channel: openChannel });
    const tabs = [tab(), tab(), tab()];
    const got = await Promise.all(tabs.map((one) => one.refresh()));
    expect(new Set(got)).toEqual(new Set(['access-1']));
    expect(refreshes()).toBe(1);
    const [first, second] = tabs as [ClientTokenManager, ClientTokenManager];
    const heard = next(second, 'tokens');
    await first.refresh();
    expect((await heard).accessToken).toBe('access-2');
    const out = next(second, 'signed-out');
    await first.logout();
    await out;
    expect(second.signedIn).toBe(false);
  });

  it('[TOK4] shares one flight across tabs with one storage', async () => {
    const { url, refreshes } = await issuer();
    const locks = new TabLocks();
    const storage: TokenStorage = { ...memoryTokenStorage(), name: `device-${url}` };
    const tab = () => manager(url, { storage, locks, channel: () => undefined });
    const [first, second] = [tab(), tab()];
    await first.login(credentials);
    expect(await second.getToken()).toBe('access-1');
    expect(await Promise.all([first.refresh(), second.refresh()])).toEqual(['access-2', 'access-2']);
    expect(refreshes()).toBe(1);
  });

  it('[TOK4] in cookie mode sends the header and no token, and stores nothing', async () => {
    const { url, server } = await issuer();
    const storage = memoryTokenStorage();
    const tokens = manager(url, { cookies: true, storage });
    await tokens.login(credentials);
    await tokens.refresh();
    const refresh = server.calls.at(-1);
    expect([refresh?.headers['x-bongsu-cookies'], refresh?.body]).toEqual(['1', undefined]);
    expect(await storage.load()).toBeUndefined();
  });

  it('[TOK4] [SEC1] in cookie mode logs out with a CSRF token, which no storage sees', async () => {
    const { url, server } = await issuer();
    const storage = memoryTokenStorage();
    const tokens = manager(url, { cookies: true, storage });
    await tokens.login(credentials);
    await tokens.logout();
    const [csrf, logout] = server.calls.slice(-2);
    expect([csrf?.path, csrf?.headers['x-bongsu-cookies']]).toEqual(['/api/auth/csrf', '1']);
    expect([logout?.path, logout?.headers['x-csrf-token']]).toEqual(['/api/auth/logout', 'csrf-1']);
    expect(await storage.load()).toBeUndefined();
  });

  it('[TOK4] [SEC1] a CSRF token that is refused is renewed once', async () => {
    const { url, server, state } = await issuer();
    const tokens = manager(url, { cookies: true });
    await tokens.login(credentials);
    let refusals = 1;
    state.refresh = () => (refusals-- > 0 ? { status: 403, body: failure('CSRF_ERROR') } : undefined);
    await tokens.refresh();
    expect(server.calls.map(({ path }) => path).slice(-3)).toEqual([
      '/api/auth/refresh',
      '/api/auth/csrf',
      '/api/auth/refresh',
    ]);
    expect(server.calls.at(-1)?.headers['x-csrf-token']).toBe('csrf-1');
    // Kept for the next call, until the server wants another one.
    await tokens.refresh();
    expect(server.calls.at(-1)?.headers['x-csrf-token']).toBe('csrf-1');
    state.csrf = 2;
    await tokens.refresh();
    expect(server.calls.at(-1)?.headers['x-csrf-token']).toBe('csrf-2');
    state.refresh = () => ({ status: 403, body: failure('CSRF_ERROR') });
    const before = server.calls.length;
    await expect(tokens.refresh()).rejects.toMatchObject({ code: 'CSRF_ERROR' });
    expect(server.calls.length).toBe(before + 3);
    expect(tokens.signedIn).toBe(true);
  });

  it('[TOK4] [SEC1] does not send a CSRF token past its end, nor one of an earlier login', async () => {
    const { url, server, state } = await issuer();
    const clock = new FakeClock();
    const tokens = manager(url, { cookies: true, clock });
    const askWithRefusal = async () => {
      let refusals = 1;
      state.refresh = () => (refusals-- > 0 ? { status: 403, body: failure('CSRF_ERROR') } : undefined);
      await tokens.refresh();
    };
    await tokens.login(credentials);
    await askWithRefusal();
    clock.time += 3_590_000;
    await tokens.refresh();
    expect(server.calls.at(-1)?.headers['x-csrf-token']).toBeUndefined();
    await askWithRefusal();
    await tokens.login(credentials);
    await tokens.refresh();
    expect(server.calls.at(-1)?.headers['x-csrf-token']).toBeUndefined();
  });

  it('[TOK4] [SEC1] logging out of a login that is over is no fault', async () => {
    const { url, server, state } = await issuer();
    const tokens = manager(url, { cookies: true });
    await tokens.login(credentials);
    state.csrf = 0;
    await tokens.logout();
    expect(server.calls.at(-1)).toMatchObject({ path: '/api/auth/logout' });
    expect(server.calls.at(-1)?.headers['x-csrf-token']).toBeUndefined();
  });

  it('[TOK4] has the new refresh token stored before anybody can use the new access token', async () => {
    const { url } = await issuer();
    const inner = memoryTokenStorage();
    const stored: string[] = [];
    const storage: TokenStorage = {
      ...inner,
      save: async (given) => {
        await new Promise(setImmediate);
        await inner.save(given);
        stored.push(given.refreshToken);
      },
    };
    const tokens = manager(url, { storage });
    const seen: string[][] = [];
    tokens.on('tokens', () => seen.push([...stored]));
    await tokens.login(credentials);
    await tokens.refresh();
    expect(seen).toEqual([['refresh-1'], ['refresh-1', 'refresh-2']]);
    // A restart goes on from what is stored, without spending it.
    expect(await manager(url, { storage }).getToken()).toBe('access-2');
  });

  it('[TOK4] only a refusal of the server ends the login', async () => {
    const { url, state } = await issuer();
    const storage = memoryTokenStorage();
    const tokens = manager(url, { storage });
    await tokens.login(credentials);
    const passing: HttpReply[] = [
      { status: 500, body: failure('INTERNAL_ERROR') },
      { status: 503, body: 'gateway down' },
      { status: 403, body: '<html>proxy</html>' },
      { status: 401, body: '' },
    ];
    for (const reply of passing) {
      state.refresh = () => reply;
      await expect(tokens.refresh()).rejects.toMatchObject({ retryable: true });
      expect(await tokens.getToken()).toBe('access-1');
      expect((await storage.load())?.refreshToken).toBe('refresh-1');
    }
    const out = next(tokens, 'signed-out');
    state.refresh = () => ({ status: 401, body: failure('TOKEN_REVOKED') });
    await expect(tokens.refresh()).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    expect((await out).error?.code).toBe('TOKEN_REVOKED');
    expect(await storage.load()).toBeUndefined();
    await expect(tokens.getToken()).rejects.toMatchObject({ code: 'AUTH_ERROR' });
  });

  it('[TOK4] survives a server that is out of reach, and tries again by itself', async () => {
    const { url, server } = await issuer();
    const clock = new FakeClock();
    const tokens = manager(url, { clock });
    await tokens.login(credentials);
    clock.time += 800_000;
    await server.stop();
    await expect(tokens.refresh()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await server.start();
    const renewed = next(tokens, 'tokens');
    clock.advance(1_000);
    await renewed;
    expect(await tokens.getToken()).toBe('access-2');
  });

  it('[TOK4] honours retryAfterMs and Retry-After', async () => {
    const { url, state, refreshes } = await issuer();
    const clock = new FakeClock();
    const tokens = manager(url, { clock });
    await tokens.login(credentials);
    clock.time += 800_000;
    state.refresh = () => ({ status: 429, body: 'slow down', headers: { 'retry-after': '7' } });
    const refusal = { code: 'RATE_LIMIT', retryAfterMs: 7000 };
    await expect(tokens.refresh()).rejects.toMatchObject(refusal);
    await expect(tokens.refresh()).rejects.toMatchObject(refusal);
    clock.advance(6_999);
    expect(refreshes()).toBe(1);
    state.refresh = undefined;
    const renewed = next(tokens, 'tokens');
    clock.advance(1);
    await renewed;
  });

  it('[TOK4] fetch retries once after TOKEN_EXPIRED, and only then', async () => {
    const { url, state, server } = await issuer();
    const tokens = manager(url);
    await tokens.login(credentials);
    const answer = (authorized: boolean, code: string): HttpReply =>
      authorized ? { body: { fine: true } } : { status: 401, body: failure(code) };
    let code = 'TOKEN_EXPIRED';
    state.resource = () => answer(server.calls.at(-1)?.headers.authorization === 'Bearer access-2', code);
    expect(await tokens.request('/api/screens', { body: { name: 'x' } })).toEqual({ fine: true });
    expect(server.calls.at(-1)?.body).toEqual({ name: 'x' });
    state.resource = () => answer(false, code);
    expect((await tokens.fetch('/api/screens')).status).toBe(401);
    code = 'MFA_REQUIRED';
    const before = server.calls.length;
    await expect(tokens.request('/api/screens')).rejects.toMatchObject({ code });
    expect(server.calls.length).toBe(before + 1);
  });

  it('[TOK4] never shows the token to another origin', async () => {
    const { url } = await issuer();
    const other = await new ScriptedServer().start();
    onTestFinished(() => other.stop());
    const tokens = manager(url);
    await tokens.login(credentials);
    await tokens.fetch(`${other.url}/x`);
    expect(other.calls[0]?.headers.authorization).toBeUndefined();
  });

  it('[TOK4] tells the live socket of each new token', async () => {
    const { url, server } = await issuer();
    const tokens = manager(url);
    await tokens.login(credentials);
    const told = new Promise<string>((resolve) => {
      server.onLink = (link) => link.on('auth-refresh', ({ token }) => resolve(token));
    });
    const client = connect({ url, tokens });
    onTestFinished(() => client.close());
    await client.online();
    await tokens.refresh();
    expect(await told).toBe('access-2');
    expect(server.handshakes).toHaveLength(1);
  });

  it('[TOK4] takes a connection of its own when the socket refuses the new token', async () => {
    const { url, server } = await issuer();
    const tokens = manager(url);
    await tokens.login(credentials);
    server.onLink = (link) => link.on('auth-refresh', (_, ack) => ack?.(failure('FORBIDDEN')));
    const client = connect({ url, tokens, random: () => 0.5 });
    onTestFinished(() => client.close());
    await client.online();
    const back = next(client, 'ready');
    await tokens.refresh();
    await back;
    expect(server.handshakes.map(({ token }) => token)).toEqual(['access-1', 'access-2']);
  });

  it('[TOK4] renews before the server’s warning ends, without dropping the socket', async () => {
    const { url, server } = await issuer();
    const tokens = manager(url);
    await tokens.login(credentials);
    const renewed = new Promise<string>((resolve) => {
      server.onLink = (link) => {
        link.on('auth-refresh', ({ token }, ack) => {
          ack?.({ success: true, expiresAt: 1 });
          resolve(token);
        });
        link.emit('auth-expiring', { expiresAt: 1 });
      };
    });
    const client = connect({ url, tokens });
    onTestFinished(() => client.close());
    expect(await renewed).toBe('access-2');
    expect(server.handshakes.map(({ token }) => token)).toEqual(['access-1']);
    expect(client.state).toBe('online');
    const closed = next(client, 'state', ({ state }) => state === 'closed');
    await tokens.logout();
    expect((await closed).error?.code).toBe('AUTH_ERROR');
  });

  it('[TOK4] a logout during a refresh is not undone by it', async () => {
    const { url, state } = await issuer();
    const tokens = manager(url);
    await tokens.login(credentials);
    let loggedOut: Promise<void> | undefined;
    state.refresh = () => {
      loggedOut = tokens.logout();
      return undefined;
    };
    await expect(tokens.refresh()).rejects.toThrow();
    await loggedOut;
    expect(tokens.signedIn).toBe(false);
    await expect(tokens.getToken()).rejects.toMatchObject({ code: 'AUTH_ERROR' });
  });

  it('[USR2] a challenge signs nobody in, its code does', async () => {
    const { url, state, server } = await issuer();
    const tokens = manager(url);
    const challenge = { mfaRequired: true, challengeId: 'c', expiresIn: 300 };
    const answer = server.onHttp;
    server.onHttp = (call) => (call.path === '/api/auth/login' ? { body: challenge } : answer(call));
    expect(await tokens.login(credentials)).toEqual(challenge);
    expect(tokens.signedIn).toBe(false);
    state.resource = () => ({ body: { user, accessToken: 'second', refreshToken: 'r', expiresIn: 900 } });
    expect((await tokens.verifyMfa({ challengeId: 'c', code: '123456' })).user.userId).toBe('u');
    expect(await tokens.getToken()).toBe('second');
    expect(server.calls.at(-1)).toMatchObject({ path: '/api/auth/mfa/verify', body: { code: '123456' } });
  });

  it('[USR2] a challenge leaves the present login alone, and its code tells the other tabs', async () => {
    const { url, server } = await issuer();
    const locks = new TabLocks();
    const tab = () => manager(url, { cookies: true, locks, channel: openChannel });
    const [first, second] = [tab(), tab()];
    const shared = next(second, 'tokens');
    await first.login(credentials);
    await shared;
    const answer = server.onHttp;
    server.onHttp = (call) => {
      if (call.path === '/api/auth/login') {
        return { body: { mfaRequired: true, challengeId: 'c', expiresIn: 300 } };
      }
      if (call.path !== '/api/auth/mfa/verify') return answer(call);
      return { body: { user, accessToken: 'second', expiresIn: 900 } };
    };
    await first.login({ ...credentials, email: 'b@example.org' });
    expect([await first.getToken(), await second.getToken()]).toEqual(['access-1', 'access-1']);
    const out = next(second, 'signed-out');
    const heard = next(second, 'tokens');
    await first.verifyMfa({ challengeId: 'c', code: '123456' });
    await out;
    expect((await heard).accessToken).toBe('second');
    expect(server.calls.at(-1)?.headers['x-bongsu-cookies']).toBe('1');
  });

  it('[USR2] a challenge stores nothing, and a wrong code neither', async () => {
    const { url, server } = await issuer();
    const storage = memoryTokenStorage();
    const tokens = manager(url, { storage });
    await tokens.login(credentials);
    const stored = await storage.load();
    server.onHttp = ({ path }) =>
      path === '/api/auth/login'
        ? { body: { mfaRequired: true, challengeId: 'c', expiresIn: 300 } }
        : { status: 401, body: failure('AUTH_ERROR') };
    await tokens.login(credentials);
    const wrong = tokens.verifyMfa({ challengeId: 'c', code: '123456' });
    await expect(wrong).rejects.toMatchObject({ code: 'AUTH_ERROR' });
    expect([await storage.load(), tokens.signedIn]).toEqual([stored, true]);
  });

  it.each(['MFA_REQUIRED', 'STEP_UP_REQUIRED', 'CSRF_ERROR', 'FORBIDDEN'] as const)(
    '[TOK4] %s is no end of the login, of a request or of a refresh',
    async (code) => {
      const { url, state } = await issuer();
      const tokens = manager(url, { clock: new FakeClock() });
      await tokens.login(credentials);
      const refusal = { status: code === 'MFA_REQUIRED' ? 401 : 403, body: failure(code) };
      state.resource = () => refusal;
      await expect(tokens.request('/api/api-keys')).rejects.toMatchObject({ code });
      state.refresh = () => refusal;
      await expect(tokens.refresh()).rejects.toMatchObject({ code });
      expect([tokens.signedIn, await tokens.getToken()]).toEqual([true, 'access-1']);
    },
  );

  it('[USR1] a sign-up that waits for its mail signs nobody in', async () => {
    const { url, server } = await issuer();
    const tokens = manager(url);
    server.onHttp = () => ({ status: 202, body: { verificationRequired: true } });
    expect(await tokens.signup({ ...credentials, username: 'U' })).toEqual({ verificationRequired: true });
    expect(tokens.signedIn).toBe(false);
  });

  it('[USR2] a step-up takes the new token and keeps the login', async () => {
    const { url, state, server } = await issuer();
    const storage = memoryTokenStorage();
    const tokens = manager(url, { storage });
    await tokens.login(credentials);
    state.resource = () => ({ body: { accessToken: 'proven', expiresIn: 900, provenUntil: 1 } });
    expect(await tokens.stepUp({ password: 'correct horse' })).toMatchObject({ provenUntil: 1 });
    expect(server.calls.at(-1)).toMatchObject({
      path: '/api/auth/step-up',
      body: { password: 'correct horse' },
    });
    expect(await tokens.getToken()).toBe('proven');
    expect(await storage.load()).toMatchObject({ accessToken: 'proven', refreshToken: 'refresh-1' });
    state.resource = () => ({ status: 401, body: failure('MFA_REQUIRED') });
    await expect(tokens.stepUp({ password: 'x' })).rejects.toMatchObject({ code: 'MFA_REQUIRED' });
    expect(tokens.signedIn).toBe(true);
  });
});
