import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { MINUTE_MS, PASSWORD, startIdentity, type TestIdentity } from '../../../test/support/identity.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
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
} from '../../../test/support/second-factor.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const TOTP = '/users/me/mfa/totp';

describeEachDatabase('the second factor', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
    server = await startIdentity(database, {}, { time: new StillTime() });
  });
  afterAll(() => server.stop());

  const somebody = async (): Promise<Guarded> => guard(server, await server.signUp());
  const headersOf = ({ login }: Pick<Guarded, 'login'>) => bearer(login.accessToken);
  const begin = (token: string, password = PASSWORD) => server.post(TOTP, { password }, bearer(token));
  const confirm = (token: string, code: string) => server.post(`${TOTP}/confirm`, { code }, bearer(token));
  const state = async (token: string) => (await server.get(`/api${TOTP.replace('/totp', '')}`, token)).body;
  async function remove(person: Guarded, code: string, password = PASSWORD): Promise<string> {
    const response = await server.http.inject({
      method: 'DELETE',
      url: `/api${TOTP}`,
      headers: headersOf(person),
      payload: { password, code },
    });
    return `${response.statusCode} ${response.json().error?.code ?? 'ok'}`;
  }
  const audited = async (userId: string): Promise<string[]> => {
    const rows = await database.query<{ event: { action: string; reason?: string } }>(
      `select event from audit_outbox where event::text like '%' || $1 || '%' order by id`,
      [userId],
    );
    return rows.map(({ event }) => [event.action, event.reason].filter(Boolean).join(' '));
  };
  const counted = async (name: string): Promise<string> => {
    const text = await server.metrics.text();
    return text.split('\n').find((line) => line.startsWith(name)) ?? '';
  };

  describe('setting it up', () => {
    it('[USR2] takes a password and a code, then answers ten recovery codes and says that it is on', async () => {
      const { accessToken, user } = await server.signUp();
      expect(await state(accessToken)).toEqual({
        totp: false,
        since: null,
        recoveryCodesLeft: 0,
        required: false,
      });
      const begun = await begin(accessToken);
      expect(outcome(begun)).toBe('200 ok');
      expect(begun.headers['cache-control']).toBe('no-store');
      const { secret, otpauthUrl } = begun.body as unknown as { secret: string; otpauthUrl: string };
      expect(decodeURIComponent(otpauthUrl)).toContain(`otpauth://totp/bongsu.test:${user.email}?`);
      expect(await state(accessToken)).toMatchObject({ totp: false });
      const confirmed = await confirm(accessToken, totpAt(secret, server.time.now()));
      expect(confirmed.body.recoveryCodes).toHaveLength(10);
      expect(confirmed.headers['cache-control']).toBe('no-store');
      const since = server.time.now();
      expect(await state(accessToken)).toEqual({ totp: true, since, recoveryCodesLeft: 10, required: false });
      expect(await audited(user.userId)).toEqual(['user_created', 'user_mfa_begun', 'user_mfa_enabled']);
    });

    it('[USR2] refuses a wrong password, a wrong code, and a second factor beside the first', async () => {
      const { accessToken } = await server.signUp();
      expect(outcome(await begin(accessToken, 'not the password'))).toBe('401 AUTH_ERROR');
      expect(outcome(await confirm(accessToken, '123456'))).toBe('409 CONFLICT');
      const secret = String((await begin(accessToken)).body.secret);
      const wrong = totpAt(secret, server.time.now() + 5 * STEP_MS);
      expect(outcome(await confirm(accessToken, wrong))).toBe('401 AUTH_ERROR');
      expect(outcome(await confirm(accessToken, totpAt(secret, server.time.now())))).toBe('200 ok');
      expect(outcome(await begin(accessToken))).toBe('409 CONFLICT');
      expect(outcome(await confirm(accessToken, totpAt(secret, server.time.now())))).toBe('409 CONFLICT');
    });

    it('[USR2] counts for nothing after ten minutes, or once it was begun anew', async () => {
      const { accessToken } = await server.signUp();
      const first = String((await begin(accessToken)).body.secret);
      const second = String((await begin(accessToken)).body.secret);
      expect(outcome(await confirm(accessToken, totpAt(first, server.time.now())))).toBe('401 AUTH_ERROR');
      server.time.advance(10 * MINUTE_MS);
      const late = await confirm(accessToken, totpAt(second, server.time.now()));
      expect(outcome(late)).toBe('409 CONFLICT');
    });

    it('[USR2] needs a login', async () => {
      expect(outcome(await server.post(TOTP, { password: PASSWORD }))).toBe('401 AUTH_ERROR');
      expect(outcome(await server.post(`${TOTP}/confirm`, { code: '123456' }))).toBe('401 AUTH_ERROR');
    });

    it('[USR2] stores no secret and no recovery code as they are, and none that opens in another row', async () => {
      const [one, two] = [await somebody(), await somebody()];
      const stored = async (person: Guarded) =>
        (
          await database.query<{ secretEnc: Uint8Array }>(
            'select secret_enc as "secretEnc" from mfa_factors where user_id = $1',
            [person.userId],
          )
        )[0]?.secretEnc ?? new Uint8Array();
      expect(Buffer.from(await stored(one)).length).toBeGreaterThan(40);
      const codes = await database.query<{ hash: Uint8Array }>('select hash from recovery_codes');
      const plain = one.recoveryCodes.flatMap((code) => [code, code.replaceAll('-', '')]);
      const hex = codes.map(({ hash }) => Buffer.from(hash).toString('hex'));
      for (const code of plain) {
        expect(hex).not.toContain(Buffer.from(code).toString('hex'));
        expect(hex).not.toContain(createHash('sha256').update(code).digest('hex'));
      }
      await database.query('update mfa_factors set secret_enc = $2 where user_id = $1', [
        two.userId,
        await stored(one),
      ]);
      const moved = await verify(server, await challenge(server, two), one.code());
      expect(outcome(moved)).toBe('500 INTERNAL_ERROR');
      expect(JSON.stringify(server.lines)).not.toContain(one.secret);
    });
  });

  describe('logging in', () => {
    it('[USR2] has two steps, and the login says that it has', async () => {
      const person = await somebody();
      const id = await challenge(server, person, { rememberMe: true });
      const answer = await verify(server, id, person.code());
      expect(outcome(answer)).toBe('200 ok');
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.body.user).toMatchObject({
        userId: person.userId,
        email: person.login.user.email,
        lastLoginAt: server.time.now(),
      });
      const rows = await database.query(
        `select acr, amr, idle_ms as "idleMs" from sessions where user_id = $1 order by created_at, amr`,
        [person.userId],
      );
      const aal2 = { acr: 'aal2', amr: 'pwd otp' };
      expect(rows).toEqual([
        { ...aal2, idleMs: 30 * MINUTE_MS },
        { ...aal2, idleMs: null },
      ]);
      expect(await audited(person.userId)).toEqual([
        'user_created',
        'user_mfa_begun',
        'user_mfa_enabled',
        'authn_mfa_challenge',
        'authn_login_success',
      ]);
    });

    it('[USR2] takes each recovery code once, as people type it', async () => {
      const person = await somebody();
      const [code = '', other = ''] = person.recoveryCodes;
      const typed = code.toLowerCase().replaceAll('-', ' ');
      expect(outcome(await verify(server, await challenge(server, person), typed))).toBe('200 ok');
      expect(outcome(await verify(server, await challenge(server, person), code))).toBe('401 AUTH_ERROR');
      expect(outcome(await verify(server, await challenge(server, person), other))).toBe('200 ok');
      expect(await state(person.login.accessToken)).toMatchObject({ recoveryCodesLeft: 8, required: false });
      const rows = await database.query('select amr from sessions where user_id = $1 order by amr', [
        person.userId,
      ]);
      expect(rows.map(({ amr }) => amr)).toEqual(['pwd otp', 'pwd rc', 'pwd rc']);
    });

    it('[USR2] takes a TOTP with spaces, and the one before when it was not used', async () => {
      const person = await somebody();
      const late = person.code();
      server.time.advance(STEP_MS);
      const typed = `${late.slice(0, 3)} ${late.slice(3)}`;
      expect(outcome(await verify(server, await challenge(server, person), typed))).toBe('200 ok');
      expect(outcome(await verify(server, await challenge(server, person), person.code()))).toBe('200 ok');
    });

    it('[USR2] [ID34] with TOTP_PREVIOUS_STEPS=0 takes no code of the step before, to log in or to set it up', async () => {
      const time = new StillTime();
      const strict = await startIdentity(database, { totpPreviousSteps: 0 }, { time });
      onTestFinished(() => strict.stop());
      const headers = bearer((await strict.signUp()).accessToken);
      const secret = String((await strict.post(TOTP, { password: PASSWORD }, headers)).body.secret);
      const late = totpAt(secret, time.now());
      time.advance(STEP_MS);
      const confirmed: string[] = [];
      for (const code of [late, totpAt(secret, time.now())])
        confirmed.push(outcome(await strict.post(`${TOTP}/confirm`, { code }, headers)));
      expect(confirmed).toEqual(['401 AUTH_ERROR', '200 ok']);
      const person = await guard(strict, await strict.signUp());
      const before = person.code();
      time.advance(STEP_MS);
      const id = await challenge(strict, person);
      expect(outcome(await verify(strict, id, before))).toBe('401 AUTH_ERROR');
      expect(outcome(await verify(strict, id, person.code()))).toBe('200 ok');
    });

    it('[USR2] sets the cookie with the second step', async () => {
      const person = await somebody();
      const challengeId = await challenge(server, person);
      const own = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-origin' };
      const foreign = { ...own, 'sec-fetch-site': 'cross-site' };
      const body = { challengeId, code: person.code() };
      expect(outcome(await server.post('/auth/mfa/verify', body, foreign))).toBe('403 CSRF_ERROR');
      const answer = await server.post('/auth/mfa/verify', body, own);
      expect(Object.keys(answer.body).sort()).toEqual(['accessToken', 'expiresIn', 'user']);
      expect(answer.cookies).toMatchObject([{ name: 'bongsu_rt', httpOnly: true, sameSite: 'Strict' }]);
    });

    it('[USR2] says how many tries are left, and none of them helps once the challenge is over', async () => {
      const person = await somebody();
      const id = await challenge(server, person);
      const left: unknown[] = [];
      for (let n = 0; n < 6; n += 1) {
        const { body } = await verify(server, id, person.wrong());
        left.push((body.error as { details?: { triesLeft: number } }).details?.triesLeft);
      }
      expect(left).toEqual([4, 3, 2, 1, 0, undefined]);
    });

    it('[USR2] a right code forgets the wrong ones before it', async () => {
      const person = await somebody();
      for (let round = 0; round < 3; round += 1) {
        const id = await challenge(server, person);
        for (let n = 0; n < 4; n += 1) await verify(server, id, person.wrong());
        expect(outcome(await verify(server, id, person.code()))).toBe('200 ok');
        server.time.advance(STEP_MS);
      }
    });
  });

  describe('changing it', () => {
    it('[USR2] is taken off by password and code, which ends every other login', async () => {
      const person = await somebody();
      const other = await verify(server, await challenge(server, person), person.code());
      const [code = ''] = person.recoveryCodes;
      expect(await remove(person, code, 'not the password')).toBe('401 AUTH_ERROR');
      expect(await remove(person, person.wrong())).toBe('401 AUTH_ERROR');
      expect(await remove(person, code)).toBe('200 ok');
      expect(await remove(person, code)).toBe('409 CONFLICT');
      const { accessToken } = person.login;
      expect(await state(accessToken)).toEqual({
        totp: false,
        since: null,
        recoveryCodesLeft: 0,
        required: false,
      });
      expect(outcome(await server.get('/api/users/me', String(other.body.accessToken)))).toBe(
        '401 TOKEN_REVOKED',
      );
      const { email } = person.login.user;
      const again = await server.post('/auth/login', { email, password: PASSWORD });
      expect(Object.keys(again.body)).toContain('accessToken');
      expect(await audited(person.userId)).toContain('user_mfa_disabled');
    });

    it('[USR2] new recovery codes void the old ones', async () => {
      const person = await somebody();
      const renew = () => server.post('/users/me/mfa/recovery-codes', undefined, headersOf(person));
      const [fresh = ''] = (await renew()).body.recoveryCodes as string[];
      const [old = ''] = person.recoveryCodes;
      expect(outcome(await verify(server, await challenge(server, person), old))).toBe('401 AUTH_ERROR');
      expect(outcome(await verify(server, await challenge(server, person), fresh))).toBe('200 ok');
      await remove(person, person.code());
      expect(outcome(await renew())).toBe('409 CONFLICT');
    });

    it('[USR2] guesses of one who is signed in count with those of one who logs in', async () => {
      const person = await somebody();
      for (let n = 0; n < 5; n += 1) expect(await remove(person, person.wrong())).toBe('401 AUTH_ERROR');
      const id = await challenge(server, person);
      for (let n = 0; n < 5; n += 1) await verify(server, id, person.wrong());
      expect(await remove(person, person.code())).toBe('423 ACCOUNT_LOCKED');
      expect(await audited(person.userId)).toContain('authn_mfa_fail locked');
      server.time.advance(15 * MINUTE_MS);
      const later = await verify(server, await challenge(server, person), person.code());
      expect(outcome(later)).toBe('200 ok');
    });

    it('[USR2] guesses at an enrolment that somebody else began count as well', async () => {
      const { accessToken } = await server.signUp();
      const secret = String((await begin(accessToken)).body.secret);
      const wrong = totpAt(secret, server.time.now() + 5 * STEP_MS);
      for (let n = 0; n < 10; n += 1) await confirm(accessToken, wrong);
      const right = await confirm(accessToken, totpAt(secret, server.time.now()));
      expect(outcome(right)).toBe('423 ACCOUNT_LOCKED');
    });
  });

  it('[USR2] counts outcomes, and nobody by name', async () => {
    const person = await somebody();
    await verify(server, await challenge(server, person), person.wrong());
    for (const result of ['totp', 'wrong', 'recovery', 'locked']) {
      const line = await counted(`bongsu_second_factors_total{outcome="${result}"}`);
      expect(Number(line.split(' ').at(-1)), result).toBeGreaterThan(0);
    }
  });

  it('[USR2] challenges, enrolments and counts of guesses that are over are removed', async () => {
    const [clock, time] = [new ManualClock(), new StillTime()];
    const other = await startIdentity(database, {}, { clock, time });
    const login = await other.signUp();
    await other.post(TOTP, { password: PASSWORD }, bearer(login.accessToken));
    const person = await guard(other, await other.signUp());
    await verify(other, await challenge(other, person), person.wrong());
    const left = async () => {
      const [row] = await database.query<{ left: number }>(
        `select (select count(*) from auth_challenges where user_id = $1)::int
              + (select count(*) from mfa_factors where user_id = $2 and state = 'pending')::int
              + (select count(*) from auth_counters where scope = 'otp' and window_start = $3)::int as left`,
        [person.userId, login.user.userId, guessedAt],
      );
      return row?.left;
    };
    const guessedAt = time.now();
    expect(await left()).toBe(3);
    time.advance(24 * 60 * MINUTE_MS + 1);
    clock.advance(60 * MINUTE_MS);
    await expect.poll(left).toBe(0);
    await other.stop();
  });

  describe('the limit of the second step', () => {
    it('[USR2] lets an office behind one address in, and counts made-up challenges by address', async () => {
      const time = new StillTime();
      const people = await Promise.all([1, 2, 3, 4].map(() => server.signUp()));
      const limited = await startIdentity(database, {}, { time, requestsPerMinute: 3 });
      const verifyAt = (id: string, code: string) => verify(limited, id, code);
      const guarded: { person: Guarded; id: string }[] = [];
      for (const login of people) {
        const person = await guard(server, login);
        guarded.push({ person, id: await challenge(server, person) });
      }
      time.offsetMs = server.time.offsetMs;
      const made = await Promise.all([1, 2, 3].map((n) => verifyAt(`mfc_${'A'.repeat(63)}${n}`, '123456')));
      expect(made.map(outcome)).toEqual(['401 AUTH_ERROR', '401 AUTH_ERROR', '401 AUTH_ERROR']);
      expect(outcome(await verifyAt('made up', '123456'))).toBe('429 RATE_LIMIT');
      for (const { person, id } of guarded) expect(outcome(await verifyAt(id, person.code()))).toBe('200 ok');
      await limited.stop();
    });

    it('[USR2] counts challenges that are over by address, all together, before it writes anything of them', async () => {
      const time = new StillTime();
      const limited = await startIdentity(database, {}, { time, requestsPerMinute: 6 });
      onTestFinished(() => limited.stop());
      const person = await guard(limited, await limited.signUp());
      const [used, old] = [await challenge(limited, person), await challenge(limited, person)];
      expect(outcome(await verify(limited, used, person.code()))).toBe('200 ok');
      time.advance(5 * MINUTE_MS);
      const open = await challenge(limited, person);
      const refused = async () => {
        const [row] = await database.query<{ n: number }>(
          `select count(*)::int as n from audit_outbox where event->>'action' = 'authn_mfa_fail'`,
        );
        return row?.n ?? 0;
      };
      const before = await refused();
      const answers: string[] = [];
      for (const id of [used, old, used, old, used, old, used, old])
        answers.push(outcome(await verify(limited, id, '123456')));
      const looked = answers.filter((answer) => answer === '401 AUTH_ERROR');
      expect(answers.slice(looked.length)).toEqual(['429 RATE_LIMIT', '429 RATE_LIMIT', '429 RATE_LIMIT']);
      expect(await refused()).toBe(before + looked.length);
      // The same address is let in by one that is open.
      expect(outcome(await verify(limited, open, person.code()))).toBe('200 ok');
    });
  });
});
