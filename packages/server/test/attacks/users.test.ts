import { hashSync } from '@node-rs/bcrypt';
import { io, type Socket } from 'socket.io-client';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/platform/database/database.js';
import { describeEachDatabase } from '../support/databases.js';
import {
  type Answer,
  emptyIdentity,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../support/identity.js';
import { describeEachServer, type RunningServer } from '../support/server.js';

const outcome = ({ status, body }: Answer) => `${status} ${body.error?.code ?? 'ok'}`;

describeEachDatabase('attacks on users', (open) => {
  let database: Database;
  let server: TestIdentity;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    // As it is without it: the database knows which hashes are of that cost.
    server = await startIdentity(database, { passwordCost: undefined });
    return () => server.stop();
  });

  const patch = async (url: string, payload: object, token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await server.http.inject({ method: 'PATCH', url: `/api${url}`, headers, payload });
    return { status: answer.statusCode, body: answer.json() } as Answer;
  };
  const makeAdmin = async () => {
    const made = await server.signUp();
    await database.query(`update users set role = 'admin' where id = $1`, [made.user.userId]);
    return made;
  };

  it('[AT55] of a password beyond the 72 bytes that bcrypt reads, or past a NUL, nothing is cut off', async () => {
    const long = 'ä'.repeat(36);
    const entry = (name: string, password: string) => ({
      email: `${name}@example.com`,
      username: 'Imported',
      passwordHash: hashSync(password, { cost: 10 }),
    });
    const imported = await server.identity.users.import([
      entry('cut', `${long}tail`),
      entry('fits', long),
      entry('nul', 'before'),
    ]);
    expect(imported.map(({ outcome: how }) => how)).toEqual(['imported', 'imported', 'imported']);
    const login = async (name: string, password: string) =>
      outcome(await server.post('/auth/login', { email: `${name}@example.com`, password }));
    expect(await login('cut', `${long}tail`)).toBe('401 AUTH_ERROR');
    expect(await login('cut', `${long}other`)).toBe('401 AUTH_ERROR');
    expect(await login('fits', `${long}x`)).toBe('401 AUTH_ERROR');
    expect(await login('fits', long)).toBe('200 ok');
    expect(await login('nul', 'before\0after')).toBe('400 VALIDATION_ERROR');
    const [row] = await database.query<{ n: number }>(
      `select count(*)::int as n from users where password_hash like '$argon2id$v=19$m=19456,t=2,p=1$%'`,
    );
    expect(row?.n).toBe(1);
  });

  it('[AT58] nobody but an administrator lists users or changes one, themselves included', async () => {
    const someone = await server.signUp();
    const victim = await server.signUp('victim@example.com');
    for (const url of [
      '/api/users',
      '/api/users?email=victim@example.com',
      '/api/users?email=no@example.com',
    ])
      expect(outcome(await server.get(url, someone.accessToken))).toBe('403 FORBIDDEN');
    for (const id of [victim.user.userId, someone.user.userId, 'unknown'])
      expect(outcome(await patch(`/users/${id}`, { role: 'admin' }, someone.accessToken))).toBe(
        '403 FORBIDDEN',
      );
    expect((await patch('/users/me', { role: 'admin', disabled: true }, someone.accessToken)).body).toEqual(
      someone.user,
    );
    const roles = await database.query('select distinct role, status from users');
    expect(roles).toEqual([{ role: 'user', status: 'active' }]);
  });

  it('[AT59] of two last administrators who take each other’s rights at once, one stays', async () => {
    for (const change of [{ role: 'user' }, { disabled: true }]) {
      await database.query(`update users set role = 'user'`);
      const [one, two] = [await makeAdmin(), await makeAdmin()];
      const answers = await Promise.all([
        patch(`/users/${two.user.userId}`, change, one.accessToken),
        patch(`/users/${one.user.userId}`, change, two.accessToken),
      ]);
      const left = await database.query(`select 1 from users where role = 'admin' and status = 'active'`);
      expect(left).toHaveLength(1);
      expect(answers.map(outcome)).toContain('200 ok');
    }
  });
});

describeEachServer('attacks on a server', (start) => {
  let server: RunningServer;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    server = await start();
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.disconnect();
  });

  const call = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${server.url}/api${path}`, {
      method,
      headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: answer.status, body: await answer.json() } as Answer;
  };
  const bearer = (token: unknown) => ({ authorization: `Bearer ${token}` });
  const connect = (token: unknown) => {
    const socket = io(server.url, { auth: { token }, transports: ['websocket'], reconnection: false });
    sockets.push(socket);
    return new Promise<Socket>((ready, refused) => {
      socket.once('ready', () => ready(socket));
      socket.once('connect_error', refused);
    });
  };
  const signUp = async (email: string) =>
    (await call('POST', '/auth/signup', { email, password: PASSWORD, username: 'Ada' })).body as unknown as {
      accessToken: string;
      refreshToken: string;
      user: { userId: string };
    };

  it('[AT53] a forged X-Forwarded-For, X-Real-IP or Forwarded gives no fresh network to guess from', async () => {
    await signUp('forwarded@example.com');
    const outcomes: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      const ip = `203.0.113.${n}`;
      const headers = { 'x-forwarded-for': `${ip}, 10.0.0.1`, 'x-real-ip': ip, forwarded: `for=${ip}` };
      const body = { email: 'forwarded@example.com', password: `wrong password ${n}` };
      outcomes.push(outcome(await call('POST', '/auth/login', body, headers)));
    }
    expect(outcomes).toEqual([...Array.from({ length: 5 }, () => '401 AUTH_ERROR'), '423 ACCOUNT_LOCKED']);
  });

  it('[AT56] whoever is disabled is out at once: access token, refresh token, sockets, password', async () => {
    const link = (await server.app.setupLink()) ?? '';
    const admin = { email: 'root@example.com', password: PASSWORD, username: 'Root' };
    const made = await call('POST', '/auth/setup', { ...admin, token: link.split('token=')[1] });
    const asAdmin = bearer(made.body.accessToken);
    const gone = await signUp('gone@example.com');
    const socket = await connect(gone.accessToken);
    const closing = new Promise((told) => socket.once('session-closing', told));
    const closed = new Promise((told) => socket.once('disconnect', told));
    const path = `/users/${gone.user.userId}`;
    const disabled = await call('PATCH', path, { disabled: true }, asAdmin);
    expect([outcome(disabled), disabled.body.disabled]).toEqual(['200 ok', true]);
    expect(outcome(await call('GET', '/users/me', undefined, bearer(gone.accessToken)))).toBe(
      '401 TOKEN_REVOKED',
    );
    const { refreshToken } = gone;
    expect(outcome(await call('POST', '/auth/refresh', { refreshToken }))).toBe('401 TOKEN_REVOKED');
    await expect(connect(gone.accessToken)).rejects.toMatchObject({ data: { code: 'TOKEN_REVOKED' } });
    const login = { email: 'gone@example.com', password: PASSWORD };
    expect(outcome(await call('POST', '/auth/login', login))).toBe('401 AUTH_ERROR');
    expect(await closing).toMatchObject({ code: 'ACCOUNT_DISABLED', reconnect: false });
    expect(await closed).toBe('io server disconnect');
    await call('PATCH', path, { disabled: false }, asAdmin);
    expect(outcome(await call('POST', '/auth/login', login))).toBe('200 ok');
    expect(outcome(await call('POST', '/auth/refresh', { refreshToken }))).toBe('401 TOKEN_REVOKED');
  });
});
