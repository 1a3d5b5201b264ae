import { Sockets, World } from '@bongsu/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CookieLogin,
  codeOf,
  cookieCalls,
  cookieLogin,
  csrfTokenOf,
  isAlive,
  OWN,
} from '../support/cookie-login.js';
import { request, sendRaw } from '../support/raw-http.js';
import { describeEachServer } from '../support/server.js';
import { SkewedClock } from '../support/skewed-clock.js';

const SITE = 'https://bongsu.example.com';
const HOUR_MS = 3_600_000;
const MODE = { 'x-bongsu-cookies': '1' };

describe('attacks on cookie mode', () => {
  describeEachServer('cookies', (start) => {
    const clock = new SkewedClock();
    let world: World;
    let calls: string[];
    beforeAll(async () => {
      // Behind a proxy that says https, as browsers meet it: the peer of these tests is the proxy.
      const settings = { PUBLIC_URL: SITE, TRUST_PROXY: 'loopback', MAX_CONCURRENT_SESSIONS: '100' };
      world = new World({ url: (await start({ settings, overrides: { clock } })).url });
      calls = await cookieCalls(world);
    });
    afterAll(() => world.sockets.closeAll());

    /** What a page of another site makes the victim's browser send: the cookie goes along, whatever SameSite says. */
    const forge = (victim: CookieLogin, path: string, headers: Record<string, string>) => {
      const { cookie, email, password } = victim;
      return world.http.call('POST', path, { body: { email, password }, headers: { ...headers, cookie } });
    };

    it('[AT70] a page of another site, of a sibling host, or one that hides its origin, uses the cookie: CSRF_ERROR on every call', async () => {
      const victim = await cookieLogin(world);
      expect(calls.length).toBeGreaterThanOrEqual(5);
      for (const path of calls) {
        for (const foreign of [
          { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
          { 'sec-fetch-site': 'cross-site' },
          { 'sec-fetch-site': 'same-site', origin: 'https://blog.example.com' },
          { 'sec-fetch-site': 'same-site' },
          { 'sec-fetch-site': 'cross-site', origin: 'null' },
          { origin: 'https://evil.example' },
          { origin: 'null' },
          { origin: `${SITE}.evil.example` },
          { origin: 'http://bongsu.example.com' },
        ]) {
          const answer = await forge(victim, path, { ...MODE, ...foreign });
          expect(codeOf(answer), `${path} ${JSON.stringify(foreign)}`).toBe('403 CSRF_ERROR');
          expect(answer.headers.getSetCookie(), path).toEqual([]);
        }
      }
      expect(await isAlive(world, victim)).toBe(true);
    });

    it('[AT71] a request that says nothing of its site uses the cookie: CSRF_ERROR', async () => {
      const victim = await cookieLogin(world);
      for (const path of calls) expect(codeOf(await forge(victim, path, MODE)), path).toBe('403 CSRF_ERROR');
      // Not even in cookie mode: the cookie alone, as a form or an image sends it.
      for (const path of ['/api/auth/refresh', '/api/auth/logout']) {
        const answer = await world.http.call('POST', path, { headers: { cookie: victim.cookie } });
        expect(codeOf(answer), path).toBe('403 CSRF_ERROR');
      }
      expect(await isAlive(world, victim)).toBe(true);
    });

    it('[AT72] a form of another site posts urlencoded, multipart or JSON as text/plain: refused unread', async () => {
      const { cookie, email, password } = await cookieLogin(world);
      const boundary = 'multipart/form-data; boundary=b';
      const forms: [string, string][] = [
        ['application/x-www-form-urlencoded', new URLSearchParams({ email, password }).toString()],
        ['text/plain', JSON.stringify({ email, password, 'x=': '' })],
        ['text/plain;charset=UTF-8', JSON.stringify({ email, password })],
        [boundary, `--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n${email}\r\n--b--\r\n`],
      ];
      for (const path of calls) {
        for (const [type, raw] of forms) {
          const answer = await world.http.call('POST', path, {
            raw,
            headers: { 'content-type': type, cookie },
          });
          expect(codeOf(answer), `${path} ${type}`).toBe('400 VALIDATION_ERROR');
          expect(answer.body).toMatchObject({ error: { details: [{ path: 'content-type' }] } });
          expect(answer.headers.getSetCookie()).toEqual([]);
        }
      }
    });

    it('[AT74] a CSRF token of another login, or altered, or past its end, goes along: CSRF_ERROR', async () => {
      const [victim, attacker] = [await cookieLogin(world), await cookieLogin(world)];
      const { cookie } = victim;
      const send = async (path: string, token: string) =>
        codeOf(await world.http.call('POST', path, { headers: { ...OWN, cookie, 'x-csrf-token': token } }));
      const right = await csrfTokenOf(world, cookie);
      const altered = `${right.startsWith('A') ? 'B' : 'A'}${right.slice(1)}`;
      clock.skewMs = -HOUR_MS;
      const stale = await csrfTokenOf(world, cookie);
      clock.skewMs = 0;
      for (const token of [await csrfTokenOf(world, attacker.cookie), altered, `${right}.x`, 'null', stale]) {
        for (const path of ['/api/auth/logout', '/api/auth/refresh'])
          expect(await send(path, token), path).toBe('403 CSRF_ERROR');
      }
      expect(await isAlive(world, victim)).toBe(true);
      expect(await send('/api/auth/logout', right)).toBe('200 ok');
    });

    it('[AT76] a link, an image or an overridden method makes a GET that changes something: it does not', async () => {
      const victim = await cookieLogin(world);
      const headers = { ...OWN, cookie: victim.cookie, authorization: `Bearer ${victim.accessToken}` };
      for (const path of calls) {
        for (const method of ['GET', 'HEAD']) {
          for (const override of [
            {},
            { 'x-http-method-override': 'POST' },
            { 'x-method-override': 'POST' },
          ]) {
            const asked = await world.http.call(method, `${path}?_method=POST`, {
              headers: { ...headers, ...override },
            });
            // Setting up is asked about by the same path.
            if (path !== '/api/auth/setup') expect(asked.status, `${method} ${path}`).toBe(404);
            expect(asked.headers.getSetCookie(), `${method} ${path}`).toEqual([]);
          }
        }
      }
      const renamed = await world.http.call('POST', '/api/users/me', {
        headers: { ...headers, 'x-http-method-override': 'PATCH' },
        body: { username: 'Mallory' },
      });
      expect(codeOf(renamed)).toBe('404 NOT_FOUND');
      expect(await isAlive(world, victim)).toBe(true);
    });

    it('[AT86] a neighbour plants a cookie of the same name, or without the prefix of ours: neither is believed', async () => {
      const [victim, attacker] = [await cookieLogin(world), await cookieLogin(world)];
      const secure = { ...OWN, 'x-forwarded-proto': 'https' };
      const value = (login: CookieLogin) => login.cookie.split('=')[1];
      const host = (login: CookieLogin) => `__Host-bongsu_rt=${value(login)}`;
      const refresh = async (cookie: string, headers: Record<string, string>) =>
        codeOf(await world.http.call('POST', '/api/auth/refresh', { headers: { ...headers, cookie } }));
      // Over https only the name counts that no neighbour and no plain page can set.
      expect(await refresh(`bongsu_rt=${value(attacker)}`, secure)).toBe('401 AUTH_ERROR');
      for (const odd of ['\u00a0', '\u0085', '$Version=1,', '__host-bongsu_rt=1,'])
        expect(await rawRefresh(`${odd}${host(attacker)}`), odd).toBe(401);
      // Nobody can tell which of two is ours.
      expect(await refresh(`${host(attacker)}; ${host(victim)}`, secure)).toBe('401 AUTH_ERROR');
      expect(await refresh(`bongsu_rt=${value(attacker)}; ${victim.cookie}`, OWN)).toBe('401 AUTH_ERROR');
      expect(await refresh(`bongsu_rt=${value(attacker)}; ${host(victim)}`, secure)).toBe('200 ok');
    });

    async function rawRefresh(cookie: string): Promise<number> {
      const lines = ['POST /api/auth/refresh HTTP/1.1', 'Host: x', 'Sec-Fetch-Site: same-origin'];
      const more = [
        'X-Bongsu-Cookies: 1',
        'X-Forwarded-Proto: https',
        'Content-Length: 0',
        `Cookie: ${cookie}`,
      ];
      return (await sendRaw(world.target.url, request([...lines, ...more]))).status;
    }

    it('[AT75] a link carries a token in its address, which proxies and histories keep: it lets nobody in', async () => {
      const { accessToken: token } = await cookieLogin(world);
      const sockets = new Sockets(`${world.target.url}/?token=${token}&access_token=${token}`);
      for (const transport of ['websocket', 'polling']) {
        const refusal = sockets
          .refusal({}, { query: { token, auth: token }, transports: [transport] })
          .then(({ code }) => code)
          .catch((error: Error) => error.message);
        expect(await refusal, transport).toBe('AUTH_ERROR');
      }
      sockets.closeAll();
      for (const name of ['token', 'access_token', 'authorization'])
        expect(codeOf(await world.http.get(`/api/users/me?${name}=${token}`))).toBe('401 AUTH_ERROR');
    });
  });
});
