import { LoginItemSchema, listOf, SteppedUpSchema, TokenPairSchema, UserSchema } from '@bongsu/protocol';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { nextEvent, send } from '../support/sockets.js';
import type { Account, GetWorld } from '../support/world.js';

const MAX_LOGINS = 5;
const LoginsSchema = listOf(LoginItemSchema);

export function loginRules(world: GetWorld): void {
  const refresh = (refreshToken: string | undefined) =>
    world().http.post('/api/auth/refresh', { refreshToken });
  const me = (account: Account) => world().http.get('/api/users/me', account.accessToken);
  const logins = async ({ accessToken }: Account) =>
    expectBody(await world().http.get('/api/auth/sessions', accessToken), 200, LoginsSchema).items;
  const end = (account: Account, path = '') =>
    world().http.call('DELETE', `/api/auth/sessions${path}`, { token: account.accessToken });
  const prove = (account: Account, password = account.password) =>
    world().http.post('/api/auth/step-up', { password }, account.accessToken);

  it('[ID17] a refresh token from before two rotations ends the login and its sockets', async () => {
    const someone = await world().logIn(await world().person('traveller'));
    const socket = await world().controller(someone);
    const closing = nextEvent(socket, 'session-closing');
    const second = expectBody(await refresh(someone.refreshToken), 200, TokenPairSchema);
    const third = expectBody(await refresh(second.refreshToken), 200, TokenPairSchema);
    expectFailure(await refresh(someone.refreshToken), 401, 'TOKEN_REVOKED');
    expectFailure(await refresh(third.refreshToken), 401, 'TOKEN_REVOKED');
    await world().expectRevoked(third.accessToken);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
  });

  it('[ID18] one login too many ends the least recently seen and its sockets', async () => {
    const first = await world().signUp();
    const socket = await world().controller(first);
    const second = await world().logIn(first);
    // Not by the first, which was seen for the last time when its socket came.
    const device = await world().device(second);
    const later: Account[] = [];
    while (later.length < MAX_LOGINS - 2) later.push(await world().logIn(first));
    expect(await logins(second)).toHaveLength(MAX_LOGINS);
    const closing = nextEvent(socket, 'session-closing');
    await world().logIn(first);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
    await world().expectRevoked(first.accessToken);
    for (const other of [second, ...later]) expectBody(await me(other), 200, UserSchema);
    await world().connectScreen(device);
  });

  it('[ID19] the logins of the caller are listed, the one that asks marked', async () => {
    const first = await world().signUp();
    const second = await world().logIn(first);
    const items = await logins(second);
    expect(items.map(({ current }) => current)).toEqual([true, false]);
    expect(items[0]).toMatchObject({ rememberMe: false, mfa: false });
    expect(items[0]?.device.address ?? '/').toContain('/');
    expect(items[0]?.expiresAt).toBeGreaterThan(Date.now());
    expect((await logins(first)).find(({ current }) => current)?.id).toBe(items[1]?.id);
  });

  it('[ID20] one login is ended by its id, and only by its owner', async () => {
    const first = await world().signUp();
    const second = await world().logIn(first);
    const id = (await logins(first)).find(({ current }) => !current)?.id ?? '';
    const stranger = await world().person('stranger');
    expectFailure(await end(stranger, `/${id}`), 404, 'NOT_FOUND');
    for (const unknown of [v4(), 'nonsense'])
      expectFailure(await end(first, `/${unknown}`), 404, 'NOT_FOUND');
    expectBody(await me(second), 200, UserSchema);
    expect((await end(first, `/${id}`)).status).toBe(204);
    await world().expectRevoked(second.accessToken);
    expectFailure(await end(first, `/${id}`), 404, 'NOT_FOUND');
    const own = (await logins(first)).find(({ current }) => current)?.id;
    expect((await end(first, `/${own}`)).status).toBe(204);
    await world().expectRevoked(first.accessToken);
  });

  it('[ID21] all logins but the one that asks are ended at once', async () => {
    const first = await world().signUp();
    const others = [await world().logIn(first), await world().logIn(first)];
    expect((await end(first)).status).toBe(204);
    for (const other of others) await world().expectRevoked(other.accessToken);
    expect(await logins(first)).toHaveLength(1);
  });

  it('[ID22] stepping up answers an access token and keeps login and sockets', async () => {
    const someone = await world().person('stranger');
    const socket = await world().controller(someone);
    expectFailure(await prove(someone, 'not the password'), 401, 'AUTH_ERROR');
    const { accessToken, provenUntil } = expectBody(await prove(someone), 200, SteppedUpSchema);
    expect(provenUntil).toBeGreaterThan(Date.now());
    expect(await send(socket, 'auth-refresh', { token: accessToken })).toMatchObject({ success: true });
    expectBody(await me(someone), 200, UserSchema);
  });

  it('[ID23] of many guesses at once no more than ten are looked at', async () => {
    const someone = await world().signUp();
    const guesses = await Promise.all(
      Array.from({ length: 13 }, (_, n) => prove(someone, `guess number ${n}`)),
    );
    const counts = (status: number) => guesses.filter((answer) => answer.status === status).length;
    expect([counts(401), counts(429)]).toEqual([10, 3]);
    const { retryAfterMs } = expectFailure(await prove(someone), 429, 'RATE_LIMIT');
    expect(retryAfterMs).toBeGreaterThan(0);
    expectBody(await me(someone), 200, UserSchema);
  });
}
