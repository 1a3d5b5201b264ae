import { randomUUID } from 'node:crypto';
import type { SteppedUp } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  type Answer,
  bearer,
  emptyIdentity,
  MINUTE_MS,
  MovableTime,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { openSockets } from '../../../test/support/identity-sockets.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { challenge, type Guarded, guard, StillTime, verify } from '../../../test/support/second-factor.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const LATER_MS = 11 * MINUTE_MS;

describeEachDatabase('step-up', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    server = await startIdentity(database, {}, { requestsPerMinute: 1000 });
  });
  afterEach(() => server.stop());

  const outcome = ({ status, body }: Answer) => (body.error ? `${status} ${body.error.code}` : status);
  const prove = (token: string, password = PASSWORD, more = {}, on = server) =>
    on.post('/auth/step-up', { password, ...more }, bearer(token));
  const endOthers = async (token: string, on = server) =>
    outcome(await on.delete('/api/auth/sessions', token));

  it('[USR4] [ID22] counts at once for the access token that the login has, and gives a newer one', async () => {
    const { accessToken } = await server.signUp();
    server.time.advance(LATER_MS);
    expect(await endOthers(accessToken)).toBe('403 STEP_UP_REQUIRED');
    const answer = await prove(accessToken);
    const steppedUp = answer.body as unknown as SteppedUp;
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(Math.abs(steppedUp.provenUntil - server.time.now() - 10 * MINUTE_MS)).toBeLessThan(MINUTE_MS);
    expect(steppedUp.expiresIn).toBeGreaterThan(60);
    expect(await endOthers(accessToken)).toBe(204);
    expect(await endOthers(steppedUp.accessToken)).toBe(204);
    server.time.advance(LATER_MS);
    expect(await endOthers(steppedUp.accessToken)).toBe('403 STEP_UP_REQUIRED');
  });

  it('[USR4] [ID22] counts for no other login of the person', async () => {
    const { accessToken, user } = await server.signUp();
    const { body } = await server.post('/auth/login', { email: user.email, password: PASSWORD });
    server.time.advance(LATER_MS);
    expect((await prove(accessToken)).status).toBe(200);
    expect(await endOthers(String(body.accessToken))).toBe('403 STEP_UP_REQUIRED');
  });

  it('[USR4] [ID22] a wrong password proves nothing, ends nothing and is written down', async () => {
    const { accessToken } = await server.signUp();
    server.time.advance(LATER_MS);
    expect(outcome(await prove(accessToken, 'a guess'))).toBe('401 AUTH_ERROR');
    expect(await endOthers(accessToken)).toBe('403 STEP_UP_REQUIRED');
    expect((await server.get('/api/users/me', accessToken)).status).toBe(200);
    const [audit] = await database.query<{ event: object }>(
      `select event from audit_outbox where event ->> 'action' = 'authn_step_up_fail'`,
    );
    expect(audit?.event).toMatchObject({ outcome: 'failure', reason: 'password' });
  });

  it('[USR4] [ID23] right ones do not count as guesses, and the tenth wrong one was the last, wherever it was tried', async () => {
    await server.stop();
    // No other limit stands in the way.
    server = await startIdentity(database);
    const { accessToken } = await server.signUp();
    const change = (currentPassword: string) =>
      server.post(
        '/users/me/password',
        { currentPassword, password: 'quite another one' },
        bearer(accessToken),
      );
    for (let n = 0; n < 11; n += 1) expect((await prove(accessToken)).status).toBe(200);
    for (let n = 0; n < 6; n += 1) expect(outcome(await prove(accessToken, 'wrong'))).toBe('401 AUTH_ERROR');
    for (let n = 0; n < 4; n += 1) expect(outcome(await change('wrong'))).toBe('400 VALIDATION_ERROR');
    const refused = await prove(accessToken);
    expect(outcome(refused)).toBe('429 RATE_LIMIT');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(outcome(await change(PASSWORD))).toBe('429 RATE_LIMIT');
    const audits = await database.query(
      `select 1 from audit_outbox where event ->> 'action' = 'authn_password_fail' and event ->> 'reason' = 'limit'`,
    );
    expect(audits).toHaveLength(2);
  });

  describe('with a second factor on', () => {
    let person: Guarded;
    beforeEach(async () => {
      await server.stop();
      server = await startIdentity(database, {}, { time: new StillTime(), requestsPerMinute: 1000 });
      person = await guard(server, await server.signUp());
      server.time.advance(LATER_MS);
    });

    const token = () => person.login.accessToken;
    const proveBy = async (code: string) => outcome(await prove(token(), PASSWORD, { code }));
    const provenBy = async () => {
      const [row] = await database.query('select acr, amr from sessions');
      return row;
    };

    it('[USR4] [ID22] the password alone is not enough, and no wrong code is', async () => {
      expect(outcome(await prove(token()))).toBe('401 MFA_REQUIRED');
      expect(await proveBy(person.wrong())).toBe('401 AUTH_ERROR');
      expect(outcome(await prove(token(), 'wrong', { code: person.code() }))).toBe('401 AUTH_ERROR');
      expect(await endOthers(token())).toBe('403 STEP_UP_REQUIRED');
      const audits = await database.query<{ reason: string }>(
        `select event ->> 'reason' as reason from audit_outbox
          where event ->> 'action' = 'authn_step_up_fail' order by seq`,
      );
      expect(audits.map(({ reason }) => reason)).toEqual(['code', 'password']);
    });

    it('[USR4] [ID22] its code is a proof by two factors, and is spent by it', async () => {
      await database.query(`update sessions set acr = 'aal1', amr = 'pwd'`);
      expect(await proveBy(person.code())).toBe(200);
      expect(await provenBy()).toEqual({ acr: 'aal2', amr: 'pwd otp' });
      expect(await endOthers(token())).toBe(204);
      expect(await proveBy(person.code())).toBe('401 AUTH_ERROR');
      const again = await verify(server, await challenge(server, person), person.code());
      expect(outcome(again)).toBe('401 AUTH_ERROR');
    });

    it('[USR4] [ID22] a recovery code is one as well, once', async () => {
      const [code = ''] = person.recoveryCodes;
      expect(await proveBy(code)).toBe(200);
      expect(await provenBy()).toEqual({ acr: 'aal2', amr: 'pwd rc' });
      expect(await proveBy(code)).toBe('401 AUTH_ERROR');
      const state = await server.get('/api/users/me/mfa', token());
      expect(state.body).toMatchObject({ recoveryCodesLeft: 9, required: false });
    });

    it('[USR4] [ID22] [ID37] one that is locked answers so, and that is no wrong guess', async () => {
      for (let round = 0; round < 2; round += 1) {
        const id = await challenge(server, person);
        for (let n = 0; n < 5; n += 1) await verify(server, id, person.wrong());
      }
      for (let n = 0; n < 6; n += 1) expect(await proveBy(person.code())).toBe('423 ACCOUNT_LOCKED');
      const audits = await database.query(
        `select 1 from audit_outbox where event ->> 'action' = 'authn_step_up_fail' and event ->> 'reason' = 'locked'`,
      );
      expect(audits).toHaveLength(6);
      expect(await endOthers(token())).toBe('403 STEP_UP_REQUIRED');
      server.time.advance(15 * MINUTE_MS);
      const { body } = await server.post('/auth/refresh', { refreshToken: person.login.refreshToken });
      const answer = await prove(String(body.accessToken), PASSWORD, { code: person.code() });
      expect(outcome(answer)).toBe(200);
    });
  });

  it('[USR4] a factor that is not confirmed yet asks for no code', async () => {
    const { accessToken, user } = await server.signUp();
    await database.query(
      `insert into mfa_factors (id, user_id, secret_enc, state, created_at) values ($1, $2, '\\x00', 'pending', 0)`,
      [randomUUID(), user.userId],
    );
    expect((await prove(accessToken)).status).toBe(200);
  });

  it('[USR4] [ID22] its newer access token counts at once on a node that has not heard of it yet', async () => {
    const clock = new ManualClock();
    const there = await startIdentity(database, {}, { clock, time: server.time });
    const { accessToken } = await server.signUp();
    server.time.advance(LATER_MS);
    expect(await endOthers(accessToken, there)).toBe('403 STEP_UP_REQUIRED');
    const proven = String((await prove(accessToken)).body.accessToken);
    expect(await endOthers(proven, there)).toBe(204);
    // An older token says nothing of it.
    expect(await endOthers(accessToken, there)).toBe('403 STEP_UP_REQUIRED');
    server.time.advance(LATER_MS);
    expect(await endOthers(proven, there)).toBe('403 STEP_UP_REQUIRED');
    await there.stop();
  });

  it('[USR4] [ID22] [ID25] counts on open sockets too, and a new name does, on every node', async () => {
    const clock = new ManualClock();
    const time = new MovableTime();
    const here = await startIdentity(database, {}, { clock, time });
    const there = await startIdentity(database, {}, { clock, time });
    const nodes = [await openSockets(here, clock), await openSockets(there, clock)];
    const { accessToken } = await here.signUp();
    const sockets = await Promise.all(
      nodes.map(async (node) => (await node.clients.connect({ token: accessToken })).socket),
    );
    time.advance(LATER_MS);
    const ask = () => Promise.all(sockets.map((socket) => socket.emitWithAck('probe:logins.end')));
    expect(await ask()).toMatchObject(sockets.map(() => ({ error: { code: 'STEP_UP_REQUIRED' } })));
    expect((await prove(accessToken, PASSWORD, {}, here)).status).toBe(200);
    await here.http.inject({
      method: 'PATCH',
      url: '/api/users/me',
      headers: bearer(accessToken),
      payload: { username: 'Grace' },
    });
    clock.advance(5000);
    const renewed = sockets.map(() => ({ success: true, username: 'Grace' }));
    await expect.poll(ask, { timeout: 10_000 }).toEqual(renewed);
    for (const node of nodes) await node.close();
    await Promise.all([here.stop(), there.stop()]);
  });
});
