import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  type Answer,
  emptyIdentity,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

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

  it('[TOK3] logout clears the cookie and ends the login, and is no fault without one', async () => {
    const first = await signIn();
    const cookie = cookieOf(first);
    const out = await server.post('/auth/logout', undefined, { ...OWN, cookie });
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

  it('[TOK3] a cookie whose login is over is taken back, a merely stale one is not', async () => {
    const first = await signIn();
    const cookie = cookieOf(first);
    const second = await server.post('/auth/refresh', undefined, { ...OWN, cookie });
    server.time.advance(MINUTE_MS);
    const stale = await server.post('/auth/refresh', undefined, { ...OWN, cookie });
    expect([outcome(stale), stale.cookies]).toEqual(['401 AUTH_ERROR', []]);
    server.time.advance(31 * MINUTE_MS);
    const over = await server.post('/auth/refresh', undefined, { ...OWN, cookie: cookieOf(second) });
    expect([outcome(over), over.cookies[0]?.value]).toEqual(['401 TOKEN_EXPIRED', '']);
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
      expect(identity.sort()).toEqual([
        'get /.well-known/jwks.json told',
        'get /api/auth/options told',
        'get /api/auth/setup told',
        'get /api/users/me told',
        'patch /api/users/me told',
        'post /api/auth/email/verify told',
        'post /api/auth/login told',
        'post /api/auth/logout told',
        'post /api/auth/password/forgot told',
        'post /api/auth/password/reset told',
        'post /api/auth/refresh told',
        'post /api/auth/setup told',
        'post /api/auth/signup told',
        'post /api/users/me/password told',
      ]);
    });
  });
});
