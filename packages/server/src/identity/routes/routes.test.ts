import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  type Answer,
  DAY_MS,
  emptyIdentity,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const HOUR_MS = 3_600_000;
const OWN = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-origin' };

describeEachDatabase('cookie mode', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    server = await startIdentity(database);
  });
  afterEach(() => server.stop());

  async function signIn(input: object = {}, headers: Record<string, string> = OWN): Promise<Answer> {
    const { user } = await server.signUp();
    return server.post('/auth/login', { email: user.email, password: PASSWORD, ...input }, headers);
  }
  const cookieOf = ({ cookies }: Answer) => `${cookies[0]?.name}=${cookies[0]?.value}`;
  async function csrfToken(cookie: string): Promise<string> {
    return String((await askCsrf({ ...OWN, cookie })).json().csrfToken);
  }
  const askCsrf = (headers: Record<string, string>) =>
    server.http.inject({ method: 'GET', url: '/api/auth/csrf', headers });
  const outcome = ({ status, body }: Answer) => `${status} ${body.error?.code ?? 'ok'}`;

  it('[USR1] the refresh token comes as a cookie that no script can read, and never in the body', async () => {
    const answer = await signIn();
    expect(Object.keys(answer.body).sort()).toEqual(['accessToken', 'expiresIn', 'user']);
    expect(answer.cookies).toEqual([
      {
        name: 'bongsu_rt',
        value: expect.stringMatching(/^brt_/),
        path: '/',
        httpOnly: true,
        sameSite: 'Strict',
      },
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('[USR1] over https and in production the cookie is Secure and bound to the host', async () => {
    const secure = { name: '__Host-bongsu_rt', secure: true, httpOnly: true, path: '/', sameSite: 'Strict' };
    expect((await signIn({}, { ...OWN, 'x-forwarded-proto': 'https' })).cookies[0]).toMatchObject(secure);
    expect((await signIn({}, { ...OWN, 'x-forwarded-proto': 'https' })).cookies[0]).not.toHaveProperty(
      'domain',
    );
    await server.stop();
    server = await startIdentity(database, { production: true });
    expect((await signIn()).cookies[0]).toMatchObject(secure);
  });

  it('[USR1] outlives the browser only with rememberMe, and never the login', async () => {
    expect((await signIn()).cookies[0]).not.toHaveProperty('maxAge');
    const maxAge = (await signIn({ rememberMe: true })).cookies[0]?.maxAge;
    expect(maxAge).toBeGreaterThan(30 * 86_400 - 60);
    expect(maxAge).toBeLessThanOrEqual(30 * 86_400);
  });

  it('[USR1] sign-up and set-up take it too', async () => {
    const account = { email: 'ada@example.com', password: PASSWORD, username: 'Ada' };
    const signedUp = await server.post('/auth/signup', account, OWN);
    expect([signedUp.status, signedUp.body.refreshToken, signedUp.cookies.length]).toEqual([
      201,
      undefined,
      1,
    ]);
    const token = await server.identity.setupToken();
    const admin = { ...account, token, email: 'root@example.com' };
    const setUp = await server.post('/auth/setup', admin, OWN);
    expect([setUp.status, setUp.body.refreshToken, setUp.cookies.length]).toEqual([201, undefined, 1]);
  });

  it('[TOK3] refresh takes the cookie and an empty body, with or without a content type', async () => {
    const first = await signIn();
    const second = await server.post('/auth/refresh', undefined, { ...OWN, cookie: cookieOf(first) });
    expect([outcome(second), second.body.refreshToken]).toEqual(['200 ok', undefined]);
    expect(second.cookies[0]?.value).not.toBe(first.cookies[0]?.value);
    const typed = { ...OWN, cookie: cookieOf(second), 'content-type': 'application/json' };
    expect(outcome(await server.post('/auth/refresh', undefined, typed))).toBe('200 ok');
    expect(outcome(await server.post('/auth/refresh', {}, typed))).toBe('200 ok');
  });

  it('[SEC1] a cookie is believed only from this site', async () => {
    const cookie = cookieOf(await signIn());
    const attempts: [Record<string, string>, string][] = [
      [{}, '403 CSRF_ERROR'],
      [{ 'sec-fetch-site': 'same-origin' }, '403 CSRF_ERROR'],
      [{ 'x-bongsu-cookies': '0', 'sec-fetch-site': 'same-origin' }, '403 CSRF_ERROR'],
      [{ 'x-bongsu-cookies': '1' }, '403 CSRF_ERROR'],
      [{ 'x-bongsu-cookies': '1', 'sec-fetch-site': 'cross-site' }, '403 CSRF_ERROR'],
      [{ 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-site' }, '403 CSRF_ERROR'],
      [
        { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
        '403 CSRF_ERROR',
      ],
      [
        {
          'x-bongsu-cookies': '1',
          'sec-fetch-site': 'cross-site',
          origin: 'http://kiosk.local:3000',
          host: 'kiosk.local:3000',
        },
        '403 CSRF_ERROR',
      ],
      [{ 'x-bongsu-cookies': '1', origin: 'https://evil.example' }, '403 CSRF_ERROR'],
      [{ 'x-bongsu-cookies': '1', origin: 'null' }, '403 CSRF_ERROR'],
      [{ 'x-bongsu-cookies': '1', origin: 'http://localhost:80.evil.example' }, '403 CSRF_ERROR'],
      [{ 'x-bongsu-cookies': '1', 'sec-fetch-site': 'none' }, '200 ok'],
      [{ 'x-bongsu-cookies': '1', origin: 'https://bongsu.test' }, '200 ok'],
      [{ 'x-bongsu-cookies': '1', 'sec-fetch-site': 'cross-site', origin: 'https://bongsu.test' }, '200 ok'],
      [{ 'x-bongsu-cookies': '1', origin: 'http://kiosk.local:3000', host: 'kiosk.local:3000' }, '200 ok'],
    ];
    for (const [headers, expected] of attempts) {
      const seen = outcome(await server.post('/auth/refresh', undefined, { ...headers, cookie }));
      expect(`${JSON.stringify(headers)} ${seen}`).toBe(`${JSON.stringify(headers)} ${expected}`);
    }
  });

  it('[SEC1] another site can neither sign somebody in by cookie nor out', async () => {
    const cookie = cookieOf(await signIn());
    const evil = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    const login = await signIn({}, evil);
    expect([outcome(login), login.cookies]).toEqual(['403 CSRF_ERROR', []]);
    expect(outcome(await server.post('/auth/logout', undefined, { ...evil, cookie }))).toBe('403 CSRF_ERROR');
    expect(outcome(await server.post('/auth/logout', undefined, { cookie }))).toBe('403 CSRF_ERROR');
    expect(outcome(await server.post('/auth/refresh', undefined, { ...OWN, cookie }))).toBe('200 ok');
  });

  it('[SEC1] the header decides: a token in the body counts only without it', async () => {
    const { refreshToken } = await server.signUp();
    expect(outcome(await server.post('/auth/refresh', { refreshToken }, OWN))).toBe('401 AUTH_ERROR');
    expect(outcome(await server.post('/auth/refresh', { refreshToken }))).toBe('200 ok');
  });

  it('[SEC3] log-outs are counted by login, so that an office can go home at once; what shows no login by its address', async () => {
    const limited = await startIdentity(database, {}, { requestsPerMinute: 3 });
    try {
      const logins = await Promise.all(Array.from({ length: 6 }, () => server.signUp()));
      for (const [n, { refreshToken, accessToken }] of logins.entries()) {
        const out =
          n % 2 === 0
            ? await limited.post('/auth/logout', { refreshToken })
            : await limited.post('/auth/logout', undefined, { authorization: `Bearer ${accessToken}` });
        expect(outcome(out)).toBe('200 ok');
      }
      const again = async () =>
        outcome(await limited.post('/auth/logout', { refreshToken: logins[0]?.refreshToken }));
      expect([await again(), await again(), await again()]).toEqual(['200 ok', '200 ok', '429 RATE_LIMIT']);
      const junk = async () => outcome(await limited.post('/auth/logout', { refreshToken: 'junk' }));
      for (let n = 0; n < 3; n += 1) expect(await junk()).toBe('401 AUTH_ERROR');
      expect(await junk()).toBe('429 RATE_LIMIT');
    } finally {
      await limited.stop();
    }
  });

  it('[TOK3] logout clears the cookie and ends the login, and is no fault without one', async () => {
    const first = await signIn();
    const cookie = cookieOf(first);
    const csrf = await csrfToken(cookie);
    const out = await server.post('/auth/logout', undefined, { ...OWN, cookie, 'x-csrf-token': csrf });
    expect([outcome(out), out.cookies[0]]).toMatchObject([
      '200 ok',
      { name: 'bongsu_rt', value: '', path: '/' },
    ]);
    expect(outcome(await server.get('/api/users/me', String(first.body.accessToken)))).toBe(
      '401 TOKEN_REVOKED',
    );
    expect(outcome(await server.post('/auth/logout', undefined, OWN))).toBe('200 ok');
    expect(outcome(await server.post('/auth/logout', undefined, { ...OWN, cookie: 'bongsu_rt=junk' }))).toBe(
      '200 ok',
    );
  });

  it('[TOK3] [USR3] a logout that failed leaves the cookie, so that another try ends the login', async () => {
    const first = await signIn();
    const cookie = cookieOf(first);
    const headers = { ...OWN, cookie, 'x-csrf-token': await csrfToken(cookie) };
    const transaction = database.transaction.bind(database);
    database.transaction = () => Promise.reject(new Error('SQL is away'));
    const failed = await server.post('/auth/logout', undefined, headers).finally(() => {
      database.transaction = transaction;
    });
    expect([failed.status, failed.cookies]).toEqual([500, []]);
    const again = await server.post('/auth/logout', undefined, headers);
    expect([outcome(again), again.cookies[0]?.value]).toEqual(['200 ok', '']);
    const answer = await server.get('/api/users/me', String(first.body.accessToken));
    expect(outcome(answer)).toBe('401 TOKEN_REVOKED');
  });

  it('[TOK3] a cookie whose login is over is taken back: by itself, or because the cookie was used before', async () => {
    const idle = cookieOf(await signIn());
    const used = cookieOf(await signIn());
    await server.post('/auth/refresh', undefined, { ...OWN, cookie: used });
    server.time.advance(MINUTE_MS);
    const reused = await server.post('/auth/refresh', undefined, { ...OWN, cookie: used });
    expect([outcome(reused), reused.cookies[0]?.value]).toEqual(['401 TOKEN_REVOKED', '']);
    server.time.advance(31 * MINUTE_MS);
    const over = await server.post('/auth/refresh', undefined, { ...OWN, cookie: idle });
    expect([outcome(over), over.cookies[0]?.value]).toEqual(['401 TOKEN_EXPIRED', '']);
  });

  it('[SEC1] a cookie ends its login only with a token, or an access token, of the same login', async () => {
    const [first, second] = [await signIn(), await signIn()];
    const cookie = cookieOf(first);
    const logout = (headers: object) =>
      server.post('/auth/logout', undefined, { ...OWN, cookie, ...headers }).then(outcome);
    expect(await logout({})).toBe('403 CSRF_ERROR');
    expect(await logout({ authorization: 'Bearer x' })).toBe('403 CSRF_ERROR');
    expect(await logout({ authorization: `Bearer ${second.body.accessToken}` })).toBe('403 CSRF_ERROR');
    expect(await logout({ 'x-csrf-token': await csrfToken(cookieOf(second)) })).toBe('403 CSRF_ERROR');
    expect(outcome(await server.get('/api/users/me', String(first.body.accessToken)))).toBe('200 ok');
    expect(await logout({ authorization: `Bearer ${first.body.accessToken}` })).toBe('200 ok');
    expect(outcome(await server.get('/api/users/me', String(first.body.accessToken)))).toBe(
      '401 TOKEN_REVOKED',
    );
    // It has ended: what is left of it is a cookie to be taken away, which needs no proof.
    expect(await logout({})).toBe('200 ok');
  });

  it('[SEC1] who says nothing of where the request comes from needs a token', async () => {
    const cookie = cookieOf(await signIn());
    const silent = { 'x-bongsu-cookies': '1', cookie };
    expect(outcome(await server.post('/auth/refresh', undefined, silent))).toBe('403 CSRF_ERROR');
    const headers = { ...silent, 'x-csrf-token': String((await askCsrf(silent)).json().csrfToken) };
    expect(outcome(await server.post('/auth/refresh', undefined, headers))).toBe('200 ok');
  });

  it('[SEC1] a token that is sent must be right, also where none is needed', async () => {
    const cookie = cookieOf(await signIn());
    const refresh = (token: string) =>
      server.post('/auth/refresh', undefined, { ...OWN, cookie, 'x-csrf-token': token }).then(outcome);
    const token = await csrfToken(cookie);
    expect(await refresh(token)).toBe('200 ok');
    for (const wrong of ['', 'x', `${token}, ${token}`, `${token}A`]) {
      expect(await refresh(wrong), wrong).toBe('403 CSRF_ERROR');
    }
  });

  it('[SEC1] a token is for the living login of a cookie, and for an hour', async () => {
    const first = await signIn({ rememberMe: true });
    const cookie = cookieOf(first);
    const asked = async (headers: Record<string, string>) => {
      const answer = await askCsrf(headers);
      return `${answer.statusCode} ${answer.json().error?.code ?? 'ok'}`;
    };
    const good = await askCsrf({ ...OWN, cookie });
    expect([good.statusCode, good.json()]).toEqual([200, { csrfToken: expect.any(String), expiresIn: 3600 }]);
    expect(good.headers['cache-control']).toBe('no-store');
    expect(await asked({ cookie })).toBe('401 AUTH_ERROR');
    expect(await asked(OWN)).toBe('401 AUTH_ERROR');
    expect(await asked({ ...OWN, cookie: 'bongsu_rt=junk' })).toBe('401 AUTH_ERROR');
    expect(await asked({ ...OWN, cookie, 'sec-fetch-site': 'cross-site' })).toBe('403 CSRF_ERROR');
    const headers = { ...OWN, cookie, 'x-csrf-token': String(good.json().csrfToken) };
    server.time.advance(HOUR_MS - 1000);
    expect(outcome(await server.post('/auth/refresh', undefined, headers))).toBe('200 ok');
    server.time.advance(1000);
    expect(outcome(await server.post('/auth/refresh', undefined, headers))).toBe('403 CSRF_ERROR');
    server.time.advance(40 * DAY_MS);
    expect(await asked({ ...OWN, cookie })).toBe('401 AUTH_ERROR');
  });

  it('[SEC1] of two cookies with one name neither counts', async () => {
    const cookie = cookieOf(await signIn());
    const planted = `bongsu_rt=planted; ${cookie}`;
    expect(outcome(await server.post('/auth/refresh', undefined, { ...OWN, cookie: planted }))).toBe(
      '401 AUTH_ERROR',
    );
    expect(outcome(await server.post('/auth/refresh', undefined, { ...OWN, cookie }))).toBe('200 ok');
  });

  it('[TOK3] a cookie that is of no login here is refused and left alone', async () => {
    const stale = await server.post('/auth/refresh', undefined, { ...OWN, cookie: 'bongsu_rt=junk' });
    expect([outcome(stale), stale.cookies]).toEqual(['401 AUTH_ERROR', []]);
  });

  describe('the description', () => {
    it('[OBS1] every route is in the OpenAPI document with a summary', async () => {
      const { body } = await server.get('/api/openapi.json');
      const paths = body.paths as Record<string, Record<string, { summary?: string; tags?: string[] }>>;
      const identity = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods)
          .filter(([, { tags }]) => tags?.includes('identity'))
          .map(([method, { summary }]) => `${method} ${path} ${summary ? 'told' : 'untold'}`),
      );
      expect(identity).toContain('post /api/auth/login told');
      expect(identity.filter((line) => line.endsWith('untold'))).toEqual([]);
    });
  });
});
