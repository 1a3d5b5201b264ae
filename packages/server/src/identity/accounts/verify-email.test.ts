import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  emptyIdentity,
  PASSWORD,
  SITE,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { MailInbox, tokenIn } from '../../../test/support/mail-inbox.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const HOUR_MS = 3_600_000;
const EMAIL = 'ada@example.com';

describeEachDatabase('verification of an address', (open) => {
  let database: Database;
  let inbox: MailInbox;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    inbox = await MailInbox.start();
    server = await startIdentity(database, { mail: inbox.config, emailVerification: 'required' });
  });
  afterEach(async () => {
    await server.stop();
    await inbox.stop();
  });

  const signup = (input: object = {}) =>
    server.post('/auth/signup', { email: EMAIL, password: PASSWORD, username: 'Ada', ...input });
  const verify = (token: string) => server.post('/auth/email/verify', { token });
  const login = (password = PASSWORD) => server.post('/auth/login', { email: EMAIL, password });

  it('[USR1] [ID48] a sign-up counts once its link was opened, and opens no login', async () => {
    const { status, body, cookies } = await signup();
    expect([status, body, cookies]).toEqual([202, { verificationRequired: true }, []]);
    const mail = await inbox.next();
    expect(mail.to).toEqual([EMAIL]);
    expect(mail.text).toContain(`\n${SITE}/verify#token=vfy_`);
    expect((await login()).status).toBe(401);
    const verified = await verify(tokenIn(mail));
    expect([verified.status, verified.body]).toEqual([200, { success: true }]);
    const { user } = (await login()).body;
    expect(user).toMatchObject({ email: EMAIL, username: 'Ada', role: 'user' });
    expect((await server.get('/api/auth/options')).body).toMatchObject({ emailVerification: 'required' });
  });

  it('[USR1] [ID48] a link counts once, for a day, and only if it was made here', async () => {
    await signup();
    const first = tokenIn(await inbox.next());
    expect((await verify(first)).status).toBe(200);
    expect((await verify(first)).body.error.code).toBe('AUTH_ERROR');
    expect((await verify('vfy_made-up')).body.error.code).toBe('AUTH_ERROR');
    await signup({ email: 'grace@example.com' });
    const late = tokenIn(await inbox.next());
    server.time.advance(24 * HOUR_MS + 1);
    expect((await verify(late)).body.error.code).toBe('AUTH_ERROR');
  });

  it('[USR1] [ID48] a taken address is told to its owner by mail, and to nobody else', async () => {
    await signup();
    await verify(tokenIn(await inbox.next()));
    const again = await signup({ password: 'some other password' });
    expect([again.status, again.body]).toEqual([202, { verificationRequired: true }]);
    const mail = await inbox.next();
    expect([mail.to, mail.headers.get('subject')]).toEqual([[EMAIL], 'You already have an account']);
    expect(mail.text).not.toContain('#token=');
    expect((await login('some other password')).status).toBe(401);
  });

  it('[USR1] [ID48] of several sign-ups with one address the first verified wins and voids the others', async () => {
    await signup({ password: 'the first good password' });
    await signup({ password: 'the second good password' });
    const tokens = [tokenIn(await inbox.next()), tokenIn(await inbox.next())];
    const answers = await Promise.all(tokens.map(verify));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(await database.query('select 1 from users')).toHaveLength(1);
    expect(await database.query('select 1 from pending_signups')).toEqual([]);
    expect(await database.query('select 1 from subject_keys')).toHaveLength(1);
  });

  it('[USR1] an address that was taken meanwhile is not taken over', async () => {
    await signup({ password: 'the first good password' });
    const token = tokenIn(await inbox.next());
    const open = await startIdentity(database);
    await open.signUp(EMAIL);
    expect((await verify(token)).body.error.code).toBe('AUTH_ERROR');
    expect((await login()).status).toBe(200);
    await open.stop();
  });

  it('[SEC3] at most three mails an hour go to one address', async () => {
    for (let n = 0; n < 5; n += 1) expect((await signup()).status).toBe(202);
    await signup({ email: 'grace@example.com' });
    await expect.poll(() => inbox.mails.some(({ to }) => to[0] === 'grace@example.com')).toBe(true);
    await expect.poll(() => inbox.mails.filter(({ to }) => to[0] === EMAIL).length).toBe(3);
  });

  it('[USR6] no address is stored or logged in clear while it waits', async () => {
    await signup({ email: 'very-private@example.com' });
    await inbox.next();
    const rows = await database.query<{ text: string }>('select p::text as text from pending_signups p');
    expect(rows).toHaveLength(1);
    const seen = JSON.stringify([rows, server.lines]);
    expect(seen).not.toContain('very-private');
    expect(seen).not.toContain(Buffer.from('very-private').toString('hex'));
    expect(seen).not.toContain(PASSWORD);
  });

  it('[USR1] what was never verified is pruned, with its key', async () => {
    const clock = new ManualClock();
    const pruned = await startIdentity(
      database,
      { mail: inbox.config, emailVerification: 'required' },
      { clock },
    );
    await pruned.post('/auth/signup', { email: EMAIL, password: PASSWORD, username: 'Ada' });
    await inbox.next();
    pruned.time.advance(25 * HOUR_MS);
    clock.advance(HOUR_MS);
    await expect.poll(() => database.query('select 1 from pending_signups')).toEqual([]);
    await expect.poll(() => database.query('select 1 from subject_keys')).toEqual([]);
    await pruned.stop();
  });

  it('[SEC5] the account and the refusals leave audit rows', async () => {
    await signup();
    await verify(tokenIn(await inbox.next()));
    await verify('vfy_made-up');
    await signup();
    await inbox.next();
    const rows = await database.query<{ event: { action: string; outcome: string } }>(
      `select event from audit_outbox where event->>'action' not like 'sys_%' order by seq`,
    );
    expect(rows.map(({ event }) => `${event.action} ${event.outcome}`)).toEqual([
      'user_signup_requested success',
      'user_created success',
      'authn_email_verify_fail failure',
      'user_created failure',
    ]);
  });
});
