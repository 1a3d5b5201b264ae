import {
  AcceptedMailSchema,
  AuthOptionsSchema,
  DoneSchema,
  SignedInSchema,
  TokenPairSchema,
  UserSchema,
} from '@bongsu/protocol';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure, type HttpAnswer } from '../support/http.js';
import { nextEvent } from '../support/sockets.js';
import type { GetWorld } from '../support/world.js';

export function passwordRules(world: GetWorld): void {
  const change = (accessToken: string, currentPassword: string, password: string) =>
    world().http.post('/api/users/me/password', { currentPassword, password }, accessToken);
  const expectFault = (answer: HttpAnswer, path: string) => {
    const { details } = expectFailure(answer, 400, 'VALIDATION_ERROR');
    expect(details).toEqual([{ path, message: expect.any(String) }]);
  };

  it.each([
    ['one of the commonest', 'Password1'],
    ['the name of the product with digits', 'bongsu2024'],
    ['the address', 'rule-50-newcomer@example.com'],
    ['the name before the @', '1-rule.50.newcomer-9'],
    ['the username', 'Wandering Poet 1'],
  ])('[ID42] a password that is %s is VALIDATION_ERROR naming it', async (_, password) => {
    const newcomer = { email: 'rule-50-newcomer@example.com', username: 'Wandering Poet', password };
    expectFault(await world().http.post('/api/auth/signup', newcomer), 'password');
  });

  it('[ID43] a wrong present password is VALIDATION_ERROR naming it, and the login goes on', async () => {
    const { accessToken, password } = await world().person('owner');
    expectFault(await change(accessToken, 'not the password', `a new password ${v4()}`), 'currentPassword');
    expectFault(await change(accessToken, password, password), 'password');
    expectBody(await world().http.get('/api/users/me', accessToken), 200, UserSchema);
  });

  it('[ID44] a change of the password ends all other logins and their sockets, and keeps its own', async () => {
    const here = await world().signUp();
    const elsewhere = await world().logIn(here);
    const kept = await world().controller(here);
    const { socket } = await world().sockets.connect({ token: elsewhere.accessToken });
    const closing = nextEvent(socket, 'session-closing');
    const gone = nextEvent(socket, 'disconnect');
    const password = `a new password ${v4()}`;
    expectBody(await change(here.accessToken, here.password, password), 200, DoneSchema);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
    expect(await gone).toBe('io server disconnect');
    await world().expectRevoked(elsewhere.accessToken);
    const { refreshToken } = elsewhere;
    expect((await world().http.post('/api/auth/refresh', { refreshToken })).status).toBe(401);
    expectBody(
      await world().http.post('/api/auth/refresh', { refreshToken: here.refreshToken }),
      200,
      TokenPairSchema,
    );
    expect(kept.connected).toBe(true);
    const { email } = here;
    expectFailure(
      await world().http.post('/api/auth/login', { email, password: here.password }),
      401,
      'AUTH_ERROR',
    );
    expectBody(await world().http.post('/api/auth/login', { email, password }), 200, SignedInSchema);
  });

  it('[ID45] a forgotten password is answered alike for a known, an unknown and an impossible address', async () => {
    const { email } = await world().person('traveller');
    for (const asked of [email, `nobody-${v4()}@example.com`, 'no address']) {
      const answer = await world().http.post('/api/auth/password/forgot', { email: asked });
      expect(expectBody(answer, 202, AcceptedMailSchema)).toEqual({ accepted: true });
    }
  });

  it.each([
    ['password/reset', { password: 'a good new password' }],
    ['email/verify', {}],
  ])('[ID46] a link that was never made is AUTH_ERROR: %s', async (path, rest) => {
    for (const token of ['made up', `rst_${'A'.repeat(43)}`, `vfy_${'A'.repeat(43)}`]) {
      expectFailure(await world().http.post(`/api/auth/${path}`, { token, ...rest }), 401, 'AUTH_ERROR');
    }
    expectFailure(await world().http.post(`/api/auth/${path}`, rest), 400, 'VALIDATION_ERROR');
  });

  it('[ID47] what is possible before one is signed in can be asked by anybody', async () => {
    const options = expectBody(await world().http.get('/api/auth/options'), 200, AuthOptionsSchema);
    expect(options).toMatchObject({ signup: 'open', emailVerification: 'off' });
  });
}
