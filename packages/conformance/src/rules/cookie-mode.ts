import { CsrfTokenSchema, SignedInSchema, TokenPairSchema } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { expectBody, expectFailure, type HttpAnswer } from '../support/http.js';
import type { GetWorld } from '../support/world.js';

const COOKIES = { 'x-bongsu-cookies': '1' };
/** As a browser says it of a page of the server itself. */
const OWN = { ...COOKIES, 'sec-fetch-site': 'same-origin' };

interface CookieLogin {
  cookie: string;
  accessToken: string;
}

/** As a browser sends them back. */
const cookiesOf = ({ headers }: HttpAnswer) =>
  headers.getSetCookie().map((value) => value.split(';')[0] ?? '');

export function cookieModeRules(world: GetWorld): void {
  const post = (path: string, headers: Record<string, string>) =>
    world().http.call('POST', `/api/auth/${path}`, { headers });

  async function logIn(): Promise<CookieLogin> {
    const { email, password } = await world().person('traveller');
    const answer = await world().http.post('/api/auth/login', { email, password }, undefined, OWN);
    const { accessToken } = expectBody(answer, 200, SignedInSchema);
    return { cookie: cookiesOf(answer).join('; '), accessToken };
  }

  async function csrfToken(cookie: string): Promise<string> {
    const answer = await world().http.get('/api/auth/csrf', undefined, { ...OWN, cookie });
    return expectBody(answer, 200, CsrfTokenSchema).csrfToken;
  }

  const lives = async ({ accessToken }: CookieLogin) =>
    (await world().http.get('/api/users/me', accessToken)).status === 200;
  const refused = (answer: HttpAnswer) => expectFailure(answer, 403, 'CSRF_ERROR');

  it('[ID66] in cookie mode only a page of this site or of an allowed origin is believed', async () => {
    const login = await logIn();
    const { cookie } = login;
    for (const foreign of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example.com' },
      { origin: 'https://evil.example.com' },
      { origin: 'null' },
    ]) {
      const headers = { ...COOKIES, ...foreign, cookie };
      refused(await post('refresh', headers));
      refused(await post('logout', headers));
      refused(
        await world().http.post(
          '/api/auth/login',
          { email: 'a@example.com', password: 'x' },
          undefined,
          headers,
        ),
      );
    }
    refused(await post('refresh', { cookie, 'sec-fetch-site': 'same-origin' }));
    expect(await lives(login)).toBe(true);
    for (const own of [
      { 'sec-fetch-site': 'none' },
      { origin: world().target.url },
      { 'sec-fetch-site': 'same-origin' },
    ])
      expectBody(await post('refresh', { ...COOKIES, ...own, cookie }), 200, TokenPairSchema);
  });

  it('[ID67] a CSRF token is for the living login of a cookie', async () => {
    const { cookie } = await logIn();
    const ask = (headers: Record<string, string>) => world().http.get('/api/auth/csrf', undefined, headers);
    const { csrfToken: token, expiresIn } = expectBody(await ask({ ...OWN, cookie }), 200, CsrfTokenSchema);
    expect(token).toMatch(/^[\x21-\x7e]{20,}$/);
    expect(expiresIn).toBeGreaterThan(0);
    expectFailure(await ask({ cookie }), 401, 'AUTH_ERROR');
    expectFailure(await ask(OWN), 401, 'AUTH_ERROR');
    const altered = cookie.replace(/(?=;|$)/g, 'x');
    expectFailure(await ask({ ...OWN, cookie: altered }), 401, 'AUTH_ERROR');
    expect((await post('logout', { ...OWN, cookie, 'x-csrf-token': token })).status).toBe(200);
    expectFailure(await ask({ ...OWN, cookie }), 401, 'AUTH_ERROR');
  });

  it('[ID68] a token that is sent must be of that login, and is needed where no browser says whence', async () => {
    const [mine, other] = [await logIn(), await logIn()];
    const token = await csrfToken(mine.cookie);
    for (const wrong of [await csrfToken(other.cookie), `${token}A`, 'x'])
      refused(await post('refresh', { ...OWN, cookie: mine.cookie, 'x-csrf-token': wrong }));
    refused(await post('refresh', { ...COOKIES, cookie: mine.cookie }));
    const silent = { ...COOKIES, cookie: mine.cookie, 'x-csrf-token': token };
    expectBody(await post('refresh', silent), 200, TokenPairSchema);
  });

  it('[ID69] a cookie alone ends no login', async () => {
    const [mine, other] = [await logIn(), await logIn()];
    const out = { ...OWN, cookie: mine.cookie };
    refused(await post('logout', out));
    refused(await post('logout', { ...out, authorization: `Bearer ${other.accessToken}` }));
    refused(await post('logout', { ...out, 'x-csrf-token': await csrfToken(other.cookie) }));
    expect(await lives(mine)).toBe(true);
    expect((await post('logout', { ...out, 'x-csrf-token': await csrfToken(mine.cookie) })).status).toBe(200);
    await world().expectRevoked(mine.accessToken);
    const bearer = { ...OWN, cookie: other.cookie, authorization: `Bearer ${other.accessToken}` };
    expect((await post('logout', bearer)).status).toBe(200);
    await world().expectRevoked(other.accessToken);
  });

  it('[ID70] no answer of the API may be kept by a cache', async () => {
    const { accessToken } = await world().person('owner');
    const { email, password } = await world().person('traveller');
    for (const answer of [
      await world().http.post('/api/auth/login', { email, password }),
      await world().http.get('/api/users/me', accessToken),
      await world().http.get('/api/screens', accessToken),
      await world().http.get('/api/users/me'),
      await world().http.get('/api/no-such-route'),
      await world().http.get('/assets/no-such-file-12345678.js'),
      await world().http.get('/socket.io/?EIO=4&transport=polling'),
    ])
      expect(answer.headers.get('cache-control'), answer.text).toBe('no-store');
  });

  it.each([
    ['application/x-www-form-urlencoded', 'email=a%40example.com&password=x'],
    ['text/plain', '{"email":"a@example.com","password":"x"}'],
    [
      'multipart/form-data; boundary=b',
      '--b\r\ncontent-disposition: form-data; name="email"\r\n\r\na\r\n--b--',
    ],
  ])('[ID71] a body of %s is VALIDATION_ERROR', async (type, raw) => {
    const answer = await world().http.call('POST', '/api/auth/login', {
      raw,
      headers: { 'content-type': type },
    });
    const { details } = expectFailure(answer, 400, 'VALIDATION_ERROR');
    expect(details).toEqual([expect.objectContaining({ path: 'content-type' })]);
  });
}
