import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Revoked } from '../../src/identity/index.js';
import type { Database } from '../../src/platform/database/database.js';
import { describeEachDatabase } from '../support/databases.js';
import {
  type Answer,
  DAY_MS,
  emptyIdentity,
  PASSWORD,
  SITE,
  startIdentity,
  type TestIdentity,
} from '../support/identity.js';
import { MailInbox, tokenIn } from '../support/mail-inbox.js';
import { boundOfChance, commonLanguageEffect, timeInterleaved } from '../support/rank-test.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const VICTIM = 'victim@example.com';
const NEW_PASSWORD = 'what only the owner knows';
const LOGINS = 60;
const REQUESTS = 45;

describeEachDatabase('attacks on passwords and mail', (open, profile) => {
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

  const forgot = (email: string, headers = {}) => server.post('/auth/password/forgot', { email }, headers);
  const reset = (token: string, password = NEW_PASSWORD) =>
    server.post('/auth/password/reset', { token, password });
  const login = (email: string, password = PASSWORD) => server.post('/auth/login', { email, password });
  const signup = (input: object = {}) =>
    server.post('/auth/signup', { email: VICTIM, password: PASSWORD, username: 'Somebody', ...input });
  const resetToken = async (email = VICTIM) => {
    await forgot(email);
    return tokenIn(await inbox.next());
  };
  /** In place of the first server: sign-ups wait for their mail. */
  const verifying = async () => {
    await server.stop();
    server = await startIdentity(database, { mail: inbox.config, emailVerification: 'required' });
  };
  const plant = async (userId: string) => {
    await database.query(
      `insert into api_keys (id, user_id, name, secret_hash, scopes, created_at) values ('planted', $1, 'x', $2, '{}', 0)`,
      [userId, new Uint8Array(32)],
    );
    await database.query(
      `insert into mfa_factors (id, user_id, secret_enc, state, created_at) values (gen_random_uuid(), $1, $2, 'active', 0)`,
      [userId, new Uint8Array(32)],
    );
    await database.query('insert into recovery_codes (user_id, hash, created_at) values ($1, $2, 0)', [
      userId,
      new Uint8Array(32),
    ]);
  };
  const planted = async () => {
    const [row] = await database.query(
      `select (select count(*)::int from api_keys where revoked_at is null) as keys,
              (select count(*)::int from mfa_factors) as factors,
              (select count(*)::int from recovery_codes) as codes`,
    );
    return row;
  };
  /** All of an answer that another one can be compared with. */
  const visible = ({ status, body, headers, cookies }: Answer) => {
    const { requestId: _, ...rest } = body as Record<string, unknown>;
    const { 'x-request-id': __, date: ___, ...others } = headers;
    return { status, body: rest, headers: others, cookies };
  };

  it('[AT40] a squatter who signed up with the address of a victim keeps no way in once the victim resets the password', async () => {
    const { user, accessToken, refreshToken } = await server.signUp(VICTIM);
    await plant(user.userId);
    const ended: Revoked[] = [];
    server.identity.onRevoked((who) => ended.push(who));
    expect((await reset(await resetToken())).status).toBe(200);
    // The factor stays: with it gone, reading the mail of somebody who has one would be enough to sign in as them.
    expect(await planted()).toEqual({ keys: 0, factors: 1, codes: 1 });
    expect(ended).toContainEqual({ apiKeyId: 'planted' });
    expect((await login(VICTIM)).status).toBe(401);
    expect((await server.get('/api/users/me', accessToken)).status).toBe(401);
    expect((await server.post('/auth/refresh', { refreshToken })).status).toBe(401);
    expect((await login(VICTIM, NEW_PASSWORD)).body.mfaRequired).toBe(true);
  });

  it('[AT40] where addresses are verified, the sign-up of a squatter is void once the victim has verified their own', async () => {
    await verifying();
    await signup({ password: 'what the squatter knows' });
    const squatters = tokenIn(await inbox.next());
    await signup();
    const own = tokenIn(await inbox.next());
    expect((await server.post('/auth/email/verify', { token: own })).status).toBe(200);
    expect((await server.post('/auth/email/verify', { token: squatters })).status).toBe(401);
    expect((await login(VICTIM, 'what the squatter knows')).status).toBe(401);
    expect((await login(VICTIM)).status).toBe(200);
  });

  it('[AT41] a forged Host does not lead the link of a reset to the attacker', async () => {
    await server.signUp(VICTIM);
    const forged = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.example',
      origin: 'https://evil.example',
      referer: 'https://evil.example/',
    };
    expect((await forgot(VICTIM, forged)).status).toBe(202);
    const { raw, text } = await inbox.next();
    expect(text).toContain(`${SITE}/reset#token=`);
    expect(raw).not.toContain('evil.example');
  });

  it('[AT42] look-alikes of an address are that address or none at all, and mail goes where it was stored to go', async () => {
    await server.signUp(VICTIM);
    for (const same of [
      'ｖｉｃｔｉｍ@example.com',
      'victim＠example.com',
      'VICTIM@EXAMPLE.COM',
      'vıctim@example.com'.replace('ı', 'I'),
    ]) {
      expect((await signup({ email: same })).body.error.code, same).toBe('CONFLICT');
      expect((await login(same)).status, same).toBe(200);
    }
    for (const other of [
      'v\u0456ctim@example.com',
      'victim@ex\u0430mple.com',
      'victim@example.com＠evil.example',
      'victim@example.com@evil.example',
    ]) {
      expect((await signup({ email: other })).body.error.code, other).toBe('VALIDATION_ERROR');
      expect((await login(other)).status, other).toBe(401);
      expect((await forgot(other)).status).toBe(202);
    }
    await forgot('ｖictim@example.com');
    expect((await inbox.next()).to).toEqual([VICTIM]);
    expect(inbox.mails).toHaveLength(1);
    for (const username of ['\u0430dmin', 'ad\u200bmin', 'Admin\u202e', 'ра\u0443pal']) {
      expect((await signup({ email: 'x@example.com', username })).body.error.code).toBe('VALIDATION_ERROR');
    }
    const named = await signup({ email: 'y@example.com', username: 'Ａda' });
    expect(named.body.user).toMatchObject({ username: 'Ada' });
  });

  // What is measured does not depend on the database.
  describe.skipIf(profile === 'postgres')('by time', () => {
    it('[AT43] the time of a log-in does not tell whether an address is known', async () => {
      await server.signUp(VICTIM);
      const wrong = (email: string) => () => {
        // Whatever counts wrong passwords has forgotten the last one.
        server.time.advance(DAY_MS);
        return login(email, 'wrong password');
      };
      const times = await timeInterleaved(LOGINS, wrong(VICTIM), wrong('nobody@example.com'));
      const effect = commonLanguageEffect(times.left, times.right);
      expect(Math.abs(effect - 0.5), `effect ${effect}`).toBeLessThan(boundOfChance(LOGINS, LOGINS));
    });

    it('[AT43] the time of a reset request does not tell whether an address is known', async () => {
      const emails = Array.from({ length: REQUESTS / 3 }, (_, n) => `someone-${n}@example.com`);
      for (const email of emails) await server.signUp(email);
      // Three an hour each: one more would be counted and done with.
      const times = await timeInterleaved(
        REQUESTS,
        (n) => forgot(`someone-${n % emails.length}@example.com`),
        (n) => forgot(`nobody-${n % emails.length}@example.com`),
      );
      const effect = commonLanguageEffect(times.left, times.right);
      expect(Math.abs(effect - 0.5), `effect ${effect}`).toBeLessThan(boundOfChance(REQUESTS, REQUESTS));
      const made = () => database.query('select 1 from reset_tokens');
      await expect.poll(made, { timeout: 60_000 }).toHaveLength(REQUESTS);
    });

    it('[AT96] the time of a sign-up that waits for its mail does not tell whether an address is taken', async () => {
      const emails = Array.from({ length: LOGINS / 3 }, (_, n) => `someone-${n}@example.com`);
      for (const email of emails) await server.signUp(email);
      await verifying();
      // Three mails an hour each: one more would be counted and done with.
      const times = await timeInterleaved(
        LOGINS,
        (n) => signup({ email: `someone-${n % emails.length}@example.com` }),
        (n) => signup({ email: `nobody-${n % emails.length}@example.com` }),
      );
      const effect = commonLanguageEffect(times.left, times.right);
      expect(Math.abs(effect - 0.5), `effect ${effect}`).toBeLessThan(boundOfChance(LOGINS, LOGINS));
    });
  });

  it('[AT43] a reset request is answered before anybody looks the address up', async () => {
    await server.signUp(VICTIM);
    const transaction = database.transaction.bind(database);
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    database.transaction = (work, options) => opened.then(() => transaction(work, options));
    onTestFinished(() => {
      open();
      database.transaction = transaction;
    });
    const answers = [await forgot(VICTIM), await forgot('nobody@example.com')];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(inbox.mails).toEqual([]);
    open();
    expect((await inbox.next()).to).toEqual([VICTIM]);
  }, 30_000);

  it('[AT44] no answer of sign-up, log-in or reset tells whether an address is known, by status, body or headers', async () => {
    await server.signUp(VICTIM);
    await verifying();
    const nobody = 'nobody@example.com';
    const pairs = [
      [await signup(), await signup({ email: nobody })],
      [await login(VICTIM, 'wrong password'), await login(nobody, 'wrong password')],
      [await forgot(VICTIM), await forgot(nobody)],
    ] as const;
    for (const [known, unknown] of pairs) expect(visible(known)).toEqual(visible(unknown));
  });

  it('[AT45] a reset link works once: not again, not beside fifty of itself, and no older one after it', async () => {
    await server.signUp(VICTIM);
    const older = await resetToken();
    const token = await resetToken();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => reset(token, `a good password, number ${n}`)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const refused = answers.filter(({ body }) => body.error?.code === 'AUTH_ERROR');
    expect(refused).toHaveLength(49);
    for (const spent of [token, older]) expect((await reset(spent)).body.error.code).toBe('AUTH_ERROR');
    const winner = answers.findIndex(({ status }) => status === 200);
    expect((await login(VICTIM, `a good password, number ${winner}`)).status).toBe(200);
  });

  it('[AT46] line breaks in an address or a name make no header and no further recipient', async () => {
    await server.signUp(VICTIM);
    await verifying();
    const injected = [
      'a@example.com\r\nBcc: evil@example.com',
      'a@example.com\nSubject: Prize',
      'a@example.com, evil@example.com',
      '"x\r\nBcc: evil@example.com"@example.com',
      '<a@example.com>',
      'a@example.com\u2028Bcc: evil@example.com',
    ];
    for (const email of injected) {
      expect((await signup({ email })).body.error?.code, email).toBe('VALIDATION_ERROR');
      expect((await forgot(email)).status).toBe(202);
    }
    for (const username of ['Ada\r\nBcc: evil@example.com', 'Ada\u0000', 'Ada\nX: y']) {
      expect((await signup({ email: 'b@example.com', username })).body.error?.code).toBe('VALIDATION_ERROR');
    }
    // What a stranger typed is in no mail at all, so that nobody writes to others through it.
    await signup({ email: 'c@example.com', username: 'You won: evil.example' });
    const { raw, to } = await inbox.next();
    expect(to).toEqual(['c@example.com']);
    expect(raw).not.toMatch(/evil|You won/);
    expect(inbox.mails).toHaveLength(1);
  });

  it('[AT47] a reset ends every login, opens none, and leaves the second factor where it is', async () => {
    const { user, accessToken } = await server.signUp(VICTIM);
    await database.query('update users set email_verified_at = 1');
    const thief = (await login(VICTIM)).body;
    await plant(user.userId);
    const done = await reset(await resetToken());
    expect([done.status, done.body, done.cookies]).toEqual([200, { success: true }, []]);
    for (const token of [accessToken, String(thief.accessToken)]) {
      expect((await server.get('/api/users/me', token)).body.error?.code).toBe('TOKEN_REVOKED');
    }
    expect((await server.post('/auth/refresh', { refreshToken: thief.refreshToken })).status).toBe(401);
    expect(await database.query('select 1 from sessions where revoked_at is null')).toEqual([]);
    expect(await planted()).toEqual({ keys: 1, factors: 1, codes: 1 });
  });

  it('[AT48] fields of its own bring a sign-up nothing', async () => {
    const more = {
      role: 'admin',
      userId: '00000000-0000-4000-8000-000000000000',
      id: '00000000-0000-4000-8000-000000000000',
      emailVerified: true,
      emailVerifiedAt: 1,
      email_verified_at: 1,
      status: 'disabled',
      epoch: 9,
      passwordHash: '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA',
      ['__proto__']: { role: 'admin' },
    };
    const stored = () =>
      database.query(`select role, status, epoch, email_verified_at as "verifiedAt", id from users`);
    const { body } = await signup(more);
    expect(body.user).toMatchObject({ role: 'user' });
    const [row] = await stored();
    expect(row).toMatchObject({ role: 'user', status: 'active', epoch: 0, verifiedAt: null });
    expect(row?.id).not.toBe(more.userId);
    expect((await login(VICTIM)).status).toBe(200);
    await emptyIdentity(database);
    await verifying();
    expect((await signup(more)).status).toBe(202);
    const token = tokenIn(await inbox.next());
    expect(await stored()).toEqual([]);
    await server.post('/auth/email/verify', { token });
    expect(await stored()).toMatchObject([{ role: 'user', status: 'active', epoch: 0 }]);
  });

  it('[AT49] no way of setting a password takes one that is common, a word of its context, too long, or cannot be stored', async () => {
    const { accessToken } = await server.signUp(VICTIM);
    const token = await resetToken();
    const setup = await server.identity.setupToken();
    const bad = [
      'password1',
      'QWERTYUIOP',
      'ｐａｓｓｗｏｒｄ',
      '1victim1',
      'Bongsu-2024',
      'x'.repeat(129),
      'with\u0000nul character',
      'lone \ud800 surrogate',
    ];
    for (const password of bad) {
      const answers = [
        await signup({ email: 'victim@another.example', password }),
        await server.post('/auth/setup', {
          token: setup,
          email: 'victim@a.example',
          password,
          username: 'Root',
        }),
        await reset(token, password),
        await server.post(
          '/users/me/password',
          { currentPassword: PASSWORD, password },
          { authorization: `Bearer ${accessToken}` },
        ),
      ];
      for (const { status, body } of answers) {
        expect([status, body.error], JSON.stringify(password)).toMatchObject([
          400,
          { code: 'VALIDATION_ERROR', details: [{ path: 'password' }] },
        ]);
      }
    }
    expect((await reset(token)).status).toBe(200);
  });
});
