import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { endedMeanwhile } from '../../../test/support/ended-login.js';
import {
  type Answer,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { MailInbox } from '../../../test/support/mail-inbox.js';
import {
  bearer,
  type Guarded,
  guard,
  outcome,
  StillTime,
  totpAt,
} from '../../../test/support/second-factor.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const TOTP = '/users/me/mfa/totp';
const LATER_MS = 11 * MINUTE_MS;
const WRONG = { password: 'not the password' };

describeEachDatabase('enrolment of a second factor', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
    server = await startIdentity(database, {}, { time: new StillTime() });
  });
  afterAll(() => server.stop());

  const begin = (token: string, body: object = { password: PASSWORD }) =>
    server.post(TOTP, body, bearer(token));
  const confirm = (token: string, code: string) => server.post(`${TOTP}/confirm`, { code }, bearer(token));
  const renew = (token: string) => server.post('/users/me/mfa/recovery-codes', undefined, bearer(token));
  const remove = async (token: string, payload: object, on = server): Promise<string> => {
    const url = `/api${TOTP}`;
    const response = await on.http.inject({ method: 'DELETE', url, headers: bearer(token), payload });
    return `${response.statusCode} ${response.json().error?.code ?? 'ok'}`;
  };
  const somebody = async (): Promise<Guarded> => guard(server, await server.signUp());
  const refreshed = async ({ refreshToken }: { refreshToken: string }) =>
    String((await server.post('/auth/refresh', { refreshToken })).body.accessToken);
  const tokenOf = ({ login }: Guarded) => login.accessToken;

  it('[USR2] [ID26] a login that ended meanwhile sets nothing up, takes nothing off and gets no codes', async () => {
    const { user, accessToken } = await server.signUp();
    const late = <T>(userId: string, work: () => Promise<T>) => endedMeanwhile(database, userId, work);
    expect(outcome(await late(user.userId, () => begin(accessToken)))).toBe('401 TOKEN_REVOKED');
    const [ofCodes, ofFactor] = [await somebody(), await somebody()];
    expect(outcome(await late(ofCodes.userId, () => renew(tokenOf(ofCodes))))).toBe('401 TOKEN_REVOKED');
    const proof = { password: PASSWORD, code: ofFactor.code() };
    expect(await late(ofFactor.userId, () => remove(tokenOf(ofFactor), proof))).toBe('401 TOKEN_REVOKED');
    const left = await database.query(
      'select user_id from mfa_factors where user_id = any($1::uuid[]) order by user_id',
      [[user.userId, ofCodes.userId, ofFactor.userId]],
    );
    expect(left.map((row) => row.user_id)).toEqual([ofCodes.userId, ofFactor.userId].sort());
  });

  describe('the proof', () => {
    it('[USR2] [USR4] comes with the call to turn it on or off, and is a step-up for recovery codes', async () => {
      const login = await server.signUp();
      const { accessToken } = login;
      server.time.advance(LATER_MS);
      const secret = String((await begin(accessToken)).body.secret);
      const confirmed = await confirm(accessToken, totpAt(secret, server.time.now()));
      expect(outcome(confirmed)).toBe('200 ok');
      expect(outcome(await renew(accessToken))).toBe('403 STEP_UP_REQUIRED');
      const [code = '', next = ''] = confirmed.body.recoveryCodes as string[];
      const proof = { password: PASSWORD, code };
      expect(outcome(await server.post('/auth/step-up', proof, bearer(accessToken)))).toBe('200 ok');
      expect(outcome(await renew(accessToken))).toBe('200 ok');
      server.time.advance(LATER_MS);
      const later = await refreshed(login);
      expect(outcome(await renew(later))).toBe('403 STEP_UP_REQUIRED');
      expect(await remove(later, { password: PASSWORD, code: next })).toBe('401 AUTH_ERROR');
      const shown = totpAt(secret, server.time.now());
      expect(await remove(later, { password: PASSWORD, code: shown })).toBe('200 ok');
    });

    it('[USR2] [SEC3] after ten wrong passwords the eleventh is not looked at, nor is the right one', async () => {
      const person = await somebody();
      const token = tokenOf(person);
      const right = () => ({ password: PASSWORD, code: person.code() });
      // Right ones do not count, whatever else is wrong with the call.
      for (let n = 0; n < 3; n += 1) expect(outcome(await begin(token))).toBe('409 CONFLICT');
      for (let n = 0; n < 10; n += 1) {
        expect(await remove(token, { ...right(), ...WRONG })).toBe('401 AUTH_ERROR');
      }
      expect(await remove(token, { ...right(), ...WRONG })).toBe('429 RATE_LIMIT');
      expect(await remove(token, right())).toBe('429 RATE_LIMIT');
      const refused = await begin(token);
      expect(outcome(refused)).toBe('429 RATE_LIMIT');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      server.time.advance(15 * MINUTE_MS);
      expect(await remove(await refreshed(person.login), right())).toBe('200 ok');
    });

    it('[USR2] [SEC3] of fifty guesses at once, over three routes, ten are looked at', async () => {
      const token = tokenOf(await somebody());
      const change = () =>
        server.post(
          '/users/me/password',
          { currentPassword: WRONG.password, password: 'another good password' },
          bearer(token),
        );
      const guesses = [
        async () => outcome(await begin(token, WRONG)),
        () => remove(token, { ...WRONG, code: '123456' }),
        async () => outcome(await change()),
      ];
      const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => guesses[n % 3]?.()));
      const refused = answers.filter((answer) => answer === '429 RATE_LIMIT');
      const wrong = answers.filter((answer) =>
        ['401 AUTH_ERROR', '400 VALIDATION_ERROR'].includes(answer ?? ''),
      );
      expect([refused.length, wrong.length]).toEqual([40, 10]);
    });

    it('[USR2] a password that was changed after it was looked at turns nothing on or off', async () => {
      const person = await somebody();
      const other = await server.signUp();
      const change = (userId: string) =>
        database.query(`update users set password_hash = password_hash || '0' where id = $1`, [userId]);
      const transaction = database.transaction.bind(database);
      const overtake = (userId: string) => {
        database.transaction = async (work) => {
          database.transaction = transaction;
          await change(userId);
          return transaction(work);
        };
      };
      overtake(person.userId);
      expect(await remove(tokenOf(person), { password: PASSWORD, code: person.code() })).toBe(
        '401 AUTH_ERROR',
      );
      overtake(other.user.userId);
      expect(outcome(await begin(other.accessToken))).toBe('401 AUTH_ERROR');
      const state = await server.get('/api/users/me/mfa', tokenOf(person));
      expect(state.body).toMatchObject({ totp: true, recoveryCodesLeft: 10, required: false });
    });
  });

  describe('notices', () => {
    let inbox: MailInbox;
    let mailing: TestIdentity;

    beforeEach(async () => {
      inbox = await MailInbox.start();
    });
    afterEach(async () => {
      await mailing.stop();
      await inbox.stop();
    });

    const start = async (config: object = {}) => {
      mailing = await startIdentity(database, { mail: inbox.config, ...config }, { time: new StillTime() });
    };
    const turnOnAndOff = async () => {
      const person = await guard(mailing, await mailing.signUp());
      const wrong = { password: PASSWORD, code: person.wrong() };
      expect(await remove(tokenOf(person), wrong, mailing)).toBe('401 AUTH_ERROR');
      const right = { password: PASSWORD, code: person.code() };
      expect(await remove(tokenOf(person), right, mailing)).toBe('200 ok');
      return person.login.user;
    };

    it('[USR2] tell by mail that it was turned on, and off, and of nothing that failed', async () => {
      await start();
      const { email } = await turnOnAndOff();
      const mails = [await inbox.next(), await inbox.next()];
      expect(mails.map(({ to, headers }) => [to, headers.get('subject')])).toEqual([
        [[email], 'Two-step login was turned on'],
        [[email], 'Two-step login was turned off'],
      ]);
      await mailing.stop();
      expect(inbox.mails).toHaveLength(2);
    });

    it('[USR2] [USR1] go to no address that nobody has shown to be theirs, where that is asked for', async () => {
      await start();
      const login = await mailing.signUp();
      await mailing.stop();
      await start({ emailVerification: 'required' });
      await guard(mailing, login);
      await mailing.stop();
      await start({ emailVerification: 'required' });
      await database.query('update users set email_verified_at = 1 where id = $1', [login.user.userId]);
      const password = { currentPassword: PASSWORD, password: 'another good password' };
      const changed: Answer = await mailing.post('/users/me/password', password, bearer(login.accessToken));
      expect(outcome(changed)).toBe('200 ok');
      expect((await inbox.next()).headers.get('subject')).toBe('Your password was changed');
      expect(inbox.mails).toHaveLength(1);
    });
  });
});
