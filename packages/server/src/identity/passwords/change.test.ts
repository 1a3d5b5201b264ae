import { BongsuError } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { endedMeanwhile } from '../../../test/support/ended-login.js';
import {
  type Answer,
  emptyIdentity,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { MailInbox } from '../../../test/support/mail-inbox.js';
import type { Database } from '../../platform/database/database.js';
import type { Revoked } from '../index.js';
import { Passwords } from './passwords.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const NEW_PASSWORD = 'another good password';

describeEachDatabase('change of a password', (open) => {
  let database: Database;
  let inbox: MailInbox;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    inbox = await MailInbox.start();
    server = await startIdentity(database, { mail: inbox.config });
  });
  afterEach(async () => {
    await server.stop();
    await inbox.stop();
  });

  const change = (accessToken: string, input: object = {}) =>
    server.post(
      '/users/me/password',
      { currentPassword: PASSWORD, password: NEW_PASSWORD, ...input },
      { authorization: `Bearer ${accessToken}` },
    );
  const login = (email: string, password: string) => server.post('/auth/login', { email, password });
  const faults = ({ body }: Answer) => (body.error as { details?: unknown }).details;

  it('[USR1] [ID26] is not for a login that ended meanwhile', async () => {
    const { user, accessToken } = await server.signUp();
    const late = await endedMeanwhile(database, user.userId, () => change(accessToken));
    expect([late.status, late.body.error.code]).toEqual([401, 'TOKEN_REVOKED']);
    expect((await login(user.email, PASSWORD)).status).toBe(200);
  });

  it('[USR1] ends all other logins, cuts their sockets, keeps this one, and tells by mail', async () => {
    const { user, accessToken, refreshToken } = await server.signUp();
    const other = (await login(user.email, PASSWORD)).body;
    const ended: Revoked[] = [];
    server.identity.onRevoked((who) => ended.push(who));
    const { status, body } = await change(accessToken);
    expect([status, body]).toEqual([200, { success: true }]);
    expect(ended).toHaveLength(1);
    expect((await server.get('/api/users/me', String(other.accessToken))).body.error.code).toBe(
      'TOKEN_REVOKED',
    );
    expect((await server.post('/auth/refresh', { refreshToken: other.refreshToken })).status).toBe(401);
    expect((await server.get('/api/users/me', accessToken)).status).toBe(200);
    expect((await server.post('/auth/refresh', { refreshToken })).status).toBe(200);
    expect((await login(user.email, PASSWORD)).status).toBe(401);
    expect((await login(user.email, NEW_PASSWORD)).status).toBe(200);
    const mail = await inbox.next();
    expect([mail.to, mail.headers.get('subject')]).toEqual([[user.email], 'Your password was changed']);
  });

  it('[USR1] a wrong present password is a fault of the input, which changes nothing', async () => {
    const { user, accessToken } = await server.signUp();
    const answer = await change(accessToken, { currentPassword: 'not the password' });
    expect([answer.status, answer.body.error.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(faults(answer)).toEqual([{ path: 'currentPassword', message: 'is not right' }]);
    expect((await login(user.email, PASSWORD)).status).toBe(200);
  });

  it.each([
    ['the same one', PASSWORD],
    ['the same one in another normal form', PASSWORD.replace('c', 'ｃ')],
    ['one of the commonest', 'Password123'],
    ['the address', 'ada-1815@example.com'],
    ['a short one', 'short'],
  ])('[SEC4] is not to %s', async (_, password) => {
    const { accessToken } = await server.signUp('ada-1815@example.com');
    const answer = await change(accessToken, { password });
    expect([answer.status, answer.body.error.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(faults(answer)).toEqual([{ path: 'password', message: expect.any(String) }]);
  });

  it('[SEC3] a guess that nobody could look at is no guess', async () => {
    const { accessToken } = await server.signUp();
    const busy = new BongsuError('BUSY', { retryAfterMs: 1 });
    const verify = vi.spyOn(Passwords.prototype, 'verify').mockRejectedValue(busy);
    for (let n = 0; n < 12; n += 1) expect((await change(accessToken)).status).toBe(503);
    verify.mockRestore();
    expect((await change(accessToken)).status).toBe(200);
  });

  it('[SEC3] of thirty guesses at once ten are looked at, and right ones are not counted', async () => {
    const { user, accessToken } = await server.signUp();
    const guesses = await Promise.all(
      Array.from({ length: 30 }, (_, n) => change(accessToken, { currentPassword: `guess number ${n}` })),
    );
    const codes = guesses.map(({ body }) => body.error.code);
    expect(codes.filter((code) => code === 'VALIDATION_ERROR')).toHaveLength(10);
    expect(codes.filter((code) => code === 'RATE_LIMIT')).toHaveLength(20);
    expect((await change(accessToken)).body.error.retryAfterMs).toBeGreaterThan(0);
    const audits = await database.query(
      `select 1 from audit_outbox where event ->> 'action' = 'authn_password_fail' and event ->> 'reason' = 'limit'`,
    );
    expect(audits).toHaveLength(21);
    server.time.advance(15 * 60_000);
    const renewed = await login(user.email, PASSWORD);
    for (let n = 0; n < 12; n += 1) {
      const answer = await change(String(renewed.body.accessToken), { password: PASSWORD });
      expect(faults(answer)).toMatchObject([{ path: 'password' }]);
    }
  });

  it('[USR1] of two changes at once one wins', async () => {
    const { user, accessToken } = await server.signUp();
    const passwords = ['the first good password', 'the second good password'];
    const answers = await Promise.all(passwords.map((password) => change(accessToken, { password })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    const logins = await Promise.all(passwords.map((password) => login(user.email, password)));
    expect(logins.map(({ status }) => status).sort()).toEqual([200, 401]);
  });

  it('[USR1] voids reset links and log-ins that wait for a second factor', async () => {
    const { user, accessToken } = await server.signUp();
    await server.post('/auth/password/forgot', { email: user.email });
    await inbox.next();
    await database.query(
      `insert into auth_challenges (id_hash, user_id, purpose, created_at, expires_at) values ($1, $2, 'login', 0, $3)`,
      [new Uint8Array([1]), user.userId, Date.now() + 60_000],
    );
    expect((await change(accessToken)).status).toBe(200);
    expect(await database.query('select 1 from reset_tokens where used_at is null')).toEqual([]);
    expect(await database.query('select 1 from auth_challenges where consumed_at is null')).toEqual([]);
  });

  it('[SEC5] writes one audit row, of the success and of the failure, without secrets', async () => {
    const { user, accessToken } = await server.signUp();
    await change(accessToken, { currentPassword: 'not the password' });
    await change(accessToken);
    const rows = await database.query<{ event: object }>(
      `select event from audit_outbox where event->>'action' like 'authn_password%' order by seq`,
    );
    expect(rows.map(({ event }) => event)).toMatchObject([
      { action: 'authn_password_change_fail', outcome: 'failure', reason: 'credentials' },
      { action: 'authn_password_change', outcome: 'success', actor: { type: 'user', ref: user.userId } },
    ]);
    expect(JSON.stringify(rows)).not.toMatch(/good password|correct horse|not the password/);
  });

  it('[USR1] asks for a fresh proof of who sits there', async () => {
    const { accessToken } = await server.signUp();
    server.time.advance(11 * 60_000);
    expect((await change(accessToken)).body.error.code).toBe('STEP_UP_REQUIRED');
  });
});
