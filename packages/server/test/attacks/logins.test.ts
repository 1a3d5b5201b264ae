import { setTimeout as sleep } from 'node:timers/promises';
import { nextEvent } from '@bongsu/conformance';
import type { SessionClosing, SignedIn } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Database } from '../../src/platform/database/database.js';
import { describeEachDatabase } from '../support/databases.js';
import { gated } from '../support/gated-database.js';
import {
  type Answer,
  bearer,
  DAY_MS,
  emptyIdentity,
  MINUTE_MS,
  MovableTime,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../support/identity.js';
import { openSockets, type SocketedIdentity } from '../support/identity-sockets.js';
import { ManualClock } from '../support/manual-clock.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** What the poll of SQL alone needs for all to hear. */
const HEARD_MS = 5000;
type Tokens = SignedIn & { refreshToken: string };

// Two processes share a database and nothing else: each has a bus of its own, so one hears of the other from SQL only.
describeEachDatabase('attacks on logins', (open) => {
  let database: Database;
  let clock: ManualClock;
  let time: MovableTime;
  let server: TestIdentity;
  let other: TestIdentity;
  let opened: SocketedIdentity[];

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    clock = new ManualClock();
    time = new MovableTime();
    opened = [];
    server = await startIdentity(database, {}, { clock, time });
    other = await startIdentity(database, {}, { clock, time });
  });
  afterEach(async () => {
    for (const each of opened) await each.close();
    await Promise.all([server.stop(), other.stop()]);
  });

  const refresh = (refreshToken: unknown, on = server) => on.post('/auth/refresh', { refreshToken });
  const outcome = ({ status, body }: Answer) => (body.error ? `${status} ${body.error.code}` : status);
  const me = async (token: unknown, on = server) => outcome(await on.get('/api/users/me', String(token)));
  /** As every client should: what is refused for now is sent again when the server says so. */
  const patiently = async (send: () => Promise<Answer>): Promise<Answer> => {
    const answer = await send();
    if (answer.status !== 503) return answer;
    await sleep(answer.body.error.retryAfterMs ?? 0);
    return patiently(send);
  };
  const logIn = async (email: string, more: object = {}, on = server): Promise<Tokens> => {
    const { status, body } = await patiently(() =>
      on.post('/auth/login', { email, password: PASSWORD, ...more }),
    );
    expect(status).toBe(200);
    return body as unknown as Tokens;
  };
  const loginOf = ({ refreshToken }: Tokens) =>
    server.identity.tokens.verifyRefreshToken(refreshToken).sessionId;
  const sockets = async (of: TestIdentity): Promise<SocketedIdentity> => {
    const node = await openSockets(of, clock);
    opened.push(node);
    return node;
  };
  const enter = async (node: SocketedIdentity, { accessToken: token }: { accessToken: string }) =>
    (await node.clients.connect({ token })).socket;
  const closingOf = (socket: Socket) => nextEvent<SessionClosing>(socket, 'session-closing');
  /** Moves the databases' time and what is due by it, as far as to `ms` from now. */
  const pass = (ms: number) => {
    time.advance(ms);
    clock.advance(ms);
  };

  it('[AT01] [ID7] many refreshes of one token at once get one successor and make one generation', async () => {
    const { refreshToken } = await server.signUp();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => refresh(refreshToken, n % 2 ? other : server)),
    );
    expect(new Set(answers.map(outcome))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    expect(await database.query('select generation from sessions')).toEqual([{ generation: 1 }]);
  });

  it('[AT02] [ID17] a token from before two rotations of one second ends the login for thief and owner', async () => {
    const stolen = await server.signUp();
    const second = await refresh(stolen.refreshToken);
    const third = await refresh(second.body.refreshToken);
    expect(outcome(await refresh(stolen.refreshToken))).toBe('401 TOKEN_REVOKED');
    expect(outcome(await refresh(third.body.refreshToken))).toBe('401 TOKEN_REVOKED');
    for (const token of [stolen.accessToken, third.body.accessToken]) {
      expect(await me(token)).toBe('401 TOKEN_REVOKED');
    }
  });

  it('[AT03] a restart does not make the server forget that a token was used', async () => {
    const { refreshToken } = await server.signUp();
    const next = await refresh(refreshToken);
    await server.stop();
    server = await startIdentity(database, {}, { clock, time });
    pass(11_000);
    expect(outcome(await refresh(refreshToken))).toBe('401 TOKEN_REVOKED');
    expect(outcome(await refresh(next.body.refreshToken))).toBe('401 TOKEN_REVOKED');
  });

  it('[AT04] a refresh that was under way when the login ended leaves no live token', async () => {
    const gate = gated(database);
    const slow = await startIdentity(gate.database, {}, { clock, time });
    const login = await server.signUp();
    const arrived = gate.hold();
    const raced = refresh(login.refreshToken, slow);
    await arrived;
    await server.post('/auth/logout', { refreshToken: login.refreshToken });
    gate.release();
    const answer = await raced;
    expect(outcome(answer)).toBe('401 TOKEN_REVOKED');
    expect(outcome(await refresh(login.refreshToken))).toBe('401 TOKEN_REVOKED');
    expect(await me(login.accessToken)).toBe('401 TOKEN_REVOKED');
    await slow.stop();
  });

  it('[AT05] refreshing for ever does not stretch a login beyond REFRESH_TOKEN_EXPIRE_DAYS', async () => {
    const { user } = await server.signUp();
    let { refreshToken } = await logIn(user.email, { rememberMe: true });
    for (let day = 0; day < 29; day += 1) {
      time.advance(DAY_MS);
      refreshToken = String((await refresh(refreshToken)).body.refreshToken);
    }
    time.advance(DAY_MS - MINUTE_MS);
    const last = await refresh(refreshToken);
    time.advance(MINUTE_MS + 10_000);
    expect(outcome(await refresh(last.body.refreshToken))).toBe('401 TOKEN_EXPIRED');
    expect(await me(last.body.accessToken)).toBe('401 TOKEN_EXPIRED');
  });

  it('[AT06] replaying the former token within its grace forks no second chain off', async () => {
    const { refreshToken: stolen } = await server.signUp();
    const owner = await refresh(stolen);
    const thief = await refresh(stolen, other);
    expect(thief.body.refreshToken).toBe(owner.body.refreshToken);
    const next = await refresh(owner.body.refreshToken);
    expect((await refresh(thief.body.refreshToken, other)).body.refreshToken).toBe(next.body.refreshToken);
    expect(await database.query('select generation from sessions')).toEqual([{ generation: 2 }]);
    pass(11_000);
    expect(outcome(await refresh(thief.body.refreshToken))).toBe('401 TOKEN_REVOKED');
    expect(outcome(await refresh(next.body.refreshToken))).toBe('401 TOKEN_REVOKED');
  });

  it('[AT07] replaying the former token again and again does not make its grace longer', async () => {
    const { refreshToken } = await server.signUp();
    const { body } = await refresh(refreshToken);
    for (let replay = 0; replay < 5; replay += 1) {
      pass(1900);
      expect((await refresh(refreshToken)).body.refreshToken).toBe(body.refreshToken);
    }
    pass(1900);
    expect(outcome(await refresh(refreshToken))).toBe('401 TOKEN_REVOKED');
  });

  it('[AT08] one logout ends what every loser of a race between refreshes was given', async () => {
    const { refreshToken } = await server.signUp();
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(refreshToken)));
    for (const { body } of answers) expect(await me(body.accessToken)).toBe(200);
    await server.post('/auth/logout', { refreshToken: answers[7]?.body.refreshToken });
    for (const { body } of answers) {
      expect(await me(body.accessToken)).toBe('401 TOKEN_REVOKED');
      expect(outcome(await refresh(body.refreshToken))).toBe('401 TOKEN_REVOKED');
    }
  });

  it('[AT09] [ID26] a token of an ended login counts no longer, however lately it was checked and cached', async () => {
    const { accessToken, refreshToken } = await server.signUp();
    expect([await me(accessToken), await me(accessToken, other)]).toEqual([200, 200]);
    await server.post('/auth/logout', { refreshToken });
    expect(await me(accessToken)).toBe('401 TOKEN_REVOKED');
    clock.advance(HEARD_MS);
    await expect.poll(() => me(accessToken, other), { timeout: 10_000 }).toBe('401 TOKEN_REVOKED');
  });

  it('[AT10] [ID26] [ID9] a socket that is open when its login ends is cut, on every node within 5 s without a bus', async () => {
    const login = await server.signUp();
    const stays = await logIn(login.user.email);
    const nodes = [await sockets(server), await sockets(other)];
    const cut = await Promise.all(nodes.map((node) => enter(node, login)));
    const kept = await Promise.all(nodes.map((node) => enter(node, stays)));
    const closings = cut.map(closingOf);
    const gone = cut.map((socket) => nextEvent(socket, 'disconnect'));
    await server.post('/auth/logout', { refreshToken: login.refreshToken });
    clock.advance(HEARD_MS);
    for (const closing of await Promise.all(closings)) {
      expect(closing).toEqual({ code: 'TOKEN_REVOKED', reason: expect.any(String), reconnect: false });
    }
    expect(await Promise.all(gone)).toEqual(['io server disconnect', 'io server disconnect']);
    for (const socket of kept) {
      expect(await socket.emitWithAck('probe:profile.read')).toMatchObject({ success: true });
    }
  });

  it('[AT11] a socket past the end of its token gets nothing done, and is cut', async () => {
    const login = await server.signUp();
    const socket = await enter(await sockets(server), login);
    const endsAt = server.identity.tokens.getExpiryTime(login.accessToken);
    pass(endsAt - time.now() + 1000);
    expect(await socket.emitWithAck('probe:profile.read')).toMatchObject({
      error: { code: 'TOKEN_EXPIRED' },
    });
    const closing = closingOf(socket);
    pass(31_000);
    expect(await closing).toMatchObject({ code: 'TOKEN_EXPIRED', reconnect: false });
  });

  it('[AT12] a socket that lost its connection does not come back past the handshake', async () => {
    const login = await server.signUp();
    const node = await sockets(server);
    const socket = await enter(node, login);
    socket.io.engine.close();
    await expect.poll(() => node.connections.size).toBe(0);
    await server.post('/auth/logout', { refreshToken: login.refreshToken });
    const refused = nextEvent<Error & { data: unknown }>(socket, 'connect_error').then(({ data }) => data);
    const back = new Promise((resolve) => socket.once('connect', () => resolve('back')));
    socket.connect();
    expect(await Promise.race([back, refused])).toMatchObject({ code: 'TOKEN_REVOKED' });
  });

  it('[AT13] a page of another site opens no socket', async () => {
    const node = await sockets(server);
    const { port } = new URL(node.url);
    const handshake = `${node.url}/socket.io/?EIO=4&transport=polling`;
    const from = (origin: string) => fetch(handshake, { headers: { origin } });
    for (const origin of ['https://evil.example.com', `http://127.0.0.1.evil.com:${port}`, 'null']) {
      expect((await from(origin)).status, origin).toBe(403);
    }
    expect((await from(node.url)).status).toBe(200);
  });

  it('[AT14] a login that somebody planted in a browser never becomes the login of whoever signs in there', async () => {
    const headers = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-origin' };
    const cookieOf = ({ cookies }: Answer) => `bongsu_rt=${cookies[0]?.value}`;
    const victim = await server.signUp();
    const attacker = await server.signUp();
    const planted = `bongsu_rt=${attacker.refreshToken}`;
    const credentials = { email: victim.user.email, password: PASSWORD };
    const signedIn = await server.post('/auth/login', credentials, { ...headers, cookie: planted });
    expect(signedIn.body.user).toMatchObject({ userId: victim.user.userId });
    expect(cookieOf(signedIn)).not.toBe(planted);
    const own = await server.post('/auth/refresh', undefined, { ...headers, cookie: cookieOf(signedIn) });
    const theirs = await server.post('/auth/refresh', undefined, { ...headers, cookie: planted });
    const whose = async ({ body }: Answer) =>
      (await server.get('/api/users/me', String(body.accessToken))).body.userId;
    expect([await whose(own), await whose(theirs)]).toEqual([victim.user.userId, attacker.user.userId]);
    const ids = await database.query<{ id: string }>('select id from sessions');
    expect(new Set(ids.map(({ id }) => id)).size).toBe(3);
    expect(ids.map(({ id }) => id)).not.toContain(victim.user.userId);
  });

  it('[AT15] [ID26] a process that SQL has not answered for 10 s believes nothing that it had cached', async () => {
    const gate = gated(database);
    const cutOff = await startIdentity(gate.database, {}, { clock, time });
    const { accessToken, refreshToken } = await server.signUp();
    expect(await me(accessToken, cutOff)).toBe(200);
    gate.fail('from revocations');
    await server.post('/auth/logout', { refreshToken });
    expect(await me(accessToken, cutOff)).toBe(200);
    clock.advance(10_001);
    expect(await me(accessToken, cutOff)).toBe('401 TOKEN_REVOKED');
    await cutOff.stop();
  });

  it('[AT16] [ID18] 50 log-ins at once leave exactly 5, and those beyond are no failures', async () => {
    const { user } = await server.signUp();
    const logins = await Promise.all(
      Array.from({ length: 50 }, (_, n) => logIn(user.email, {}, n % 2 ? other : server)),
    );
    const live = 'select id from sessions where revoked_at is null';
    expect(await database.query(live)).toHaveLength(5);
    const newest = await logIn(user.email);
    expect(await me(newest.accessToken)).toBe(200);
    expect(await database.query(live)).toHaveLength(5);
    const [ended] = await database.query<{ n: number }>(
      `select count(*)::int as n from revocations where kind = 'session' and reason = 'limit'`,
    );
    expect(ended?.n).toBe(1 + logins.length + 1 - 5);
    expect(await server.metrics.text()).not.toContain('bongsu_logins_total{outcome="failure"}');
  });

  it('[AT17] [ID19] [ID20] [ID21] nobody sees or ends the logins of others', async () => {
    const victim = await server.signUp();
    const attacker = await server.signUp();
    const { body } = await server.get('/api/auth/sessions', attacker.accessToken);
    expect((body.items as { id: string }[]).map(({ id }) => id)).toEqual([loginOf(attacker)]);
    const aimed = await server.delete(`/api/auth/sessions/${loginOf(victim)}`, attacker.accessToken);
    const unknown = await server.delete(
      '/api/auth/sessions/018f0000-0000-4000-8000-000000000001',
      attacker.accessToken,
    );
    expect([outcome(aimed), outcome(unknown)]).toEqual(['404 NOT_FOUND', '404 NOT_FOUND']);
    expect((await server.delete('/api/auth/sessions', attacker.accessToken)).status).toBe(204);
    expect(await me(victim.accessToken)).toBe(200);
  });

  it('[AT18] [ID24] ten minutes after the log-in a stolen page cannot do what asks for a fresh proof, not by refresh nor over a socket', async () => {
    const login = await server.signUp();
    const socket = await enter(await sockets(server), login);
    const proven = () => socket.emitWithAck('probe:logins.end');
    expect(await proven()).toMatchObject({ success: true });
    pass(10 * MINUTE_MS + 1000);
    const { body } = await refresh(login.refreshToken);
    const token = String(body.accessToken);
    expect(await socket.emitWithAck('auth-refresh', { token })).toMatchObject({ success: true });
    expect(await proven()).toMatchObject({ error: { code: 'STEP_UP_REQUIRED' } });
    expect(outcome(await server.delete('/api/auth/sessions', token))).toBe('403 STEP_UP_REQUIRED');
    const wrong = await server.post('/auth/step-up', { password: 'a guess' }, bearer(token));
    expect(outcome(wrong)).toBe('401 AUTH_ERROR');
    expect(await proven()).toMatchObject({ error: { code: 'STEP_UP_REQUIRED' } });
  });

  it('[AT19] [ID25] an administrator who was demoted is none on open sockets within 5 s, on every node without a bus', async () => {
    const login = await server.signUp();
    const { userId } = login.user;
    await database.query(`update users set role = 'admin' where id = $1`, [userId]);
    const nodes = [await sockets(server), await sockets(other)];
    const open = await Promise.all(nodes.map((node) => enter(node, login)));
    for (const socket of open) {
      expect(await socket.emitWithAck('probe:users.read')).toMatchObject({ success: true });
      socket.on('disconnect', () => expect.unreachable('a change of role cut a socket'));
    }
    await database.transaction(async (tx) => {
      await tx.query(`update users set role = 'user' where id = $1`, [userId]);
      await tx.query(
        `insert into revocations (kind, id, reason, at, until) values ('user', $1, 'role', 0, 9e15::bigint)`,
        [userId],
      );
    });
    clock.advance(HEARD_MS);
    for (const socket of open) {
      const answer = () => socket.emitWithAck('probe:users.read');
      await expect.poll(answer, { timeout: 10_000 }).toMatchObject({ error: { code: 'FORBIDDEN' } });
      expect(await socket.emitWithAck('probe:profile.read')).toMatchObject({ success: true });
      socket.removeAllListeners('disconnect');
    }
  });
});
