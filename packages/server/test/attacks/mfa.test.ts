import { World } from '@bongsu/conformance';
import { MfaChallengeSchema, RecoveryCodesSchema, TotpEnrolmentSchema } from '@bongsu/protocol';
import { Secret } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../src/platform/database/database.js';
import { describeEachDatabase } from '../support/databases.js';
import {
  changeUser,
  firstAdmin,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../support/identity.js';
import {
  bearer,
  challenge,
  type Guarded,
  guard,
  outcome,
  STEP_MS,
  StillTime,
  totpAt,
  verify,
} from '../support/second-factor.js';
import { describeEachServer } from '../support/server.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const OWN_PAGE = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-origin' };
const REFUSED = '401 AUTH_ERROR';
const LOCKED = '423 ACCOUNT_LOCKED';
/** A sealed value that does not open is a fault of the server's, not of whoever signs in. */
const UNREADABLE = '500 INTERNAL_ERROR';

describeEachDatabase('attacks on the second factor', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
    server = await startIdentity(database, {}, { time: new StillTime() });
  });
  afterAll(() => server.stop());

  const somebody = async (): Promise<Guarded> => guard(server, await server.signUp());
  const outcomes = (answers: Awaited<ReturnType<typeof verify>>[]) => answers.map(outcome).sort();
  const sessionsOf = async ({ userId }: Guarded) =>
    (await database.query('select id from sessions where user_id = $1', [userId])).length;

  /** Another hash of the password: as a change or a reset leaves it. */
  const copyPassword = (from: string, to: string) =>
    database.query(
      'update users set password_hash = (select password_hash from users where id = $1) where id = $2',
      [from, to],
    );

  it('[AT30] a TOTP is used a second time, later or at once, on another challenge: one log-in only', async () => {
    const person = await somebody();
    const [first, second] = [await challenge(server, person), await challenge(server, person)];
    const code = person.code();
    expect(outcomes(await Promise.all([verify(server, first, code), verify(server, second, code)]))).toEqual([
      '200 ok',
      REFUSED,
    ]);
    expect(outcome(await verify(server, await challenge(server, person), code))).toBe(REFUSED);
    server.time.advance(STEP_MS);
    expect(outcome(await verify(server, await challenge(server, person), code))).toBe(REFUSED);
    expect(outcome(await verify(server, await challenge(server, person), person.code()))).toBe('200 ok');
  });

  it('[AT31] the code that was typed to set the factor up is used to log in: refused', async () => {
    const person = await somebody();
    expect(totpAt(person.secret, server.time.now() - STEP_MS)).toBe(person.setupCode);
    expect(outcome(await verify(server, await challenge(server, person), person.setupCode))).toBe(REFUSED);
    expect(outcome(await verify(server, await challenge(server, person), person.code()))).toBe('200 ok');
  });

  it('[AT32] wrong guesses are to burn the code that the owner is about to type: it still works', async () => {
    const person = await somebody();
    const attacker = await challenge(server, person);
    for (let guess = 0; guess < 4; guess += 1) {
      expect(outcome(await verify(server, attacker, person.wrong()))).toBe(REFUSED);
    }
    expect(outcome(await verify(server, await challenge(server, person), person.code()))).toBe('200 ok');
  });

  it('[AT33] whoever has only the password looks for a cookie, a token or a login: there is none', async () => {
    const person = await somebody();
    const before = await sessionsOf(person);
    for (const headers of [{}, OWN_PAGE]) {
      const input = { email: person.login.user.email, password: PASSWORD, rememberMe: true };
      const { body, cookies, headers: answered } = await server.post('/auth/login', input, headers);
      expect(Object.keys(body).sort()).toEqual(['challengeId', 'expiresIn', 'mfaRequired']);
      expect([cookies, answered['set-cookie']]).toEqual([[], undefined]);
      expect(outcome(await server.get('/api/users/me', String(body.challengeId)))).toBe(REFUSED);
      expect(outcome(await server.post('/auth/refresh', { refreshToken: body.challengeId }))).toBe(REFUSED);
    }
    expect(await sessionsOf(person)).toBe(before);
  });

  it('[AT34] a challenge is used twice, late, or for a sixth try: one log-in, or none', async () => {
    const person = await somebody();
    const [one = '', two = '', three = '', four = '', five = ''] = person.recoveryCodes;
    const used = await challenge(server, person);
    const both = await Promise.all([verify(server, used, one), verify(server, used, two)]);
    expect(outcomes(both)).toEqual(['200 ok', REFUSED]);
    expect(outcome(await verify(server, used, three))).toBe(REFUSED);
    const late = await challenge(server, person);
    server.time.advance(5 * MINUTE_MS);
    expect(outcome(await verify(server, late, four))).toBe(REFUSED);
    const tried = await challenge(server, person);
    for (let guess = 0; guess < 5; guess += 1) await verify(server, tried, person.wrong());
    expect(outcome(await verify(server, tried, five))).toBe(REFUSED);
    // None of what was refused has cost the owner a code.
    expect(outcome(await verify(server, await challenge(server, person), five))).toBe('200 ok');
  });

  it('[AT35] a recovery code is used twice at once, or on the challenge of somebody else: once, by its owner', async () => {
    const [person, victim] = [await somebody(), await somebody()];
    const [code = '', own = ''] = person.recoveryCodes;
    const challenges = await Promise.all([challenge(server, person), challenge(server, person)]);
    const both = await Promise.all(challenges.map((id) => verify(server, id, code)));
    expect(outcomes(both)).toEqual(['200 ok', REFUSED]);
    const foreign = await challenge(server, victim);
    for (const mine of [own, person.code()]) {
      expect(outcome(await verify(server, foreign, mine))).toBe(REFUSED);
    }
    const answer = await verify(server, await challenge(server, person), own);
    expect(answer.body).toMatchObject({ user: { userId: person.userId } });
  });

  it('[AT36] fifty guesses at once on many challenges: ten are looked at, then nobody’s code counts for 15 minutes', async () => {
    const person = await somebody();
    const challenges: string[] = [];
    for (let n = 0; n < 11; n += 1) challenges.push(await challenge(server, person));
    const guesses = Array.from({ length: 50 }, (_, n) =>
      verify(server, challenges[n % 10] ?? '', person.wrong()),
    );
    const answers = outcomes(await Promise.all(guesses));
    expect(answers.filter((answer) => answer === REFUSED)).toHaveLength(10);
    expect(answers.filter((answer) => answer === LOCKED)).toHaveLength(40);
    const right = await verify(server, challenges[10] ?? '', person.code());
    expect(outcome(right)).toBe(LOCKED);
    expect(right.body.error.retryAfterMs).toBeGreaterThan(14 * MINUTE_MS);
    expect(right.body.error.retryAfterMs).toBeLessThanOrEqual(15 * MINUTE_MS);
    server.time.advance(15 * MINUTE_MS);
    expect(outcome(await verify(server, await challenge(server, person), person.code()))).toBe('200 ok');
  });

  it('[AT37] the password is typed anew after each few guesses: the guesses stay counted', async () => {
    const person = await somebody();
    for (let login = 0; login < 5; login += 1) {
      const id = await challenge(server, person);
      for (let guess = 0; guess < 2; guess += 1) {
        expect(outcome(await verify(server, id, person.wrong()))).toBe(REFUSED);
      }
    }
    expect(outcome(await verify(server, await challenge(server, person), person.code()))).toBe(LOCKED);
  });

  it('[AT38] the account is locked or given another password between the two steps: no log-in', async () => {
    const person = await somebody();
    const [changed, locked] = [await challenge(server, person), await challenge(server, person)];
    await copyPassword((await server.signUp()).user.userId, person.userId);
    expect(outcome(await verify(server, changed, person.code()))).toBe(REFUSED);
    for (let guess = 0; guess < 3; guess += 1) {
      const id = await challenge(server, person);
      for (let n = 0; n < 3; n += 1) await verify(server, id, person.wrong());
    }
    expect(outcome(await verify(server, locked, person.code()))).toBe(LOCKED);
    expect(await sessionsOf(person)).toBe(1);
  });

  it('[AT95] the account is disabled between the two steps: no log-in', async () => {
    const person = await somebody();
    const id = await challenge(server, person);
    expect(await changeUser(server, await firstAdmin(server), person.userId, { disabled: true })).toBe(200);
    expect(outcome(await verify(server, id, person.code()))).toBe(REFUSED);
    const alive = 'select id from sessions where user_id = $1 and revoked_at is null';
    expect(await database.query(alive, [person.userId])).toEqual([]);
  });

  describe('[AT93] whoever writes to the database, and knows the password, moves what is sealed', () => {
    const stored = async ({ userId }: Guarded) => {
      const [row] = await database.query<{ secret: Uint8Array }>(
        'select secret_enc as secret from mfa_factors where user_id = $1',
        [userId],
      );
      return row?.secret;
    };
    const plant = ({ userId }: Guarded, sealed: Uint8Array = new Uint8Array()) =>
      database.query('update mfa_factors set secret_enc = $2 where user_id = $1', [userId, sealed]);
    const logIn = async (person: Guarded, secret: string) =>
      outcome(await verify(server, await challenge(server, person), totpAt(secret, server.time.now())));

    it('[AT93] a secret that was given up is put in the row of the present one: it does not open', async () => {
      const leaked = await somebody();
      const sealed = await stored(leaked);
      const payload = { password: PASSWORD, code: leaked.code() };
      const headers = bearer(leaked.login.accessToken);
      const url = '/api/users/me/mfa/totp';
      expect((await server.http.inject({ method: 'DELETE', url, headers, payload })).statusCode).toBe(200);
      const person = await guard(server, leaked.login);
      await plant(person, sealed);
      expect(await logIn(person, leaked.secret)).toBe(UNREADABLE);
    });

    it('[AT93] the address, which is no secret, is put in the column of the secret: it does not open', async () => {
      const person = await somebody();
      const [row] = await database.query<{ sealed: Uint8Array }>(
        'select email_enc as sealed from users where id = $1',
        [person.userId],
      );
      await plant(person, row?.sealed);
      const address = Secret.fromUTF8(person.login.user.email).base32;
      expect(await logIn(person, address)).toBe(UNREADABLE);
    });

    it('[AT93] all that is sealed of the attacker, key included, is put in the rows of the victim: it does not open', async () => {
      const [attacker, victim] = [await somebody(), await somebody()];
      await plant(victim, await stored(attacker));
      const from = [victim.userId, attacker.userId];
      await database.query(
        `update subject_keys k set key_id = o.key_id, wrapped = o.wrapped from subject_keys o
          where k.subject_id = $1 and o.subject_id = $2`,
        from,
      );
      await database.query(
        `update users u set email_enc = o.email_enc from users o where u.id = $1 and o.id = $2`,
        from,
      );
      expect(await logIn(victim, attacker.secret)).toBe(UNREADABLE);
    });
  });

  it('[AT39] a login from before the factor, a new password or another way in is to do without it: all need it', async () => {
    const login = await server.signUp();
    const { email } = login.user;
    const older = await server.post('/auth/login', { email, password: PASSWORD });
    const person = await guard(server, login);
    expect(outcome(await server.get('/api/users/me', String(older.body.accessToken)))).toBe(
      '401 TOKEN_REVOKED',
    );
    const { refreshToken } = older.body;
    expect(outcome(await server.post('/auth/refresh', { refreshToken }))).toBe('401 TOKEN_REVOKED');
    // What a forgotten password's reset changes is the first factor only.
    await copyPassword((await server.signUp()).user.userId, person.userId);
    const again = await server.post('/auth/login', { email, password: PASSWORD });
    expect(Object.keys(again.body)).toContain('mfaRequired');
    expect(outcome(await server.post('/auth/signup', { email, password: PASSWORD, username: 'Ada' }))).toBe(
      '409 CONFLICT',
    );
    const refreshed = await server.post('/auth/refresh', { refreshToken: login.refreshToken });
    const [, payload = ''] = String(refreshed.body.accessToken).split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      acr: 'aal2',
      amr: ['pwd', 'otp'],
    });
  });
});

