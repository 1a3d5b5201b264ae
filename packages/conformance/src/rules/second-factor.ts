import {
  DoneSchema,
  MfaChallengeSchema,
  MfaStateSchema,
  RecoveryCodesSchema,
  SignedInSchema,
  TotpEnrolmentSchema,
} from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { nextEvent } from '../support/sockets.js';
import { totp } from '../support/totp.js';
import type { Account, GetWorld } from '../support/world.js';

const ENROL = '/api/users/me/mfa/totp';
const RENEW = '/api/users/me/mfa/recovery-codes';
const VERIFY = '/api/auth/mfa/verify';

interface Guarded extends Account {
  setupCode: string;
  recoveryCodes: string[];
}

export function secondFactorRules(world: GetWorld): void {
  async function guard(person: Account): Promise<Guarded> {
    const { http } = world();
    const { password, accessToken } = person;
    const { secret } = expectBody(
      await http.post(ENROL, { password }, accessToken),
      200,
      TotpEnrolmentSchema,
    );
    const setupCode = totp(secret, Date.now());
    const confirmed = await http.post(`${ENROL}/confirm`, { code: setupCode }, accessToken);
    return { ...person, setupCode, ...expectBody(confirmed, 200, RecoveryCodesSchema) };
  }
  const guarded = async () => guard(await world().signUp());
  const logIn = ({ email, password }: Account, headers?: Record<string, string>) =>
    world().http.post('/api/auth/login', { email, password }, undefined, headers);
  const challenge = async (person: Account) =>
    expectBody(await logIn(person), 200, MfaChallengeSchema).challengeId;
  const verify = (challengeId: string, code: string) => world().http.post(VERIFY, { challengeId, code });
  const remove = ({ accessToken, password }: Account, code: string) =>
    world().http.call('DELETE', ENROL, { token: accessToken, body: { password, code } });
  const state = async ({ accessToken }: Account) =>
    expectBody(await world().http.get('/api/users/me/mfa', accessToken), 200, MfaStateSchema);

  it('[ID32] a second factor is on when a code has confirmed its secret', async () => {
    const person = await world().signUp();
    const { http } = world();
    const token = person.accessToken;
    expectFailure(await http.post(ENROL, { password: 'not the password' }, token), 401, 'AUTH_ERROR');
    expectFailure(await http.post(`${ENROL}/confirm`, { code: '123456' }, token), 409, 'CONFLICT');
    const begun = await http.post(ENROL, { password: person.password }, token);
    const { secret, otpauthUrl } = expectBody(begun, 200, TotpEnrolmentSchema);
    expect(new URL(otpauthUrl).searchParams.get('secret')).toBe(secret);
    expectBody(await logIn(person), 200, SignedInSchema);
    const confirmed = await http.post(`${ENROL}/confirm`, { code: totp(secret, Date.now()) }, token);
    expect(new Set(expectBody(confirmed, 200, RecoveryCodesSchema).recoveryCodes).size).toBe(10);
    expectFailure(await http.post(ENROL, { password: person.password }, token), 409, 'CONFLICT');
  });

  it('[ID33] a right password opens a challenge, and neither token nor cookie', async () => {
    const person = await guarded();
    const cookies = { 'x-bongsu-cookies': '1', origin: world().target.url, 'sec-fetch-site': 'same-origin' };
    for (const headers of [{}, cookies]) {
      const answer = await logIn(person, headers);
      expect(expectBody(answer, 200, MfaChallengeSchema).expiresIn).toBe(300);
      expect(Object.keys(answer.body as object).sort()).toEqual(['challengeId', 'expiresIn', 'mfaRequired']);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    const { email } = person;
    const wrong = await world().http.post('/api/auth/login', { email, password: 'not the password' });
    expectFailure(wrong, 401, 'AUTH_ERROR');
  });

  it('[ID34] challenge and code answer as a log-in does, in cookie mode too', async () => {
    const person = await guarded();
    const [first = '', second = ''] = person.recoveryCodes;
    const login = expectBody(await verify(await challenge(person), first), 200, SignedInSchema);
    expect(login.user.userId).toBe(person.userId);
    expect(login.refreshToken).toEqual(expect.any(String));
    const cookies = { 'x-bongsu-cookies': '1', origin: world().target.url, 'sec-fetch-site': 'same-origin' };
    const body = { challengeId: await challenge(person), code: second };
    const answer = await world().http.post(VERIFY, body, undefined, cookies);
    expect(expectBody(answer, 200, SignedInSchema)).not.toHaveProperty('refreshToken');
    expect(answer.headers.getSetCookie().join()).toMatch(/HttpOnly/i);
  });

  it('[ID35] a code counts once, however it is typed', async () => {
    const person = await guarded();
    const [code = ''] = person.recoveryCodes;
    expectFailure(await verify(await challenge(person), person.setupCode), 401, 'AUTH_ERROR');
    const typed = code.toLowerCase().replaceAll('-', '');
    expectBody(await verify(await challenge(person), typed), 200, SignedInSchema);
    expectFailure(await verify(await challenge(person), code), 401, 'AUTH_ERROR');
    expect(await state(person)).toMatchObject({ recoveryCodesLeft: 9, required: false });
  });

  it('[ID36] a challenge is good for one log-in and five tries', async () => {
    const person = await guarded();
    const [first = '', second = ''] = person.recoveryCodes;
    const used = await challenge(person);
    expectBody(await verify(used, first), 200, SignedInSchema);
    expect(expectFailure(await verify(used, second), 401, 'AUTH_ERROR').details).toBeUndefined();
    const tried = await challenge(person);
    for (const triesLeft of [4, 3, 2, 1, 0]) {
      const { details } = expectFailure(await verify(tried, first), 401, 'AUTH_ERROR');
      expect(details).toEqual({ triesLeft });
    }
    expectFailure(await verify(tried, second), 401, 'AUTH_ERROR');
    expectFailure(await verify('made up', second), 401, 'AUTH_ERROR');
  });

  it('[ID37] ten wrong codes in a row lock the second factor, whatever the password', async () => {
    const person = await guarded();
    const [right = ''] = person.recoveryCodes;
    for (const tries of [5, 4]) {
      const id = await challenge(person);
      for (let n = 0; n < tries; n += 1) {
        expectFailure(await verify(id, person.setupCode), 401, 'AUTH_ERROR');
      }
    }
    expectFailure(await remove(person, person.setupCode), 401, 'AUTH_ERROR');
    const locked = expectFailure(await verify(await challenge(person), right), 423, 'ACCOUNT_LOCKED');
    expect(locked.retryAfterMs).toBeGreaterThan(10 * 60_000);
    expect(locked.retryAfterMs).toBeLessThanOrEqual(15 * 60_000);
    expectFailure(await remove(person, right), 423, 'ACCOUNT_LOCKED');
  });

  it('[ID38] turning it on ends every other login', async () => {
    const person = await world().signUp();
    const older = await world().logIn(person);
    const socket = await world().controller(older);
    const closing = nextEvent(socket, 'session-closing');
    await guard(person);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
    const { refreshToken } = older;
    expectFailure(await world().http.post('/api/auth/refresh', { refreshToken }), 401, 'TOKEN_REVOKED');
    expect(await state(person)).toMatchObject({ totp: true });
  });

  it('[ID39] password and code turn it off, and end every other login', async () => {
    const person = await guarded();
    const [first = '', second = '', third = ''] = person.recoveryCodes;
    const other = expectBody(await verify(await challenge(person), first), 200, SignedInSchema);
    expectFailure(await remove({ ...person, password: 'not the password' }, second), 401, 'AUTH_ERROR');
    expectFailure(await remove(person, first), 401, 'AUTH_ERROR');
    expectBody(await remove(person, second), 200, DoneSchema);
    expectFailure(await remove(person, third), 409, 'CONFLICT');
    await world().expectRevoked(other.accessToken);
    expectBody(await logIn(person), 200, SignedInSchema);
  });

  it('[ID40] new recovery codes void the old ones', async () => {
    const person = await guarded();
    const { http } = world();
    const renewed = expectBody(await http.post(RENEW, {}, person.accessToken), 200, RecoveryCodesSchema);
    const [old = ''] = person.recoveryCodes;
    const [fresh = ''] = renewed.recoveryCodes;
    expectFailure(await verify(await challenge(person), old), 401, 'AUTH_ERROR');
    expectBody(await verify(await challenge(person), fresh), 200, SignedInSchema);
    const stranger = await world().signUp();
    expectFailure(await http.post(RENEW, {}, stranger.accessToken), 409, 'CONFLICT');
  });

  it('[ID41] the state of the second factor is the caller’s own', async () => {
    const person = await world().signUp();
    expect(await state(person)).toEqual({ totp: false, since: null, recoveryCodesLeft: 0, required: false });
    await guard(person);
    expect(await state(person)).toEqual({
      totp: true,
      since: expect.any(Number),
      recoveryCodesLeft: 10,
      required: false,
    });
    expectFailure(await world().http.get('/api/users/me/mfa'), 401, 'AUTH_ERROR');
  });
}
