import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  bearer,
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

const NEW_PASSWORD = 'another good password';
const HOUR_MS = 3_600_000;

describeEachDatabase('reset of a password', (open) => {
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

  const forgot = (email: string) => server.post('/auth/password/forgot', { email });
  const reset = (token: string, password = NEW_PASSWORD) =>
    server.post('/auth/password/reset', { token, password });
  const login = (email: string, password: string) => server.post('/auth/login', { email, password });
  /** Work after answers is done one piece after the other: when this mail has come, all before it is done. */
  const settled = async () => {
    const { user } = await server.signUp();
    await forgot(user.email);
    const { length } = inbox.mails;
    await expect.poll(() => inbox.mails.slice(length - 1).some(({ to }) => to[0] === user.email)).toBe(true);
  };

  describe('the link', () => {
    it('[USR1] [ID49] comes by mail, leads to PUBLIC_URL, and sets the password', async () => {
      const { user, refreshToken, accessToken } = await server.signUp();
      const asked = await forgot(user.email.toUpperCase());
      expect([asked.status, asked.body]).toEqual([202, { accepted: true }]);
      const mail = await inbox.next();
      expect(mail.to).toEqual([user.email]);
      expect(mail.text).toContain(`\n${SITE}/reset#token=rst_`);
      const done = await reset(tokenIn(mail));
      expect([done.status, done.body]).toEqual([200, { success: true }]);
      expect((await login(user.email, NEW_PASSWORD)).status).toBe(200);
      expect((await login(user.email, PASSWORD)).status).toBe(401);
      expect((await server.get('/api/users/me', accessToken)).body.error.code).toBe('TOKEN_REVOKED');
      expect((await server.post('/auth/refresh', { refreshToken })).status).toBe(401);
      expect((await inbox.next()).headers.get('subject')).toBe('Your password was reset');
    });

    it('[USR1] [ID49] counts for an hour', async () => {
      const { user } = await server.signUp();
      await forgot(user.email);
      const token = tokenIn(await inbox.next());
      server.time.advance(HOUR_MS + 1);
      expect((await reset(token)).body.error.code).toBe('AUTH_ERROR');
    });

    it('[SEC4] stays usable after a password that is refused', async () => {
      const { user } = await server.signUp();
      await forgot(user.email);
      const token = tokenIn(await inbox.next());
      for (const password of ['password1', user.email, 'short']) {
        expect((await reset(token, password)).body.error.code).toBe('VALIDATION_ERROR');
      }
      expect((await reset(token)).status).toBe(200);
    });

    it('[USR6] is stored as a hash, and neither it nor the address is logged', async () => {
      const { user } = await server.signUp('very-private@example.com');
      await forgot(user.email);
      const token = tokenIn(await inbox.next());
      await reset(token);
      const rows = await database.query<{ text: string }>(
        `select t::text as text from reset_tokens t union all select event::text from audit_outbox`,
      );
      const seen = JSON.stringify([rows, server.lines]);
      expect(seen).not.toContain(token.slice(4));
      expect(seen).not.toContain(Buffer.from(token.slice(4)).toString('hex'));
      expect(seen).not.toContain('very-private');
    });

    it('[USR1] shows that the address is theirs', async () => {
      const { user } = await server.signUp();
      await forgot(user.email);
      await reset(tokenIn(await inbox.next()));
      const [row] = await database.query<{ at: number | null }>('select email_verified_at as at from users');
      expect(row?.at).toEqual(expect.any(Number));
    });

    it('[USR1] [USR6] names the API keys that it ends in the audit trail', async () => {
      const { user, accessToken } = await server.signUp();
      const create = async () => {
        const key = { name: 'Signage', scopes: ['users:read'] };
        return String((await server.post('/api-keys', key, bearer(accessToken))).body.id);
      };
      const planted = [await create(), await create()];
      for (let n = 0; n < 2; n += 1) {
        await forgot(user.email);
        await reset(tokenIn(await inbox.next()));
        expect((await inbox.next()).headers.get('subject')).toBe('Your password was reset');
      }
      const rows = await database.query<{ keys: string | null }>(
        `select event -> 'data' ->> 'apiKeys' as keys from audit_outbox
          where event ->> 'action' = 'authn_password_reset' order by seq`,
      );
      expect(rows.map(({ keys }) => keys?.split(' ').sort() ?? null)).toEqual([planted.sort(), null]);
    });

    it('[USR1] is not for a disabled account', async () => {
      const { user } = await server.signUp();
      await forgot(user.email);
      const token = tokenIn(await inbox.next());
      await database.query(`update users set status = 'disabled' where id = $1`, [user.userId]);
      expect((await reset(token)).body.error.code).toBe('AUTH_ERROR');
      await forgot(user.email);
      await settled();
      expect(inbox.mails.filter(({ to }) => to[0] === user.email)).toHaveLength(1);
    });
  });

  it('[SEC3] at most three mails an hour go to one address, however it is spelt', async () => {
    const { user } = await server.signUp('ada@example.com');
    for (const email of ['ada@example.com', 'ADA@example.com', ' ada@example.com', 'ａda@example.com']) {
      expect((await forgot(email)).status).toBe(202);
    }
    await settled();
    const mails = () => inbox.mails.filter(({ to }) => to[0] === user.email);
    expect(mails()).toHaveLength(3);
    server.time.advance(HOUR_MS);
    await forgot(user.email);
    await settled();
    expect(mails()).toHaveLength(4);
  });

  it('[USR1] without SMTP the answer is the same, and the log tells once', async () => {
    const mute = await startIdentity(database);
    const { user } = await mute.signUp();
    for (const email of [user.email, 'nobody@example.com']) {
      const { status, body } = await mute.post('/auth/password/forgot', { email });
      expect([status, body]).toEqual([202, { accepted: true }]);
    }
    expect(mute.lines.filter(({ message }) => message.includes('no mail can be sent'))).toHaveLength(1);
    expect((await mute.get('/api/auth/options')).body).toEqual({
      signup: 'open',
      emailVerification: 'off',
      passwordReset: false,
    });
    expect((await server.get('/api/auth/options')).body).toMatchObject({ passwordReset: true });
    await mute.stop();
  });

  it('[USR1] what is over is pruned', async () => {
    const clock = new ManualClock();
    const pruned = await startIdentity(database, { mail: inbox.config }, { clock });
    const { user } = await pruned.signUp();
    await pruned.post('/auth/password/forgot', { email: user.email });
    await inbox.next();
    const counts = async () => {
      const [row] = await database.query(
        'select (select count(*)::int from reset_tokens) as tokens, (select count(*)::int from auth_counters) as counters',
      );
      return row;
    };
    expect(await counts()).toEqual({ tokens: 1, counters: 1 });
    pruned.time.advance(25 * HOUR_MS);
    clock.advance(HOUR_MS);
    await expect.poll(counts).toEqual({ tokens: 0, counters: 0 });
    await pruned.stop();
  });
});