describeEachServer('attacks on the second factor, by socket', (start) => {
  let world: World;
  beforeAll(async () => {
    world = new World({ url: (await start()).url });
  });
  afterAll(() => world.sockets.closeAll());

  describe('a socket of before', () => {
    it('[AT39] stays open over the set-up, or opens with a challenge: it is cut, and refused', async () => {
      const person = await world.signUp();
      const older = await world.logIn(person);
      const socket = await world.controller(older);
      const closed = new Promise((resolve) => socket.once('session-closing', resolve));
      const token = person.accessToken;
      const begun = await world.http.post('/api/users/me/mfa/totp', { password: person.password }, token);
      const code = totpAt(TotpEnrolmentSchema.parse(begun.body).secret, Date.now());
      const on = await world.http.post('/api/users/me/mfa/totp/confirm', { code }, token);
      expect(RecoveryCodesSchema.parse(on.body).recoveryCodes).toHaveLength(10);
      expect(await closed).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
      expect(await world.sockets.refusal({ token: older.accessToken })).toMatchObject({
        code: 'TOKEN_REVOKED',
      });
      const { email, password } = person;
      const due = MfaChallengeSchema.parse(
        (await world.http.post('/api/auth/login', { email, password })).body,
      );
      expect(await world.sockets.refusal({ token: due.challengeId })).toMatchObject({ code: 'AUTH_ERROR' });
    });
  });
});
