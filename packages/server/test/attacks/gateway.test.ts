import { send, World } from '@bongsu/conformance';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { codeOf, cookieLogin, OWN } from '../support/cookie-login.js';
import { request, sendRaw } from '../support/raw-http.js';
import { describeEachServer } from '../support/server.js';

const SITE = 'https://bongsu.example.com';
const LISTED = 'https://console.example.com';
const EVIL = 'https://evil.example';
const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

describe('attacks on the gateway', () => {
  describeEachServer('gateway', (start) => {
    let world: World;
    let url: string;
    beforeAll(async () => {
      ({ url } = await start({ settings: { PUBLIC_URL: SITE, CORS_ORIGINS: LISTED } }));
      world = new World({ url });
    });
    afterAll(() => world.sockets.closeAll());

    const hostOf = (address: string) => new URL(address).host;

    /** The status of a websocket handshake; a refused one is over, an accepted one is dropped. */
    async function upgrade(...headers: string[]): Promise<number> {
      const lines = ['GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', `Host: ${hostOf(url)}`];
      const text = `${[...lines, ...WEBSOCKET, ...headers].join('\r\n')}\r\n\r\n`;
      // A masked close frame behind it ends what was opened.
      const close = String.fromCharCode(0x88, 0x80, 0, 0, 0, 0);
      return (await sendRaw(url, text + close)).status;
    }

    it('[AT77] a page of another site opens a socket: refused on both transports', async () => {
      const foreign = [
        EVIL,
        'null',
        `${LISTED}.evil.example`,
        'http://console.example.com',
        `http://x@${hostOf(url)}.evil.example`,
      ];
      for (const origin of foreign) {
        expect(await upgrade(`Origin: ${origin}`), origin).toBe(403);
        const polling = await world.http.get('/socket.io/?EIO=4&transport=polling', undefined, { origin });
        expect(polling.status, origin).toBe(403);
      }
      for (const origin of [LISTED, SITE]) expect(await upgrade(`Origin: ${origin}`), origin).toBe(101);
    });

    it('[AT79] a stranger names another protocol or host by X-Forwarded headers: neither is believed', async () => {
      const { email, password } = await world.person('traveller');
      const login = (headers: Record<string, string>) =>
        world.http.post('/api/auth/login', { email, password }, undefined, headers);
      const spoofed = {
        'x-bongsu-cookies': '1',
        origin: EVIL,
        'x-forwarded-host': 'evil.example',
        forwarded: 'host=evil.example;proto=https',
        'x-forwarded-proto': 'https',
      };
      expect(codeOf(await login(spoofed))).toBe('403 CSRF_ERROR');
      expect((await login({ ...OWN, 'x-forwarded-proto': 'https' })).headers.getSetCookie()[0]).toMatch(
        /^bongsu_rt=/,
      );
      const redirected = await world.http.get('/', undefined, { 'x-forwarded-proto': 'http' });
      expect(redirected.headers.get('location')).toBeNull();
      expect(await upgrade(`Origin: ${EVIL}`, 'X-Forwarded-Host: evil.example')).toBe(403);
    });

    it('[AT82] a request is framed in two ways, folded, doubled or endless: it is refused and the connection closed', async () => {
      const head = [
        'POST /api/auth/login HTTP/1.1',
        `Host: ${hostOf(url)}`,
        'Content-Type: application/json',
      ];
      const smuggled = request(['GET /api/health HTTP/1.1', 'Host: x']);
      const chunked = `0\r\n\r\n${smuggled}`;
      const framed = (header: string, body = smuggled) => `${[...head, header].join('\r\n')}\r\n\r\n${body}`;
      const bad: Record<string, string> = {
        'both lengths': framed('Content-Length: 4\r\nTransfer-Encoding: chunked', chunked),
        'both, hidden': framed('Content-Length: 4\r\nTransfer-Encoding : chunked', chunked),
        'two lengths': framed('Content-Length: 0\r\nContent-Length: 44'),
        'a list of lengths': framed('Content-Length: 0, 44'),
        'a signed length': framed('Content-Length: +0'),
        'chunked, not last': framed('Transfer-Encoding: chunked, identity', chunked),
        'a bad chunk': framed('Transfer-Encoding: chunked', `0x0\r\n\r\n${smuggled}`),
        'a space before the colon': framed('Content-Length : 0'),
        'a bare line feed': `${head.join('\n')}\nContent-Length: 0\n\n${smuggled}`,
        'NUL in a header': framed('X-A: a\u0000b\r\nContent-Length: 0'),
      };
      for (const [name, text] of Object.entries(bad)) {
        const answer = await sendRaw(url, text);
        // One request, one answer, of the parser: what was behind it was not read as a second one.
        const statuses = [...answer.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
        expect(statuses, name).toEqual(['400']);
        expect(answer.text, name).toContain('could not be read');
      }
      expect((await sendRaw(url, request(['GET /api/health HTTP/1.1']))).status).toBe(400);
      const endless = request([...head, `X-Padding: ${'x'.repeat(20_000)}`, 'Content-Length: 0']);
      const refused = await sendRaw(url, endless);
      expect([refused.status, refused.text]).toEqual([413, expect.stringContaining('"PAYLOAD_TOO_LARGE"')]);
      expect(refused.head).toMatch(/X-Content-Type-Options: nosniff/);
    });

    it('[AT82] an Authorization is folded or sent twice: the first one alone counts', async () => {
      const { accessToken } = await world.person('owner');
      const me = ['GET /api/users/me HTTP/1.1', `Host: ${hostOf(url)}`];
      const ask = async (...headers: string[]) => (await sendRaw(url, request([...me, ...headers]))).status;
      expect(await ask(`Authorization: Bearer ${accessToken}`)).toBe(200);
      expect(await ask('Authorization: Bearer x', `Authorization: Bearer ${accessToken}`)).toBe(401);
      expect(await ask('Authorization: Bearer', ` ${accessToken}x`)).toBeGreaterThanOrEqual(400);
    });

    it('[AT87] a page of another site reads answers by CORS, with or without cookies: no browser shows them to it', async () => {
      const { accessToken } = await world.person('owner');
      for (const origin of [
        EVIL,
        'null',
        `${LISTED}.evil.example`,
        'https://evilconsole.example.com',
        LISTED.toUpperCase(),
        `${LISTED}:8443`,
      ]) {
        for (const path of [
          '/api/users/me',
          '/api/auth/csrf',
          '/api/no-such-route',
          '/socket.io/?EIO=4&transport=polling',
        ]) {
          const { headers } = await world.http.get(path, accessToken, { origin });
          expect(headers.get('access-control-allow-origin'), `${path} ${origin}`).toBeNull();
        }
        const headers = {
          origin,
          'access-control-request-method': 'DELETE',
          'access-control-request-headers': 'authorization',
        };
        const preflight = await world.http.call('OPTIONS', '/api/users/me', { headers });
        expect(preflight.headers.get('access-control-allow-origin'), origin).toBeNull();
      }
      const listed = await world.http.get('/api/users/me', accessToken, { origin: LISTED });
      expect(listed.headers.get('access-control-allow-origin')).toBe(LISTED);
      expect(listed.headers.get('vary')).toMatch(/origin/i);
    });

    it('[AT87] CORS_ALLOW_ALL_ORIGINS lets every page call, and none with the cookies of a user', async () => {
      const open = new World({ url: (await start({ settings: { CORS_ALLOW_ALL_ORIGINS: 'true' } })).url });
      const victim = await cookieLogin(open);
      for (const path of ['/api/users/me', '/socket.io/?EIO=4&transport=polling']) {
        const { headers } = await open.http.get(path, victim.accessToken, { origin: EVIL });
        expect(headers.get('access-control-allow-origin'), path).toBe('*');
        expect(headers.get('access-control-allow-credentials'), path).toBeNull();
      }
      const forged = { 'x-bongsu-cookies': '1', origin: EVIL, cookie: victim.cookie };
      for (const path of ['refresh', 'logout'])
        expect(codeOf(await open.http.call('POST', `/api/auth/${path}`, { headers: forged }))).toBe(
          '403 CSRF_ERROR',
        );
    });

    it('[AT89] a page frames this site to steal clicks: no answer of any kind may be framed', async () => {
      const paths = [
        '/',
        '/setup',
        '/api/docs',
        '/api/users/me',
        '/api/no-such-route',
        '/socket.io/?EIO=4&transport=polling',
        '/socket.io/?EIO=3&transport=x',
      ];
      for (const path of paths) {
        const { headers } = await world.http.get(path);
        expect(headers.get('x-frame-options'), path).toBe('DENY');
        expect(headers.get('content-security-policy'), path).toContain("frame-ancestors 'none'");
        expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      }
    });
  });

  describeEachServer('transports', (start) => {
    /** What comes first over this transport: its end, or the next heartbeat. */
    const nextOf = ({ io }: Socket) =>
      new Promise<'closed' | 'ping'>((resolve) => {
        io.once('close', () => resolve('closed'));
        io.engine.once('heartbeat', () => resolve('ping'));
      });

    it('[AT92] [ID72] a client leaves, keeps its transport and comes in again: the transport ends, the server does not', async () => {
      const faults: unknown[] = [];
      const onFault = (fault: unknown) => faults.push(fault);
      process.on('unhandledRejection', onFault);
      onTestFinished(() => void process.off('unhandledRejection', onFault));
      const { url } = await start({
        settings: { HEARTBEAT_INTERVAL_MS: '1000', HEARTBEAT_TIMEOUT_MS: '500' },
      });
      const world = new World({ url });
      const owner = await world.person('owner');
      const bystander = await world.controller(owner);
      const again = ['1', `0${JSON.stringify({ token: 'x' })}`];
      for (const packets of [['1'], again, ['1', `0${JSON.stringify({ token: owner.accessToken })}`]]) {
        const socket = await world.controller(owner);
        expect(await nextOf(socket)).toBe('ping');
        const outcome = nextOf(socket);
        // Past the stock client, which would close the transport by itself: `41`, then `40{…}`.
        for (const packet of packets) socket.io.engine.write(packet);
        expect(await outcome, packets.join(' ')).toBe('closed');
      }
      expect(
        await send(bystander, 'status', { ids: ['0190a7c8-0000-7000-8000-000000000000'] }),
      ).toMatchObject({
        success: true,
      });
      expect(faults).toEqual([]);
      world.sockets.closeAll();
    });
  });

  describeEachServer('proxies', (start) => {
    /** Where the server thinks a device is, as the person who claims it sees it. */
    async function addressOf(world: World, forwardedFor: string): Promise<string> {
      const headers = { 'x-forwarded-for': forwardedFor, 'x-real-ip': '6.6.6.6', forwarded: 'for=6.6.6.6' };
      const { code } = (await world.http.post('/api/screens/pairings', {}, undefined, headers)).body as {
        code: string;
      };
      const { accessToken } = await world.person('owner');
      const claimed = await world.http.post(
        '/api/screens/pairings/claim',
        { code, name: 'Bar' },
        accessToken,
      );
      return (claimed.body as { device: { address: string } }).device.address;
    }

    it('[AT78] a stranger makes addresses up in X-Forwarded-For: only what a trusted proxy wrote counts', async () => {
      const cases = [
        ['10.0.0.0/8', '6.6.6.6, 9.9.9.9', '127.0.0.1'],
        ['1', '6.6.6.6, 9.9.9.9', '9.9.9.9'],
        ['false', '6.6.6.6', '127.0.0.1'],
      ] as const;
      const limit = 30;
      let world: World | undefined;
      for (const [TRUST_PROXY, forwardedFor, expected] of cases) {
        const server = await start({ settings: { TRUST_PROXY, RATE_LIMIT_PER_MINUTE: String(limit) } });
        world = new World({ url: server.url });
        expect(await addressOf(world, forwardedFor), TRUST_PROXY).toBe(expected);
      }
      // Nor is a new address with each call a way around a limit.
      const statuses = new Set<number>();
      for (let n = 1; n <= limit; n += 1) {
        const headers = { 'x-forwarded-for': `6.6.6.${n}` };
        statuses.add((await world?.http.get('/api/auth/setup', undefined, headers))?.status ?? 0);
      }
      expect([...statuses]).toEqual([200, 429]);
    });

    it('[AT88] a host of an attacker is named, and plain http redirected to it: it leads home or nowhere else', async () => {
      const proxied = { TRUST_PROXY: 'loopback' };
      const known = (await start({ settings: { ...proxied, PUBLIC_URL: SITE } })).url;
      const plain = 'X-Forwarded-Proto: http';
      const target = async (address: string, line: string, ...headers: string[]) => {
        const { head } = await sendRaw(address, request([`GET ${line} HTTP/1.1`, ...headers, plain]));
        const location = /^location: (.*)$/im.exec(head)?.[1];
        return location === undefined ? undefined : new URL(location).origin;
      };
      const forwarded = [
        'X-Forwarded-Host: evil.example',
        'X-Forwarded-Port: 1',
        'Forwarded: host=evil.example',
      ];
      for (const line of [
        '/',
        '//evil.example/',
        '/\\evil.example',
        '/@evil.example',
        '/.evil.example',
        'http://.evil.example/',
        'http://@evil.example/',
      ])
        expect(await target(known, line, 'Host: evil.example', ...forwarded), line).toBe(SITE);
      // Nobody said what this server is called: then it is what the browser has called it, and nothing that came along.
      const unknown = (await start({ settings: proxied })).url;
      for (const line of ['/', '//evil.example/', 'http://.evil.example/'])
        expect(await target(unknown, line, 'Host: kiosk.example', ...forwarded), line).toBe(
          'https://kiosk.example',
        );
      expect(await target(unknown, '/', 'Host: a.example/b@evil.example', ...forwarded)).toBeUndefined();
    });
  });

  it('[AT80] a setting is wrong, missing or a sample: nothing starts with it', () => {
    const secret = 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT';
    const production = { NODE_ENV: 'production', JWT_SECRET: secret };
    const faultsOf = (settings: Record<string, string>) => {
      const loaded = loadConfig(settings);
      return loaded.ok ? [] : loaded.faults.map(({ name }) => name);
    };
    expect(faultsOf(production)).toEqual([]);
    const wrong: [string, Record<string, string>][] = [
      ['CORS_ALLOW_ALL_ORIGINS', { ...production, CORS_ALLOW_ALL_ORIGINS: 'true' }],
      ['DEBUG', { ...production, DEBUG: 'true' }],
      ['JWT_SECRET', { NODE_ENV: 'production' }],
      ['JWT_SECRET', { JWT_SECRET: 'secret' }],
      ['JWT_SECRET', { JWT_SECRET: 'changeme'.repeat(10) }],
      ['JWT_SECRET', { JWT_SECRET: `your-secret-key-${secret}` }],
      ['JWT_ALG', { JWT_ALG: 'none' }],
      ['PII_KEYS', { PII_KEYS: 'k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' }],
      ['CORS_ORIGINS', { CORS_ORIGINS: '*' }],
      ['CORS_ORIGINS', { CORS_ORIGINS: 'null' }],
      ['CORS_ORIGINS', { CORS_ORIGINS: 'https://*.example.com' }],
      ['TRUST_PROXY', { TRUST_PROXY: 'everybody' }],
      ['FORCE_HTTPS', { FORCE_HTTPS: 'maybe' }],
      ['RATE_LIMIT_ENABLED', { RATE_LIMIT_ENABLED: 'nope' }],
    ];
    for (const [name, settings] of wrong)
      expect(faultsOf(settings), `${name}=${settings[name]?.slice(0, 20)}`).toEqual([name]);
  });
});
