import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { emptyIdentity, startIdentity, type TestIdentity } from '../../../test/support/identity.js';
import { openSockets } from '../../../test/support/identity-sockets.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { bearer, guard, outcome, StillTime } from '../../../test/support/second-factor.js';
import type { Database } from '../../platform/database/database.js';
import type { IdentityConfig } from '../config.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeEachDatabase('MFA_REQUIRED_FOR', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
  });
  afterEach(() => server.stop());

  const start = async (mfaRequiredFor: IdentityConfig['mfaRequiredFor'], clock = new ManualClock()) => {
    await emptyIdentity(database);
    server = await startIdentity(database, { mfaRequiredFor }, { time: new StillTime(), clock });
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
    const node = await openSockets(server, clock);
    const { socket } = await node.clients.connect({ token: login.accessToken });
    const probe = async () => (await socket.emitWithAck('probe:logins.end', {})).error?.code ?? 'ok';
    expect(await probe()).toBe('MFA_REQUIRED');
    await guard(server, login);
    await vi.waitFor(async () => expect(await probe()).toBe('ok'));
    await node.close();
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
});
