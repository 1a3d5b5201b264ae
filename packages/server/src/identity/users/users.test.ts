import { hashSync } from '@node-rs/bcrypt';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  type Answer,
  emptyIdentity,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { MailInbox } from '../../../test/support/mail-inbox.js';
import { guard } from '../../../test/support/second-factor.js';
import type { Database } from '../../platform/database/database.js';
import { findForeignKinds } from '../store/foreign-hashes.js';

const outcome = ({ status, body }: Answer) => `${status} ${body.error?.code ?? 'ok'}`;
interface Item {
  userId: string;
  email: string;
}

describeEachDatabase('users for administrators', (open) => {
  let database: Database;
  let server: TestIdentity;
  let admin: { accessToken: string; user: { userId: string } };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    // As it is without it: the database knows which hashes are of that cost.
    server = await startIdentity(database, { passwordCost: undefined });
    const token = await server.identity.setupToken();
    const body = { token, email: 'root@example.com', password: PASSWORD, username: 'Root' };
    admin = (await server.post('/auth/setup', body)).body as unknown as typeof admin;
    return () => server.stop();
  });

  const list = async (query = '') => {
    const { status, body } = await server.get(`/api/users${query}`, admin.accessToken);
    expect(status).toBe(200);
    return body as unknown as { items: Item[]; nextCursor: string | null };
  };
  const patch = async (id: string, payload: object) => {
    const headers = { authorization: `Bearer ${admin.accessToken}` };
    const answer = await server.http.inject({ method: 'PATCH', url: `/api/users/${id}`, headers, payload });
    return { status: answer.statusCode, body: answer.json() } as Answer;
  };
  const entry = (over: object) => ({
    email: 'imported@example.com',
    username: 'Imported',
    passwordHash: hashSync(PASSWORD, { cost: 10 }),
    ...over,
  });

  it('[USR1] [ID53] lists everybody once, page by page, also those of one moment', async () => {
    for (let n = 0; n < 5; n += 1) await server.signUp(`user-${n}@example.com`);
    await database.query(`update users set created_at = 1000 where role = 'user'`);
    const seen: Item[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof list>> = await list(
        `?limit=2${cursor ? `&cursor=${cursor}` : ''}`,
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen.map(({ email }) => email).sort()).toEqual([
      'root@example.com',
      ...[0, 1, 2, 3, 4].map((n) => `user-${n}@example.com`),
    ]);
    expect(seen.at(-1)).toEqual({
      userId: admin.user.userId,
      username: 'Root',
      email: 'root@example.com',
      role: 'admin',
      createdAt: expect.any(Number),
      lastLoginAt: expect.any(Number),
      disabled: false,
      mfa: false,
    });
  });

  it('[USR1] finds one by exact address, and refuses a cursor that is none', async () => {
    const { user } = await server.signUp('ada@example.com');
    expect((await list('?email=ADA%40example.com')).items).toMatchObject([{ userId: user.userId }]);
    expect(await list('?email=nobody%40example.com')).toEqual({ items: [], nextCursor: null });
    for (const query of ['?cursor=junk', '?limit=0', '?limit=201', '?email=none'])
      expect((await server.get(`/api/users${query}`, admin.accessToken)).status).toBe(400);
  });

  it('[SEC6] an address that was looked for is in no line of the log and in no metric, found or refused', async () => {
    const { accessToken } = await server.signUp();
    for (const token of [admin.accessToken, accessToken, 'no token'])
      await server.get('/api/users?email=ada%40example.com', token);
    expect(JSON.stringify(server.lines)).toContain('FORBIDDEN');
    for (const text of [JSON.stringify(server.lines), await server.metrics.text()])
      expect(decodeURIComponent(text)).not.toMatch(/ada@example|email=/);
  });

  it('[USR7] the list and the kinds of foreign hashes are read by index', async () => {
    const plan = async (sql: string) =>
      JSON.stringify(
        await database.transaction(async (tx) => {
          await tx.query('set local enable_seqscan = off');
          return tx.query(`explain ${sql}`);
        }),
      );
    expect(
      await plan(
        `select id from users where (created_at, id) > (5, '00000000-0000-0000-0000-000000000000') order by created_at, id limit 50`,
      ),
    ).toContain('users_created');
    expect(
      await plan(
        `select password_hash from users where password_hash is not null
            and password_hash not like '$argon2id$v=19$m=19456,t=2,p=1$%'`,
      ),
    ).toContain('users_foreign_hashes');
  });

  it('[USR2] a second factor that is taken off goes with its codes and all logins, and is told of', async () => {
    const inbox = await MailInbox.start();
    const other = await startIdentity(database, { mail: inbox.config });
    const person = await guard(other, await other.signUp('ada@example.com'));
    expect(await other.identity.users.resetMfa('ADA@example.com')).toMatchObject({ mfa: false });
    for (const table of ['mfa_factors', 'recovery_codes'])
      expect(await database.query(`select 1 from ${table}`), table).toEqual([]);
    expect(outcome(await other.get('/api/users/me', person.login.accessToken))).toBe('401 TOKEN_REVOKED');
    const [row] = await database.query<{ event: object }>(
      `select event from audit_outbox where event ->> 'action' = 'user_mfa_reset'`,
    );
    expect(row?.event).toMatchObject({
      outcome: 'success',
      actor: { type: 'system' },
      target: { type: 'user', ref: person.userId },
    });
    expect((await inbox.next()).headers.get('subject')).toContain('turned on');
    expect((await inbox.next()).headers.get('subject')).toContain('turned off');
    await expect(other.identity.users.resetMfa(person.userId)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(other.identity.users.resetMfa('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await other.stop();
    await inbox.stop();
  });

  it('[USR1] a new role counts for the next request with the same token', async () => {
    const { user, accessToken } = await server.signUp();
    await server.identity.authenticate(accessToken);
    expect((await patch(user.userId, { role: 'admin' })).body).toMatchObject({ role: 'admin' });
    expect(await server.identity.authenticate(accessToken)).toMatchObject({ role: 'admin' });
    expect((await server.get('/api/users', accessToken)).status).toBe(200);
    expect((await patch(user.userId, { role: 'user' })).body).toMatchObject({ role: 'user' });
    expect(outcome(await server.get('/api/users', accessToken))).toBe('403 FORBIDDEN');
  });

  it('[USR1] [ID54] disabling ends all logins on every node and enabling lets in again', async () => {
    const { user, accessToken, refreshToken } = await server.signUp('ada@example.com');
    const other = await startIdentity(database);
    await other.identity.authenticate(accessToken);
    const told: unknown[] = [];
    server.identity.onRevoked((who, closing) => told.push([who, closing]));
    expect((await patch(user.userId, { disabled: true })).body).toMatchObject({ disabled: true });
    expect(told).toEqual([[{ userId: user.userId }, 'ACCOUNT_DISABLED']]);
    await expect(server.identity.authenticate(accessToken)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    expect(outcome(await other.post('/auth/refresh', { refreshToken }))).toBe('401 TOKEN_REVOKED');
    await other.stop();
    expect((await patch(user.userId, { disabled: false })).body).toMatchObject({ disabled: false });
    await expect(server.identity.authenticate(accessToken)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    const login = await server.post('/auth/login', { email: 'ada@example.com', password: PASSWORD });
    expect(login.status).toBe(200);
  });

  it('[USR1] the last administrator who can sign in stays one', async () => {
    const id = admin.user.userId;
    expect(outcome(await patch(id, { role: 'user' }))).toBe('409 CONFLICT');
    expect(outcome(await patch(id, { disabled: true }))).toBe('409 CONFLICT');
    const { user } = await server.signUp();
    await patch(user.userId, { role: 'admin' });
    await patch(user.userId, { disabled: true });
    expect(outcome(await patch(id, { role: 'user' }))).toBe('409 CONFLICT');
    await patch(user.userId, { disabled: false });
    expect(outcome(await patch(id, { role: 'user' }))).toBe('200 ok');
    expect(outcome(await patch(user.userId, { disabled: true }))).toBe('403 FORBIDDEN');
  });

  it('[SEC4] strips what is not to be changed, and knows nobody by another id', async () => {
    const { user } = await server.signUp('ada@example.com');
    const change = { email: 'eve@example.com', username: 'Eve', userId: 'x', epoch: 9, mfa: true };
    expect((await patch(user.userId, change)).body).toEqual({ ...user, disabled: false, mfa: false });
    for (const id of ['unknown', '00000000-0000-4000-8000-000000000000', `${user.userId}0`])
      expect(outcome(await patch(id, { disabled: true }))).toBe('404 NOT_FOUND');
    for (const body of [{ role: 'root' }, { disabled: 'yes' }])
      expect(outcome(await patch(user.userId, body))).toBe('400 VALIDATION_ERROR');
  });

  it('[SEC5] one audit row for each change, and none for what was so already', async () => {
    const { user } = await server.signUp();
    await patch(user.userId, { role: 'admin', disabled: true });
    await patch(user.userId, { role: 'admin', disabled: true });
    await patch(user.userId, { disabled: false });
    const rows = await database.query<{ event: { action: string } }>(
      `select event from audit_outbox where event->'target'->>'ref' = $1 order by seq`,
      [user.userId],
    );
    const actor = { type: 'user', ref: admin.user.userId };
    expect(rows.map(({ event }) => event)).toMatchObject([
      { action: 'privilege_permissions_changed', actor, data: { role: 'admin' } },
      { action: 'user_disabled', actor },
      { action: 'user_enabled', actor },
    ]);
    expect(rows).toHaveLength(3);
  });

  it('[USR1] who was imported signs in as before, and has an argon2id hash from then on', async () => {
    const [done] = await server.identity.users.import([entry({ role: 'admin', emailVerified: true })]);
    expect(done).toEqual({ outcome: 'imported', userId: expect.any(String) });
    expect(await findForeignKinds(database)).toEqual(['$2b$10']);
    const body = { email: 'imported@example.com', password: PASSWORD };
    for (let n = 0; n < 2; n += 1) {
      expect(outcome(await server.post('/auth/login', { ...body, password: 'wrong' }))).toBe(
        '401 AUTH_ERROR',
      );
      expect((await server.post('/auth/login', body)).body.user).toMatchObject({ role: 'admin' });
      expect(await findForeignKinds(database)).toEqual([]);
    }
    const [row] = await database.query<{ verified: boolean }>(
      `select email_verified_at is not null as verified from users where username = 'Imported'`,
    );
    expect(row).toEqual({ verified: true });
  });

  it('[USR1] import takes no argon2id hash whose cost would stop log-in for everybody', async () => {
    const hash = (cost: string) => `$argon2id$v=19$${cost}$${'c29tZXNhbHQ'}$${'a'.repeat(43)}`;
    const outcomes = await server.identity.users.import(
      ['m=262144,t=1,p=4', 'm=19456,t=16,p=1', 'm=262144,t=2,p=1', 'm=19456,t=17,p=1', 'm=19456,t=2,p=5'].map(
        (cost, n) => entry({ email: `argon2-${n}@example.com`, passwordHash: hash(cost) }),
      ),
    );
    expect(outcomes.map((one) => one.outcome)).toEqual([
      'imported',
      'imported',
      'refused',
      'refused',
      'refused',
    ]);
    expect(outcomes[2]).toEqual({
      outcome: 'refused',
      faults: [
        {
          path: 'passwordHash',
          message:
            'must be a bcrypt hash ($2a$, $2b$ or $2y$) of cost 10 to 14, or an argon2id hash of at most 256 MiB, 4 lanes, and memory times passes of at most 304 MiB',
        },
      ],
    });
  });

  it('[USR1] import leaves who is there alone, and tells what is wrong with each entry', async () => {
    const argon2id = `$argon2id$v=19$m=65536,t=3,p=4$${'c29tZXNhbHQ'}$${'a'.repeat(43)}`;
    const weak = hashSync(PASSWORD, { cost: 9 });
    const outcomes = await server.identity.users.import([
      entry({}),
      entry({ username: 'Another' }),
      entry({ email: 'ROOT@example.com', role: 'user' }),
      entry({ email: 'argon2@example.com', passwordHash: argon2id }),
      entry({ email: 'weak@example.com', passwordHash: weak }),
      entry({ email: 'none', username: 'x', role: 'root' }),
      'text',
      null,
    ]);
    expect(outcomes.map((one) => one.outcome)).toEqual([
      'imported',
      'skipped',
      'skipped',
      'imported',
      ...Array.from({ length: 4 }, () => 'refused'),
    ]);
    expect(outcomes[4]).toMatchObject({ faults: [{ path: 'passwordHash' }] });
    expect(outcomes[5]).toMatchObject({
      faults: [{ path: 'email' }, { path: 'username' }, { path: 'role' }],
    });
    expect(JSON.stringify(outcomes)).not.toContain(weak);
    expect(await findForeignKinds(database)).toEqual(['$2b$10', '$argon2id$v=19$m=65536,t=3,p=4']);
    const names = await database.query('select username from users order by username');
    expect(names).toEqual(['Imported', 'Imported', 'Root'].map((username) => ({ username })));
  });
});
