import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  changeUser,
  emptyIdentity,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { openSockets } from '../../../test/support/identity-sockets.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { bearer, type Guarded, guard, outcome, StillTime } from '../../../test/support/second-factor.js';
import type { Database } from '../../platform/database/database.js';
import type { IdentityConfig } from '../config.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeEachDatabase('MFA_REQUIRED_FOR', (open) => {
  let database: Database;
  let server: TestIdentity;
  const cleanUps: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    database = await open();
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
    await server.stop();
  });

  const start = async (mfaRequiredFor: IdentityConfig['mfaRequiredFor'], clock = new ManualClock()) => {
    await emptyIdentity(database);
    server = await startIdentity(database, { mfaRequiredFor }, { time: new StillTime(), clock });
  };
  const openNode = async (identity: TestIdentity, clock: ManualClock) => {
    const node = await openSockets(identity, clock);
    cleanUps.push(() => node.close());
    return node;
  };
  const get = async (path: string, token: string) => outcome(await server.get(`/api${path}`, token));
  const required = async (token: string) => (await server.get('/api/users/me/mfa', token)).body.required;

  it('[USR2] a login by one factor may do nothing but set the second one up, and then everything', async () => {
    await start('everybody');
    const login = await server.signUp();
    const { accessToken } = login;
    expect(await get('/users/me', accessToken)).toBe('200 ok');
    expect(await get('/auth/sessions', accessToken)).toBe('401 MFA_REQUIRED');
    const key = { name: 'a way around', scopes: ['users:read'] };
    expect(outcome(await server.post('/api-keys', key, bearer(accessToken)))).toBe('401 MFA_REQUIRED');
    expect(await required(accessToken)).toBe(true);
    await guard(server, login);
    expect(await get('/auth/sessions', accessToken)).toBe('200 ok');
    expect(outcome(await server.post('/api-keys', key, bearer(accessToken)))).toBe('201 ok');
  });

  it('[USR2] holds on open sockets too, which the second factor frees in place', async () => {
    const clock = new ManualClock();
    await start('everybody', clock);
    const login = await server.signUp();
    const node = await openNode(server, clock);
    const { socket } = await node.clients.connect({ token: login.accessToken });
    const probe = async () => (await socket.emitWithAck('probe:logins.end', {})).error?.code ?? 'ok';
    expect(await probe()).toBe('MFA_REQUIRED');
    await guard(server, login);
    await vi.waitFor(async () => expect(await probe()).toBe('ok'));
  });

  it('[USR2] asks administrators alone where it says so, and nobody by default', async () => {
    await start('admins');
    const somebody = await server.signUp();
    expect(await get('/auth/sessions', somebody.accessToken)).toBe('200 ok');
    await database.query(`update users set role = 'admin' where id = $1`, [somebody.user.userId]);
    const admin = await server.post('/auth/login', {
      email: somebody.user.email,
      password: 'correct horse battery',
    });
    expect(await get('/auth/sessions', String(admin.body.accessToken))).toBe('401 MFA_REQUIRED');
    expect(await required(String(admin.body.accessToken))).toBe(true);
    expect(await get('/users', String(admin.body.accessToken))).toBe('401 MFA_REQUIRED');
  });

  const signUpAdmin = async () => {
    const login = await server.signUp();
    await database.query(`update users set role = 'admin' where id = $1`, [login.user.userId]);
    return login;
  };
  const takeOff = async ({ login, code }: Guarded) => {
    const response = await server.http.inject({
      method: 'DELETE',
      url: '/api/users/me/mfa/totp',
      headers: bearer(login.accessToken),
      payload: { password: PASSWORD, code: code() },
    });
    expect(response.statusCode).toBe(200);
  };

  it('[USR2] who takes it off again may do nothing but set one up, on open sockets too', async () => {
    const clock = new ManualClock();
    await start('admins', clock);
    const admin = await guard(server, await signUpAdmin());
    const { accessToken, refreshToken } = admin.login;
    const node = await openNode(server, clock);
    const { socket } = await node.clients.connect({ token: accessToken });
    const probe = async () => (await socket.emitWithAck('probe:users.read', {})).error?.code ?? 'ok';
    expect([await get('/users', accessToken), await probe()]).toEqual(['200 ok', 'ok']);
    await takeOff(admin);
    expect(await get('/users', accessToken)).toBe('401 MFA_REQUIRED');
    await expect.poll(probe).toBe('MFA_REQUIRED');
    expect(await get('/users/me', accessToken)).toBe('200 ok');
    const { body } = await server.post('/auth/refresh', { refreshToken });
    expect(await get('/users', String(body.accessToken))).toBe('401 MFA_REQUIRED');
    await guard(server, admin.login);
    expect(await get('/users', accessToken)).toBe('200 ok');
    await expect.poll(probe).toBe('ok');
  });

  describe('API keys', () => {
    const makeKey = async (token: string) => {
      const body = { name: 'Signage', scopes: ['users:read'] };
      return String((await server.post('/api-keys', body, bearer(token))).body.key);
    };

    it('[USR2] of who must have one and has none may do no more than such a login, whenever they were made', async () => {
      await start('nobody');
      const owner = await signUpAdmin();
      const key = await makeKey(owner.accessToken);
      expect(await get('/users', key)).toBe('200 ok');
      await server.stop();
      server = await startIdentity(database, { mfaRequiredFor: 'admins' }, { time: server.time });
      expect(await get('/users', key)).toBe('401 MFA_REQUIRED');
      expect(await get('/users/me', key)).toBe('200 ok');
      await guard(server, owner);
      expect(await get('/users', key)).toBe('200 ok');
    });

    it('[USR2] hear on every node of a new role, and of a factor that is turned on or off', async () => {
      const clock = new ManualClock();
      await start('admins', clock);
      const { time } = server;
      const there = await startIdentity(database, { mfaRequiredFor: 'admins' }, { time, clock });
      const nodes = [await openNode(server, clock), await openNode(there, clock)];
      cleanUps.push(() => there.stop());
      const root = await guard(server, await signUpAdmin());
      const owner = await server.signUp();
      const key = await makeKey(owner.accessToken);
      const sockets = await Promise.all(
        nodes.map(async ({ clients }) => (await clients.connect({ token: key })).socket),
      );
      /** By key and socket of each node. */
      const may = async () => {
        clock.advance(2500);
        const overHttp = [server, there].map(async (on) => outcome(await on.get('/api/users', key)));
        const overSockets = sockets.map(
          async (socket) => (await socket.emitWithAck('probe:users.read')).error?.code ?? 'ok',
        );
        return Promise.all([...overHttp, ...overSockets]);
      };
      const lacking = ['401 MFA_REQUIRED', '401 MFA_REQUIRED', 'MFA_REQUIRED', 'MFA_REQUIRED'];
      const free = ['200 ok', '200 ok', 'ok', 'ok'];
      expect(await may()).toEqual(['403 FORBIDDEN', '403 FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
      await changeUser(server, root.login.accessToken, owner.user.userId, { role: 'admin' });
      await expect.poll(may).toEqual(lacking);
      const guarded = await guard(server, owner);
      await expect.poll(may).toEqual(free);
      await takeOff(guarded);
      await expect.poll(may).toEqual(lacking);
      await guard(server, owner);
      await expect.poll(may).toEqual(free);
      await server.identity.users.resetMfa(owner.user.userId);
      await expect.poll(may).toEqual(lacking);
    });
  });
});
