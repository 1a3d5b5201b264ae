import { SignedInSchema, TokenPairSchema, UserSchema } from '@bongsu/protocol';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { comparable, expectBody, expectFailure } from '../support/http.js';
import { nextEvent } from '../support/sockets.js';
import type { GetWorld } from '../support/world.js';

const newcomer = (over: Record<string, unknown> = {}) => ({
  email: `new-${v4()}@example.com`,
  password: `a good password ${v4()}`,
  username: 'Newcomer',
  ...over,
});

export function identityRules(world: GetWorld): void {
  it('[ID1] signing up answers the user and a pair of tokens', async () => {
    const input = newcomer();
    const answer = await world().http.post('/api/auth/signup', input);
    const { user, expiresIn, refreshToken } = expectBody(answer, 201, SignedInSchema);
    expect(user).toMatchObject({ email: input.email, username: 'Newcomer', role: 'user' });
    expect(refreshToken).toEqual(expect.any(String));
    expect(expiresIn).toBeGreaterThan(30);
    expect(expiresIn).toBeLessThan(24 * 3600);
    expect(answer.text).not.toContain(input.password);
  });

  it('[ID2] an address that is taken is CONFLICT in any letter case', async () => {
    const { email } = await world().person('owner');
    for (const taken of [email, email.toUpperCase(), ` ${email} `]) {
      expectFailure(await world().http.post('/api/auth/signup', newcomer({ email: taken })), 409, 'CONFLICT');
    }
  });

  it('[ID3] logging in answers the same fields, and both refusals look alike', async () => {
    const owner = await world().person('traveller');
    const { email, password } = owner;
    const good = await world().http.post('/api/auth/login', { email, password });
    expect(expectBody(good, 200, SignedInSchema).user.userId).toBe(owner.userId);
    const wrong = await world().http.post('/api/auth/login', { email, password: 'not the password' });
    const unknown = await world().http.post('/api/auth/login', { email: 'nobody@example.com', password });
    expectFailure(wrong, 401, 'AUTH_ERROR');
    expect(comparable(unknown)).toEqual(comparable(wrong));
  });

  it.each([
    ['password', 'seven77'],
    ['password', 'x'.repeat(129)],
    ['password', 12345678],
    ['username', 'x'],
    ['username', 'x'.repeat(51)],
    ['username', 'аdmin'],
    ['username', 'a\u0000b'],
    ['email', 'not an address'],
    ['email', 'a@b\u0000.com'],
    ['email', null],
  ])('[ID4] [ER3] signing up with the %s %j is VALIDATION_ERROR naming it', async (field, value) => {
    const answer = await world().http.post('/api/auth/signup', newcomer({ [field]: value }));
    const { details } = expectFailure(answer, 400, 'VALIDATION_ERROR');
    const paths = (details as { path: string; message: string }[]).map(({ path }) => path);
    expect(new Set(paths)).toEqual(new Set([field]));
  });

  it('[ID4] 8 code points of password and 50 of username are enough and not too many', async () => {
    const answer = await world().http.post(
      '/api/auth/signup',
      newcomer({ password: '비밀번호여덟글자', username: '봉'.repeat(50) }),
    );
    expect(expectBody(answer, 201, SignedInSchema).user.username).toBe('봉'.repeat(50));
  });

  it('[ID6] refreshing answers a new pair that works at once', async () => {
    const someone = await world().logIn(await world().person('traveller'));
    const { refreshToken } = someone;
    const pair = expectBody(
      await world().http.post('/api/auth/refresh', { refreshToken }),
      200,
      TokenPairSchema,
    );
    expect(pair.refreshToken).not.toBe(refreshToken);
    expectBody(await world().http.get('/api/users/me', pair.accessToken), 200, UserSchema);
    expectBody(
      await world().http.post('/api/auth/refresh', { refreshToken: pair.refreshToken }),
      200,
      TokenPairSchema,
    );
  });

  it('[ID7] refreshes that race with one token get the same successor', async () => {
    const { refreshToken } = await world().logIn(await world().person('traveller'));
    const answers = await Promise.all(
      [1, 2, 3].map(() => world().http.post('/api/auth/refresh', { refreshToken })),
    );
    const successors = answers.map((answer) => expectBody(answer, 200, TokenPairSchema).refreshToken);
    expect(new Set(successors).size).toBe(1);
  });

  it.each([
    ['unknown', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['empty', ''],
    ['full of NUL', '\u0000\u0000'],
    ['missing', undefined],
  ])('[ID8] a refresh token that is %s is refused', async (_, refreshToken) => {
    const answer = await world().http.post('/api/auth/refresh', { refreshToken });
    expectFailure(answer, 401, 'AUTH_ERROR');
  });

  it('[ID8] access and refresh tokens cannot stand for each other', async () => {
    const { accessToken, refreshToken } = await world().person('owner');
    const swapped = await world().http.post('/api/auth/refresh', { refreshToken: accessToken });
    expect(swapped.status, swapped.text).toBeGreaterThanOrEqual(400);
    expect(swapped.status).toBeLessThan(402);
    expectFailure(await world().http.get('/api/users/me', refreshToken), 401, 'AUTH_ERROR');
    expect(await world().sockets.refusal({ token: refreshToken })).toMatchObject({ code: 'AUTH_ERROR' });
  });

  it('[ID9] [SK14] logging out ends the login and closes its sockets for good', async () => {
    const someone = await world().logIn(await world().person('traveller'));
    const { socket } = await world().sockets.connect({ token: someone.accessToken }, undefined, {
      reconnection: true,
    });
    const closing = nextEvent(socket, 'session-closing');
    const gone = nextEvent(socket, 'disconnect');
    const { refreshToken } = someone;
    const out = await world().http.post('/api/auth/logout', { refreshToken }, someone.accessToken);
    expect(out.status, out.text).toBeLessThan(300);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
    expect(await gone).toBe('io server disconnect');
    expect((await world().http.post('/api/auth/refresh', { refreshToken })).status).toBe(401);
  });

  it('[ID10] in cookie mode the refresh token lives in a cookie that scripts cannot read', async () => {
    const { email, password } = await world().person('traveller');
    // As a browser does it: the page says that it wants cookies, and the browser where the page is from.
    const cookies = { 'x-bongsu-cookies': '1', origin: world().target.url, 'sec-fetch-site': 'same-origin' };
    const login = await world().http.post('/api/auth/login', { email, password }, undefined, cookies);
    expect(expectBody(login, 200, SignedInSchema)).not.toHaveProperty('refreshToken');
    const cookie = login.headers.getSetCookie().find((value) => /HttpOnly/i.test(value)) ?? '';
    expect(cookie).toMatch(/SameSite=Strict/i);
    const pair = cookie.split(';')[0] ?? '';
    const refreshed = await world().http.call('POST', '/api/auth/refresh', {
      headers: { ...cookies, cookie: pair },
    });
    expect(expectBody(refreshed, 200, TokenPairSchema)).not.toHaveProperty('refreshToken');
  });

  it('[ID53] [ID54] users are listed and changed by administrators only', async () => {
    const owner = await world().person('owner');
    const { userId } = await world().person('stranger');
    expectFailure(await world().http.get('/api/users', owner.accessToken), 403, 'FORBIDDEN');
    for (const id of [userId, owner.userId, v4()]) {
      const body = { role: 'admin' };
      const token = owner.accessToken;
      const answer = await world().http.call('PATCH', `/api/users/${id}`, { token, body });
      expectFailure(answer, 403, 'FORBIDDEN');
    }
    expectFailure(await world().http.get('/api/users', undefined), 401, 'AUTH_ERROR');
  });

  it('[ID11] the profile is the one of the caller', async () => {
    const owner = await world().person('owner');
    const answer = await world().http.get('/api/users/me', owner.accessToken);
    const profile = expectBody(answer, 200, UserSchema);
    expect(profile).toMatchObject({ userId: owner.userId, email: owner.email });
    expect(answer.text).not.toMatch(/argon2|passw/i);
  });
}
