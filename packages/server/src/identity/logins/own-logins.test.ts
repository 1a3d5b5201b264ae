import type { LoginItem, SignedIn } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { userPrincipal } from '../../../test/support/commands.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { gated } from '../../../test/support/gated-database.js';
import {
  type Answer,
  bearer,
  emptyIdentity,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import type { Database } from '../../platform/database/database.js';
import type { Revoked } from './revocation-feed.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

type Tokens = SignedIn & { refreshToken: string };

describeEachDatabase("a person's logins", (open) => {
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

  const outcome = ({ status, body }: Answer) => (body.error ? `${status} ${body.error.code}` : status);
  const me = async ({ accessToken }: Tokens) => outcome(await server.get('/api/users/me', accessToken));
  const logIn = async (email: string, more: object = {}, headers = {}): Promise<Tokens> => {
    const { body } = await server.post('/auth/login', { email, password: PASSWORD, ...more }, headers);
    return body as unknown as Tokens;
  };
  const idOf = ({ refreshToken }: Tokens) =>
    server.identity.tokens.verifyRefreshToken(refreshToken).sessionId;
  const list = async ({ accessToken }: Tokens) =>
    (await server.get('/api/auth/sessions', accessToken)).body.items as LoginItem[];

  it('[USR3] [ID19] are listed with device, network and times, the one seen last first', async () => {
    const first = await server.signUp();
    const signedUpAt = server.time.now();
    server.time.advance(MINUTE_MS);
    const headers = { 'user-agent': 'Kiosk/1.0', 'x-forwarded-for': '203.0.113.77' };
    const second = await logIn(first.user.email, { rememberMe: true }, headers);
    const items = await list(first);
    expect(items.map(({ id, current }) => [id, current])).toEqual([
      [idOf(first), true],
      [idOf(second), false],
    ]);
    const [own, far] = items;
    expect(own?.createdAt).toBeLessThanOrEqual(signedUpAt);
    expect(own?.lastSeenAt).toBeGreaterThan(signedUpAt);
    expect(far).toMatchObject({
      device: { address: '203.0.113.0/24', userAgent: 'Kiosk/1.0' },
      rememberMe: true,
      mfa: false,
    });
    expect(far?.expiresAt).toBeGreaterThan(server.time.now());
    expect(own?.rememberMe).toBe(false);
  });

  it('[USR3] [ID19] what is over is not listed and not counted', async () => {
    const first = await server.signUp();
    const idle = await logIn(first.user.email);
    server.time.advance(31 * MINUTE_MS);
    const remembered = await logIn(first.user.email, { rememberMe: true });
    expect((await list(remembered)).map(({ id }) => id)).toEqual([idOf(remembered)]);
    for (let more = 0; more < 4; more += 1) await logIn(first.user.email);
    expect(await me(remembered)).toBe(200);
    const ended = await database.query(`select 1 from revocations where reason = 'limit'`);
    expect(ended).toEqual([]);
    expect(await me(idle)).toBe('401 TOKEN_EXPIRED');
  });

  it('[USR3] [ID18] beyond the limit the least recently seen ends, as this process has seen it', async () => {
    const first = await server.signUp();
    const logins = [first];
    while (logins.length < 5) {
      server.time.advance(1000);
      logins.push(await logIn(first.user.email));
    }
    server.time.advance(1000);
    server.identity.touch({ ...userPrincipal(), sessionId: idOf(first) });
    const revoked: Revoked[] = [];
    server.identity.onRevoked((who) => revoked.push(who));
    const newest = await logIn(first.user.email);
    expect(revoked).toEqual([{ sessionId: logins[1] && idOf(logins[1]) }]);
    expect(await Promise.all(logins.map(me))).toEqual([200, '401 TOKEN_REVOKED', 200, 200, 200]);
    expect(await me(newest)).toBe(200);
    const [audit] = await database.query<{ event: object }>(
      `select event from audit_outbox where event ->> 'action' = 'session_ended'`,
    );
    expect(audit?.event).toMatchObject({ outcome: 'success', reason: 'limit', target: { type: 'session' } });
  });

  it('[USR3] [ID18] MAX_CONCURRENT_SESSIONS is the limit, and a log-in that fails ends nobody', async () => {
    const single = await startIdentity(database, { maxLogins: 1 });
    const first = await single.signUp();
    const wrong = { email: first.user.email, password: 'not the password' };
    expect(outcome(await single.post('/auth/login', wrong))).toBe('401 AUTH_ERROR');
    expect(await me(first)).toBe(200);
    expect((await single.post('/auth/login', { ...wrong, password: PASSWORD })).status).toBe(200);
    expect(outcome(await single.get('/api/users/me', first.accessToken))).toBe('401 TOKEN_REVOKED');
    await single.stop();
  });

  it('[USR3] [ID18] devices know no limit', async () => {
    const issue = (screenId: string) =>
      database.transaction((tx) => server.identity.issueDeviceCredential(tx, screenId));
    const devices = await Promise.all(Array.from({ length: 8 }, (_, n) => issue(`scr_${n}`)));
    for (const { accessToken, screenId } of devices) {
      expect(await server.identity.authenticate(accessToken)).toMatchObject({ screenId });
    }
  });

  it('[USR3] [ID21] of two that end all others at once one is left', async () => {
    const gate = gated(database);
    const slow = await startIdentity(gate.database, {}, { time: server.time });
    const first = await server.signUp();
    const second = await logIn(first.user.email);
    const waits = gate.hold();
    const late = slow.delete('/api/auth/sessions', second.accessToken);
    await waits;
    expect((await server.delete('/api/auth/sessions', first.accessToken)).status).toBe(204);
    gate.release();
    expect(outcome(await late)).toBe('401 TOKEN_REVOKED');
    expect([await me(first), await me(second)]).toEqual([200, '401 TOKEN_REVOKED']);
    await slow.stop();
  });

  it('[USR3] [ID20] an ended one is written down with who ended it', async () => {
    const first = await server.signUp();
    const second = await logIn(first.user.email);
    expect((await server.delete(`/api/auth/sessions/${idOf(second)}`, first.accessToken)).status).toBe(204);
    const [audit] = await database.query<{ event: object }>(
      `select event from audit_outbox where event ->> 'action' = 'session_ended'`,
    );
    expect(audit?.event).toMatchObject({
      reason: 'ended',
      actor: { type: 'user', ref: first.user.userId, sid: idOf(first) },
      target: { type: 'session', ref: idOf(second) },
    });
  });

  it('[USR3] devices neither list nor end logins', async () => {
    const device = await database.transaction((tx) => server.identity.issueDeviceCredential(tx, 'scr_a'));
    const refused = [
      await server.get('/api/auth/sessions', device.accessToken),
      await server.delete('/api/auth/sessions', device.accessToken),
      await server.post('/auth/step-up', { password: PASSWORD }, bearer(device.accessToken)),
    ];
    expect(refused.map(outcome)).toEqual(['403 FORBIDDEN', '403 FORBIDDEN', '403 FORBIDDEN']);
  });

  it('[USR3] each log-in is the last one in the profile', async () => {
    const { user, accessToken } = await server.signUp();
    const lastLogin = async () => Number((await server.get('/api/users/me', accessToken)).body.lastLoginAt);
    const before = await lastLogin();
    server.time.advance(MINUTE_MS);
    await logIn(user.email);
    expect(await lastLogin()).toBeGreaterThanOrEqual(before + MINUTE_MS);
  });
});
