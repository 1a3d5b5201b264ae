import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Sockets, World } from '@bongsu/conformance';
import type { SessionClosing } from '@bongsu/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEachServer, type RunningServer } from './support/server.js';
import { SkewedClock } from './support/skewed-clock.js';

const PUBLIC = 'https://bongsu.example.com';
const LISTED = 'https://console.example.com';
const FOREIGN = 'https://evil.example.com';
const FIVE_HEADERS = {
  'content-security-policy': /default-src '(self|none)'/,
  'strict-transport-security': /max-age=31536000/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^strict-origin-when-cross-origin$/,
};

function open(url: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}${path}`, { headers, redirect: 'manual' });
}

/** The answer to a websocket upgrade, as text. */
async function upgrade(url: string, further: string[] = []): Promise<string> {
  const { hostname, port, host } = new URL(url);
  const socket = connectTcp(Number(port), hostname);
  await once(socket, 'connect');
  const headers = [
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...further,
  ];
  socket.write(`${headers.join('\r\n')}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

describe('behind a proxy that is not trusted', () => {
  describeEachServer('gateway', (start) => {
    let server: RunningServer;
    let sockets: Sockets;
    const clock = new SkewedClock();
    beforeAll(async () => {
      const settings = { CORS_ORIGINS: LISTED, PUBLIC_URL: PUBLIC, MAX_CONNECTIONS_PER_USER: '2' };
      server = await start({ settings, overrides: { clock } });
      sockets = new Sockets(server.url);
    });
    afterAll(() => sockets.closeAll());

    it.each(['/ready', '/healthz', '/sign-in'])(
      '[OBS3] %s is a page for a browser, and nothing for a probe',
      async (path) => {
        expect((await open(server.url, path)).status).toBe(404);
        const page = await open(server.url, path, { accept: 'text/html,*/*;q=0.8' });
        expect(page.status).toBe(200);
        expect(page.headers.get('content-type')).toMatch(/^text\/html/);
      },
    );

    it.each([
      '/api/health',
      '/api/nothing',
      '/api/users/me',
      '/metrics',
      '/',
      '/socket.io/?EIO=4&transport=polling',
      '/socket.io/?transport=none',
    ])('[MED4] %s carries the five headers', async (path) => {
      const { headers } = await open(server.url, path);
      for (const [name, value] of Object.entries(FIVE_HEADERS))
        expect(headers.get(name), name).toMatch(value);
    });

    it('[MED4] pages of this origin alone may use camera, microphone and the picture of a screen', async () => {
      const { headers } = await open(server.url, '/');
      const allowed = (headers.get('permissions-policy') ?? '')
        .split(', ')
        .filter((one) => !one.endsWith('=()'));
      expect(allowed).toEqual(['camera=(self)', 'microphone=(self)', 'display-capture=(self)']);
    });

    it('[USR5] a listed origin may read answers and send credentials, another may not', async () => {
      const listed = await open(server.url, '/api/health', { origin: LISTED });
      expect(listed.headers.get('access-control-allow-origin')).toBe(LISTED);
      expect(listed.headers.get('access-control-allow-credentials')).toBe('true');
      const foreign = await open(server.url, '/api/health', { origin: FOREIGN });
      expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    });

    it.each(['http', 'https'])(
      '[USR5] what an untrusted peer says of its protocol (%s) redirects nobody',
      async (proto) => {
        const answer = await open(server.url, '/api/auth/setup', { 'x-forwarded-proto': proto });
        expect(answer.status).toBe(200);
      },
    );

    it('[USR5] [SK1] a page of another site opens no socket, over websocket or polling', async () => {
      expect(await upgrade(server.url, [`Origin: ${FOREIGN}`])).toMatch(/^HTTP\/1\.1 403 /);
      const polling = '/socket.io/?EIO=4&transport=polling';
      expect((await open(server.url, polling, { origin: FOREIGN })).status).toBe(403);
      for (const origin of [LISTED, PUBLIC, server.url, undefined]) {
        expect(await upgrade(server.url, origin ? [`Origin: ${origin}`] : []), origin).toMatch(
          /^HTTP\/1\.1 101 /,
        );
      }
    });

    it('[SIG6] beyond MAX_CONNECTIONS_PER_USER the transport ends, and others still connect', async () => {
      const world = new World({ url: server.url });
      const { accessToken: token } = await world.person('owner');
      const first = await sockets.connect({ token });
      await sockets.connect({ token });
      const third = sockets.make({ token });
      const ended = new Promise((resolve) => third.io.once('close', resolve));
      third.connect();
      await ended;
      expect(third.connected).toBe(false);
      await sockets.connect({ token: (await world.person('stranger')).accessToken });
      first.socket.disconnect();
      await expect
        .poll(
          () =>
            sockets.connect({ token }).then(
              () => 'connected',
              () => 'refused',
            ),
          { timeout: 10_000 },
        )
        .toBe('connected');
    });

    it('[SK19] [TOK2] warns a minute before the token ends, then takes auth-refresh only, and cuts 30 s after', async () => {
      const account = await new World({ url: server.url }).signUp();
      const { socket } = await sockets.connect({ token: account.accessToken });
      const { exp } = JSON.parse(
        Buffer.from(account.accessToken.split('.')[1] ?? '', 'base64url').toString(),
      ) as { exp: number };
      const once_ = <T>(event: string) => new Promise<T>((resolve) => socket.once(event, resolve));
      const warned = once_<{ expiresAt: number }>('auth-expiring');
      clock.skewMs += exp * 1000 - Date.now() - 55_000;
      expect(await warned).toEqual({ expiresAt: exp * 1000 });
      clock.skewMs += 65_000;
      expect(await socket.emitWithAck('status', { ids: [] })).toMatchObject({
        error: { code: 'TOKEN_EXPIRED' },
      });
      expect(await socket.emitWithAck('auth-refresh', { token: account.accessToken })).toMatchObject({
        success: false,
      });
      const closing = once_<SessionClosing>('session-closing');
      const gone = once_('disconnect');
      clock.skewMs += 21_000;
      expect(await closing).toMatchObject({ code: 'TOKEN_EXPIRED', reconnect: false });
      expect(await gone).toBe('io server disconnect');
    });
  });
});

