import { ClientTokenManager, connect } from '@bongsu/client';
import { decodeJwt } from 'jose';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  emptyIdentity,
  MINUTE_MS,
  MovableTime,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { openSockets, type SocketedIdentity } from '../../../test/support/identity-sockets.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { outcome } from '../../../test/support/second-factor.js';
import type { Database } from '../../platform/database/database.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const IDLE_MS = 10 * MINUTE_MS;
/** How long a login is remembered in memory at most. */
const CACHE_MS = 5 * MINUTE_MS + 1;

describeEachDatabase('a login that may idle out sooner than its access token would end', (open) => {
  let database: Database;
  let clock: ManualClock;
  let server: TestIdentity;
  let node: SocketedIdentity;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    clock = new ManualClock();
    const time = new MovableTime();
    time.now = () => clock.now() + time.offsetMs;
    server = await startIdentity(database, { sessionIdleMs: IDLE_MS }, { clock, time });
    node = await openSockets(server, clock);
  });
  afterEach(async () => {
    await node.close();
    await server.stop();
  });

  const refresh = (refreshToken: string) => server.post('/auth/refresh', { refreshToken });

  it('[USR3] its access tokens end with its idleness, those of one with rememberMe do not', async () => {
    const lifeOf = (token: unknown) => {
      const { iat = 0, exp = 0 } = decodeJwt(String(token));
      return exp - iat;
    };
    const signedUp = await server.signUp();
    const refreshed = await refresh(signedUp.refreshToken);
    const headers = { authorization: `Bearer ${signedUp.accessToken}` };
    const proven = await server.post('/auth/step-up', { password: PASSWORD }, headers);
    for (const { accessToken, expiresIn } of [signedUp, refreshed.body, proven.body]) {
      expect(lifeOf(accessToken)).toBeLessThanOrEqual(IDLE_MS / 1000);
      expect(expiresIn).toBe(lifeOf(accessToken));
    }
    const { email } = signedUp.user;
    const remembered = await server.post('/auth/login', { email, password: PASSWORD, rememberMe: true });
    expect(lifeOf(remembered.body.accessToken)).toBeGreaterThan(IDLE_MS / 1000);
  });

  it('[USR3] an open SDK socket keeps it', async () => {
    const { user } = await server.signUp();
    const tokens = new ClientTokenManager({ url: node.url, clock });
    const ended = vi.fn();
    tokens.on('signed-out', ended);
    await tokens.login({ email: user.email, password: PASSWORD });
    const client = connect({ url: node.url, tokens, clock });
    await client.online();
    for (let minute = 0; minute < 60; minute += 1) {
      clock.advance(MINUTE_MS);
      // Waits for a refresh under way, and asks the server nothing otherwise.
      await tokens.getToken();
    }
    expect(ended).not.toHaveBeenCalled();
    expect(outcome(await server.get('/api/users/me', await tokens.getToken()))).toBe('200 ok');
    await client.close();
    tokens.close();
  });

  it('[USR3] an event on a socket that has not heard of its end does not bring it back', async () => {
    const { accessToken, refreshToken } = await server.signUp();
    // A socket each: what the first is answered ends it.
    const events = ['probe:profile.read', 'auth-refresh'];
    const sockets = await Promise.all(events.map(() => node.clients.connect({ token: accessToken })));
    clock.advance(CACHE_MS);
    server.time.advance(IDLE_MS - CACHE_MS);
    const answers = events.map((event, n) => sockets[n]?.socket.emitWithAck(event, { token: accessToken }));
    for (const answer of await Promise.all(answers))
      expect(answer).toMatchObject({ error: { code: 'TOKEN_EXPIRED' } });
    expect(outcome(await server.get('/api/users/me', accessToken))).toBe('401 TOKEN_EXPIRED');
    expect(outcome(await refresh(refreshToken))).toBe('401 TOKEN_EXPIRED');
  });
});
