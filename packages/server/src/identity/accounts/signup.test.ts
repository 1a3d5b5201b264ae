import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALGORITHM } from '../../../test/support/algorithm.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  emptyIdentity,
  PASSWORD,
  SECRET,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeEachDatabase('accounts', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    server = await startIdentity(database);
  });
  afterEach(() => server.stop());

  const signup = (input: object = {}) =>
    server.post('/auth/signup', { email: 'ada@example.com', password: PASSWORD, username: 'Ada', ...input });
  const auditEvents = async () => {
    const rows = await database.query<{ event: Record<string, unknown> }>(
      'select event from audit_outbox order by seq',
    );
    return rows.map(({ event }) => event);
  };

  describe('sign-up', () => {
    it('[USR1] answers the user and tokens that work', async () => {
      const { status, body } = await signup();
      expect(status).toBe(201);
      expect(body).toEqual({
        user: {
          userId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          username: 'Ada',
          email: 'ada@example.com',
          role: 'user',
          createdAt: expect.any(Number),
          lastLoginAt: expect.any(Number),
        },
        accessToken: expect.any(String),
        refreshToken: expect.stringMatching(/^brt_/),
        expiresIn: expect.any(Number),
      });
      expect((await server.get('/api/users/me', String(body.accessToken))).body).toEqual(body.user);
    });

    it('[USR1] an address is taken in any spelling that normalises to it', async () => {
      await signup();
      for (const email of ['ADA@example.com', ' ada@EXAMPLE.com ', 'ａda@example.com']) {
        const { status, body } = await signup({ email });
        expect([status, body.error.code]).toEqual([409, 'CONFLICT']);
      }
    });

    it('[USR1] of ten at once with one address one wins', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => signup()));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
      expect(await database.query('select 1 from users')).toHaveLength(1);
      expect(await database.query('select 1 from subject_keys')).toHaveLength(1);
    });

    it('[SEC4] names the field that is wrong', async () => {
      const wrong: [string, unknown][] = [
        ['email', 'no address'],
        ['email', 7],
        ['email', undefined],
        ['password', 'short'],
        ['password', 'x'.repeat(129)],
        ['password', 'with\u0000nul character'],
        ['username', 'A'],
        ['username', 'x'.repeat(51)],
        ['username', '\u0430dmin'],
        ['username', ['Ada']],
      ];
      for (const [path, value] of wrong) {
        const { status, body } = await signup({ [path]: value });
        expect([status, body.error.code], `${path} ${String(value)}`).toEqual([400, 'VALIDATION_ERROR']);
        expect(JSON.stringify(body.error)).toContain(`"path":"${path}"`);
      }
    });

    it('[SEC4] nobody makes themselves an administrator by it', async () => {
      const { body } = await signup({ role: 'admin', epoch: 9, status: 'disabled' });
      expect(body.user).toMatchObject({ role: 'user' });
    });

    it('[USR1] can be closed', async () => {
      await server.stop();
      server = await startIdentity(database, { signup: 'closed' });
      const { status, body } = await signup();
      expect([status, body.error.code]).toEqual([403, 'FORBIDDEN']);
    });
  });

  describe('log-in', () => {
    const login = (email: string, password: string) => server.post('/auth/login', { email, password });

    it('[USR1] the same person with the address in any spelling and the password in any normal form', async () => {
      const { body } = await signup({ password: 'passwo\u0301rd-long' });
      const again = await login(' ADA@example.com', 'passw\u00f3rd-long');
      expect(again.status).toBe(200);
      expect(again.body.user).toMatchObject({ userId: (body.user as { userId: string }).userId });
    });

    it('[USR1] a wrong password, an unknown address and no address at all get one answer', async () => {
      await signup();
      const answers = await Promise.all([
        login('ada@example.com', 'wrong password'),
        login('eve@example.com', PASSWORD),
        login('no address', PASSWORD),
        login('ada@example.com', 'x'.repeat(1000)),
      ]);
      const seen = answers.map(({ status, body }) => JSON.stringify([status, body.error]));
      expect(new Set(seen).size).toBe(1);
      expect(seen[0]).toContain('AUTH_ERROR');
    });

    it('[USR1] an unknown address costs the same work as a wrong password', async () => {
      await signup();
      // What is asked only now and then is asked before.
      await login('someone@example.com', 'wrong password');
      const statements: string[][] = [];
      const query = database.query.bind(database);
      for (const email of ['ada@example.com', 'eve@example.com']) {
        const mine: string[] = [];
        database.query = (text, ...rest) => {
          mine.push(text);
          return query(text, ...rest);
        };
        await login(email, 'wrong password');
        statements.push(mine);
      }
      database.query = query;
      expect(statements[0]).toEqual(statements[1]);
    });

    it('[SIG2] keeps last_login', async () => {
      await signup();
      server.time.advance(1000);
      const { body } = await login('ada@example.com', PASSWORD);
      const [row] = await database.query<{ last_login: number; created_at: number }>(
        'select last_login, created_at from users',
      );
      expect(row?.last_login).toBeGreaterThan(row?.created_at ?? 0);
      expect(body.user).toMatchObject({ lastLoginAt: row?.last_login });
    });

    it('[USR1] hashes anew what was hashed with other parameters', async () => {
      await server.stop();
      server = await startIdentity(database, { passwordCost: undefined });
      await signup();
      const { hash } = await import('@node-rs/argon2');
      const weak = await hash(PASSWORD, { memoryCost: 8192, timeCost: 1, parallelism: 1, algorithm: 2 });
      await database.query('update users set password_hash = $1', [weak]);
      expect((await login('ada@example.com', PASSWORD)).status).toBe(200);
      const [row] = await database.query<{ phc: string }>('select password_hash as phc from users');
      expect(row?.phc).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
      expect((await login('ada@example.com', PASSWORD)).status).toBe(200);
    });
  });

  describe('profile', () => {
    it('[USR1] a new name shows at once, in the profile and in the principal', async () => {
      const { accessToken } = await server.signUp();
      await server.identity.authenticate(accessToken);
      const headers = { authorization: `Bearer ${accessToken}` };
      const answer = await server.http.inject({
        method: 'PATCH',
        url: '/api/users/me',
        headers,
        payload: { username: 'Grace' },
      });
      expect([answer.statusCode, answer.json().username]).toEqual([200, 'Grace']);
      expect(await server.identity.authenticate(accessToken)).toMatchObject({ username: 'Grace' });
    });

    it('[USR1] cannot change role or address', async () => {
      const { accessToken, user } = await server.signUp();
      const answer = await server.http.inject({
        method: 'PATCH',
        url: '/api/users/me',
        headers: { authorization: `Bearer ${accessToken}` },
        payload: { role: 'admin', email: 'other@example.com', userId: 'x' },
      });
      expect(answer.json()).toEqual(user);
    });

    it.each([
      '',
      'Bearer',
      'Bearer ',
      'Bearer a b',
      'Basic YWRhOnB3',
      'Bearer \u00e9',
      `Bearer ${'x'.repeat(9000)}`,
    ])('[SEC4] a malformed Authorization is AUTH_ERROR: %s', async (authorization) => {
      const { statusCode } = await server.http.inject({ url: '/api/users/me', headers: { authorization } });
      expect(statusCode).toBe(401);
    });
  });

  describe('personal data', () => {
    it('[USR6] no address is stored or logged in clear', async () => {
      await signup({ email: 'very-private@example.com' });
      await signup({ email: 'very-private@example.com' });
      await server.post('/auth/login', { email: 'very-private@example.com', password: PASSWORD });
      await server.post('/auth/login', { email: 'very-private@example.com', password: 'wrong password' });
      const tables = await database.query<{ name: string }>(
        `select tablename as name from pg_tables where schemaname = 'public'`,
      );
      for (const { name } of tables) {
        const rows = await database.query<{ text: string }>(`select t::text as text from "${name}" t`);
        const stored = rows.map(({ text }) => text).join('\n');
        expect(stored).not.toContain('very-private');
        expect(stored).not.toContain(Buffer.from('very-private').toString('hex'));
        expect(stored).not.toContain(PASSWORD);
      }
      expect(JSON.stringify(server.lines)).not.toMatch(/very-private|correct horse/);
    });

    it('[USR6] an address moved to another row does not open', async () => {
      const victim = await server.signUp();
      const thief = await server.signUp();
      await database.query(
        'update users set email_enc = (select email_enc from users where id = $1) where id = $2',
        [victim.user.userId, thief.user.userId],
      );
      expect((await server.get('/api/users/me', thief.accessToken)).status).toBe(500);
    });
  });

  describe('audit', () => {
    it('[SEC5] one row for each change and each failure, with network and request, without secrets', async () => {
      const headers = { 'user-agent': 'test' };
      const { body } = await signup();
      await signup();
      await server.post('/auth/login', { email: 'ada@example.com', password: 'wrong password' }, headers);
      await server.post('/auth/login', { email: 'ada@example.com', password: PASSWORD }, headers);
      await server.post('/auth/refresh', { refreshToken: body.refreshToken });
      await server.post('/auth/logout', { refreshToken: body.refreshToken });
      const events = await auditEvents();
      expect(events.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
        ...(ALGORITHM === 'HS256' ? [] : ['sys_signing_key_created success']),
        'user_created success',
        'user_created failure',
        'authn_login_fail failure',
        'authn_login_success success',
        'session_renewed success',
        'authn_logout success',
      ]);
      expect(events.at(-3)).toMatchObject({
        v: 1,
        service: 'bongsu-test',
        class_uid: 3002,
        activity_id: 1,
        type_uid: 300201,
        severity_id: 1,
        actor: { type: 'user', ref: (body.user as { userId: string }).userId, ip_prefix: '127.0.0.0/24' },
        request: { id: expect.any(String) },
      });
      // A name is a word by itself: the letters of ids may be anything.
      expect(JSON.stringify(events)).not.toMatch(/127\.0\.0\.1|\bada\b|brt_|correct horse/i);
    });
  });

  describe('first administrator', () => {
    const admin = { email: 'root@example.com', password: PASSWORD };

    it('[USR1] is made by the one-time link, once', async () => {
      expect((await server.get('/api/auth/setup')).body).toEqual({ needed: true });
      const [first, second] = [await server.identity.setupToken(), await server.identity.setupToken()];
      const make = (token: unknown, email = 'root@example.com') =>
        server.post('/auth/setup', { token, email, password: PASSWORD, username: 'Root' });
      expect((await make('set_wrong')).status).toBe(401);
      const { status, body } = await make(first);
      expect([status, body.user]).toMatchObject([201, { role: 'admin' }]);
      for (const token of [first, second]) expect((await make(token, 'other@example.com')).status).toBe(401);
      expect(await server.identity.setupToken()).toBeUndefined();
      expect((await server.get('/api/auth/setup')).body).toEqual({ needed: false });
      expect(await server.identity.authenticate(String(body.accessToken))).toMatchObject({ role: 'admin' });
    });

    it('[USR1] of two links used at once one makes an administrator', async () => {
      const tokens = [await server.identity.setupToken(), await server.identity.setupToken()];
      const answers = await Promise.all(
        tokens.map((token, i) =>
          server.post('/auth/setup', {
            token,
            email: `root${i}@example.com`,
            password: PASSWORD,
            username: 'Root',
          }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 401]);
    });

    it('[USR1] a link is void after a week, and its hash alone is stored', async () => {
      const token = await server.identity.setupToken();
      const [row] = await database.query<{ text: string }>('select t::text as text from setup_tokens t');
      expect(row?.text).not.toContain(token?.slice(4));
      server.time.advance(7 * 86_400_000 + 1);
      const body = { token, ...admin, username: 'Root' };
      expect((await server.post('/auth/setup', body)).status).toBe(401);
    });

    it('[USR1] a taken address leaves the link usable', async () => {
      await server.signUp(admin.email);
      const token = await server.identity.setupToken();
      expect((await server.post('/auth/setup', { token, ...admin, username: 'Root' })).status).toBe(409);
      const other = { token, ...admin, email: 'root2@example.com', username: 'Root' };
      expect((await server.post('/auth/setup', other)).status).toBe(201);
    });

    it('[USR1] comes from ADMIN_EMAIL and ADMIN_PASSWORD, once and for two starters at once', async () => {
      const starters = await Promise.all([1, 2].map(() => startIdentity(database, { firstAdmin: admin })));
      const again = await startIdentity(database, { firstAdmin: { ...admin, password: 'another password' } });
      expect(await database.query(`select 1 from users where role = 'admin'`)).toHaveLength(1);
      expect((await server.post('/auth/login', admin)).body.user).toMatchObject({
        role: 'admin',
        lastLoginAt: expect.any(Number),
      });
      for (const one of [...starters, again]) await one.stop();
    });

    it('[USR1] never raises an account that somebody made with that address', async () => {
      await server.signUp(admin.email);
      const started = await startIdentity(database, { firstAdmin: admin });
      expect(await database.query(`select 1 from users where role = 'admin'`)).toHaveLength(0);
      expect(started.lines.some(({ level }) => level === 'error')).toBe(true);
      expect(await started.identity.setupToken()).toBeDefined();
      await started.stop();
    });
  });

  describe('secrets', () => {
    it.each(['EdDSA', 'HS256'] as const)(
      '[DEP1] another JWT_SECRET does not start: %s',
      async (jwtAlgorithm) => {
        const wrong = startIdentity(database, { jwtAlgorithm, jwtSecret: `${SECRET.slice(1)}x` });
        await expect(wrong).rejects.toThrow(/JWT_SECRET is not the one this database was set up with/);
      },
    );

    it('[DEP1] other PII_KEYS do not start, more of them do', async () => {
      const other = { kid: 'k2', key: new Uint8Array(32).fill(7) };
      const same = { kid: 'k1', key: new Uint8Array(32).fill(7) };
      for (const piiKeys of [[other], [same]]) {
        await expect(startIdentity(database, { piiKeys })).rejects.toThrow(/PII_KEYS is not the one/);
      }
      const { PII_KEYS } = await import('../../../test/support/identity.js');
      const rotated = await startIdentity(database, { piiKeys: [other, ...PII_KEYS] });
      const { accessToken, user } = await server.signUp();
      expect((await rotated.get('/api/users/me', accessToken)).body.email).toBe(user.email);
      const newer = await rotated.signUp();
      expect((await rotated.get('/api/users/me', newer.accessToken)).body.email).toBe(newer.user.email);
      await rotated.stop();
    });
  });
});