describe('guessing tokens', () => {
  describeEachServer('gateway', (start) => {
    it('[SIG1] [SIG6] [ID74] ten bad handshakes a minute are answered; past that expired and revoked tokens still hear so, and good ones pass', async () => {
      const clock = new SkewedClock();
      const settings = { HANDSHAKE_FAILURES_PER_MINUTE: '10' };
      const { url } = await start({ settings, overrides: { clock } });
      const world = new World({ url });
      clock.skewMs = -3_600_000;
      const expired = (await world.signUp()).accessToken;
      clock.skewMs = 0;
      const { accessToken: token, userId } = await world.person('owner');
      const { accessToken: revoked, refreshToken } = await world.signUp();
      await world.http.post('/api/auth/logout', { refreshToken });
      const ended = { TOKEN_EXPIRED: expired, TOKEN_REVOKED: revoked };
      for (const [code, token] of Object.entries(ended))
        for (let n = 0; n < 12; n += 1)
          expect(await world.sockets.refusal({ token })).toMatchObject({ code });
      for (let n = 0; n < 10; n += 1)
        expect(await world.sockets.refusal({ token: `guess-${n}` })).toMatchObject({ code: 'AUTH_ERROR' });
      const eleventh = world.sockets.make({ token: 'guess-10' });
      const answered = new Promise((resolve) => {
        eleventh.once('connect_error', (error: Error & { data?: unknown }) => resolve(error.data));
        eleventh.io.once('close', () => resolve('the transport ended'));
      });
      eleventh.connect();
      expect(await answered).toBe('the transport ended');
      for (const [code, token] of Object.entries(ended))
        expect(await world.sockets.refusal({ token })).toMatchObject({ code });
      expect((await world.sockets.connect({ token })).ready.userId).toBe(userId);
      world.sockets.closeAll();
    });
  });
});

describe('behind a trusted proxy', () => {
  describeEachServer('gateway', (start) => {
    it('[USR5] only what it marks as http is redirected, and probes never', async () => {
      const { url } = await start({ settings: { TRUST_PROXY: 'true', PUBLIC_URL: PUBLIC } });
      const plain = await open(url, '/api/auth/setup?a=1', { 'x-forwarded-proto': 'http' });
      expect(plain.status).toBe(308);
      expect(plain.headers.get('location')).toBe(`${PUBLIC}/api/auth/setup?a=1`);
      expect((await open(url, '/api/auth/setup', { 'x-forwarded-proto': 'https' })).status).toBe(200);
      expect((await open(url, '/api/auth/setup')).status).toBe(200);
      expect((await open(url, '/api/health', { 'x-forwarded-proto': 'http' })).status).toBe(200);
    });

    it('[ND84] sockets that it marks as http are refused on both transports, and those by https are not', async () => {
      const { url } = await start({ settings: { TRUST_PROXY: 'true', PUBLIC_URL: PUBLIC } });
      const poll = (proto: string) =>
        open(url, '/socket.io/?EIO=4&transport=polling', { 'x-forwarded-proto': proto });
      const plain = await poll('http');
      expect([plain.status, await plain.json()]).toEqual([403, { message: 'Connect by https or wss.' }]);
      expect((await poll('https')).status).toBe(200);
      expect(await upgrade(url, ['X-Forwarded-Proto: http'])).toMatch(/^HTTP\/1\.1 403 /);
      expect(await upgrade(url, ['X-Forwarded-Proto: https'])).toMatch(/^HTTP\/1\.1 101 /);
    });
  });
});
