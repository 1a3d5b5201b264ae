import { randomUUID } from 'node:crypto';
import type { ClosingKey } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALGORITHM_WITH_KEYS } from '../../../test/support/algorithm.js';
import { userPrincipal } from '../../../test/support/commands.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  DAY_MS,
  emptyIdentity,
  MINUTE_MS,
  MovableTime,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { MailInbox } from '../../../test/support/mail-inbox.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import type { Database } from '../../platform/database/database.js';
import type { Revoked } from './revocation-feed.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeEachDatabase('logins', (open, profile) => {
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

  const refresh = (refreshToken: string, on = server) => on.post('/auth/refresh', { refreshToken });
  const code = async (answer: Promise<{ status: number; body: { error: { code: string } } }>) => {
    const { status, body } = await answer;
    return `${status} ${body.error?.code ?? 'none'}`;
  };
  const logIn = async (email: string, rememberMe = false) => {
    const { body } = await server.post('/auth/login', { email, password: PASSWORD, rememberMe });
    return body as unknown as { accessToken: string; refreshToken: string };
  };
  const nextRevoked = (on = server): Promise<[Revoked, ClosingKey]> =>
    new Promise((resolve) => {
      const stop = on.identity.onRevoked((who, closing) => {
        stop();
        resolve([who, closing]);
      });
    });

  describe('refresh', () => {
    it('[TOK3] rotates the refresh token and gives a pair that works', async () => {
      const { refreshToken } = await server.signUp();
      const { status, body } = await refresh(refreshToken);
      expect(status).toBe(200);
      expect(Object.keys(body).sort()).toEqual(['accessToken', 'expiresIn', 'refreshToken']);
      expect(body.refreshToken).not.toBe(refreshToken);
      expect((await server.get('/api/users/me', String(body.accessToken))).status).toBe(200);
      expect((await refresh(String(body.refreshToken))).status).toBe(200);
    });

    it('[TOK3] 20 at once get one successor and make one generation', async () => {
      const { refreshToken } = await server.signUp();
      const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
      const [row] = await database.query<{ generation: number }>('select generation from sessions');
      expect(row?.generation).toBe(1);
    });

    it('[TOK3] two processes at once give the same successor', async () => {
      const other = await startIdentity(database);
      const { refreshToken } = await server.signUp();
      const answers = await Promise.all([refresh(refreshToken), refresh(refreshToken, other)]);
      expect(answers[0]?.body.refreshToken).toBe(answers[1]?.body.refreshToken);
      await other.stop();
    });

    it('[TOK3] a retry within the grace answers the same, again and again without stretching it', async () => {
      const { refreshToken } = await server.signUp();
      const first = await refresh(refreshToken);
      server.time.advance(4000);
      expect((await refresh(refreshToken)).body.refreshToken).toBe(first.body.refreshToken);
      server.time.advance(4000);
      expect((await refresh(refreshToken)).body.refreshToken).toBe(first.body.refreshToken);
      server.time.advance(4000);
      expect(await code(refresh(refreshToken))).toBe('401 TOKEN_REVOKED');
      expect(await code(refresh(String(first.body.refreshToken)))).toBe('401 TOKEN_REVOKED');
    });

    it('[TOK3] a token two generations old ends the login at once, and says so once', async () => {
      const { accessToken, refreshToken } = await server.signUp();
      const { sessionId } = server.identity.tokens.verifyRefreshToken(refreshToken);
      const second = String((await refresh(refreshToken)).body.refreshToken);
      const third = String((await refresh(second)).body.refreshToken);
      const revoked = nextRevoked();
      const replays = await Promise.all([1, 2, 3].map(() => code(refresh(refreshToken))));
      expect(new Set(replays)).toEqual(new Set(['401 TOKEN_REVOKED']));
      expect(await revoked).toEqual([{ sessionId }, 'TOKEN_REVOKED']);
      expect(await code(refresh(third))).toBe('401 TOKEN_REVOKED');
      expect(await code(server.get('/api/users/me', accessToken))).toBe('401 TOKEN_REVOKED');
      const rows = await database.query<{ event: object }>(
        `select event from audit_outbox where event ->> 'action' = 'authn_token_reuse'`,
      );
      expect(rows).toHaveLength(1);
      expect(rows[0]?.event).toMatchObject({ severity_id: 4, target: { type: 'session', ref: sessionId } });
      expect(await database.query('select revoke_reason as reason from sessions')).toEqual([
        { reason: 'reuse' },
      ]);
    });

    it('[TOK3] a token used twice is told to its owner by one mail; nobody is told of a device', async () => {
      const inbox = await MailInbox.start();
      const mailing = await startIdentity(database, { mail: inbox.config });
      const twoOld = async (token: string) => {
        const second = String((await refresh(token, mailing)).body.refreshToken);
        await refresh(String((await refresh(second, mailing)).body.refreshToken), mailing);
        const replays = await Promise.all([1, 2, 3].map(() => code(refresh(token, mailing))));
        expect(new Set(replays)).toEqual(new Set(['401 TOKEN_REVOKED']));
      };
      const device = await database.transaction((tx) => mailing.identity.issueDeviceCredential(tx, 'scr_a'));
      await twoOld(device.refreshToken);
      const { user, refreshToken } = await mailing.signUp();
      await twoOld(refreshToken);
      const mail = await inbox.next();
      expect([mail.to, mail.headers.get('subject')]).toEqual([[user.email], 'A login of yours was ended']);
      await mailing.stop();
      expect(inbox.mails).toHaveLength(1);
      await inbox.stop();
    });

    it('[TOK3] a token of another chain of the login, as after a restored backup, is AUTH_ERROR and ends nothing', async () => {
      const { refreshToken } = await server.signUp();
      const second = String((await refresh(refreshToken)).body.refreshToken);
      const third = String((await refresh(second)).body.refreshToken);
      await database.query(
        'update sessions set generation = 1, current_hash = previous_hash, previous_hash = null, rotation_nonce = null',
      );
      expect(await code(refresh(third))).toBe('401 AUTH_ERROR');
      const other = String((await refresh(second)).body.refreshToken);
      expect(other).not.toBe(third);
      expect(await code(refresh(third))).toBe('401 AUTH_ERROR');
      const next = await refresh(other);
      expect(await code(refresh(third))).toBe('401 AUTH_ERROR');
      expect((await refresh(String(next.body.refreshToken))).status).toBe(200);
    });

    it('[TOK3] works after a restart, with a new TokenManager', async () => {
      const { refreshToken, accessToken } = await server.signUp();
      await server.stop();
      server = await startIdentity(database);
      expect((await server.get('/api/users/me', accessToken)).status).toBe(200);
      expect((await refresh(refreshToken)).status).toBe(200);
    });

    it('[TOK3] what is no refresh token is AUTH_ERROR', async () => {
      const { accessToken, refreshToken } = await server.signUp();
      const altered = refreshToken.slice(0, -2) + (refreshToken.endsWith('AA') ? 'BB' : 'AA');
      for (const bad of ['nonsense', '', accessToken, altered]) {
        expect(await code(refresh(bad))).toBe('401 AUTH_ERROR');
      }
      expect(await code(server.post('/auth/refresh'))).toBe('401 AUTH_ERROR');
      expect(await code(server.post('/auth/refresh', {}))).toBe('401 AUTH_ERROR');
      expect(await code(server.get('/api/users/me', refreshToken))).toBe('401 AUTH_ERROR');
      expect(await code(server.post('/auth/refresh', { refreshToken: 7 }))).toBe('400 VALIDATION_ERROR');
    });

    it('[SEC3] is counted by login, and what is no token of ours by address', async () => {
      const limited = await startIdentity(database, {}, { requestsPerMinute: 3 });
      const logins = await Promise.all([1, 2].map(() => server.signUp()));
      for (const { refreshToken } of logins) {
        for (let i = 0; i < 3; i += 1) expect((await refresh(refreshToken, limited)).status).toBe(200);
        const { headers, ...refused } = await refresh(refreshToken, limited);
        expect(await code(Promise.resolve(refused))).toBe('429 RATE_LIMIT');
        expect(headers).toMatchObject({ 'ratelimit-limit': '3', 'ratelimit-remaining': '0' });
        expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      }
      for (let i = 0; i < 3; i += 1) expect(await code(refresh('forged', limited))).toBe('401 AUTH_ERROR');
      expect(await code(refresh('forged', limited))).toBe('429 RATE_LIMIT');
      await limited.stop();
    });

    it('[TOK3] the database holds hashes only', async () => {
      const { refreshToken } = await server.signUp();
      const next = String((await refresh(refreshToken)).body.refreshToken);
      const [row] = await database.query<{ text: string }>(
        `select (select string_agg(s::text, '') from sessions s) || (select string_agg(a::text, '') from audit_outbox a) as text`,
      );
      for (const token of [refreshToken, next]) {
        const secret = server.identity.tokens.verifyRefreshToken(token).secret;
        expect(row?.text).not.toContain(Buffer.from(secret).toString('hex'));
        expect(row?.text).not.toContain(token.slice(4));
      }
    });

    it('[USR3] the absolute end is never extended', async () => {
      const { user } = await server.signUp();
      let { refreshToken } = await logIn(user.email, true);
      for (let day = 0; day < 29; day += 1) {
        server.time.advance(DAY_MS);
        refreshToken = String((await refresh(refreshToken)).body.refreshToken);
      }
      server.time.advance(DAY_MS + 1);
      expect(await code(refresh(refreshToken))).toBe('401 TOKEN_EXPIRED');
    });

    it('[USR3] without rememberMe a login ends when idle; any use keeps it', async () => {
      const { refreshToken, user, accessToken } = await server.signUp();
      const remembered = await logIn(user.email, true);
      const [touched] = await Promise.all([logIn(user.email)]);
      const session = server.identity.tokens.verifyRefreshToken(touched.refreshToken).sessionId;
      server.time.advance(10 * MINUTE_MS);
      await server.get('/api/users/me', accessToken);
      server.time.advance(18 * MINUTE_MS);
      server.identity.touch({ ...userPrincipal(), sessionId: session });
      server.time.advance(15 * MINUTE_MS);
      expect(await code(refresh(refreshToken))).toBe('401 TOKEN_EXPIRED');
      expect((await refresh(touched.refreshToken)).status).toBe(200);
      expect((await refresh(remembered.refreshToken)).status).toBe(200);
    });

    it('[USR3] use is written to SQL, so that another process knows of it; a login that idled out stays ended', async () => {
      const { refreshToken, user } = await server.signUp();
      const second = await logIn(user.email);
      const sessionOf = (token: string) => server.identity.tokens.verifyRefreshToken(token).sessionId;
      server.time.advance(20 * MINUTE_MS);
      server.identity.touch({ ...userPrincipal(), sessionId: sessionOf(refreshToken) });
      server.time.advance(20 * MINUTE_MS);
      server.identity.touch({ ...userPrincipal(), sessionId: sessionOf(second.refreshToken) });
      await server.stop();
      server = await startIdentity(database, {}, { time: server.time });
      expect((await refresh(refreshToken)).status).toBe(200);
      expect(await code(refresh(second.refreshToken))).toBe('401 TOKEN_EXPIRED');
    });
  });

  describe('logout', () => {
    it('[TOK3] ends refresh and access tokens at once, and tells who must be cut', async () => {
      const { accessToken, refreshToken } = await server.signUp();
      const { sessionId } = server.identity.tokens.verifyRefreshToken(refreshToken);
      expect((await server.get('/api/users/me', accessToken)).status).toBe(200);
      const revoked = nextRevoked();
      const { status, body } = await server.post('/auth/logout', { refreshToken });
      expect([status, body]).toEqual([200, { success: true }]);
      expect(await code(server.get('/api/users/me', accessToken))).toBe('401 TOKEN_REVOKED');
      expect(await code(refresh(refreshToken))).toBe('401 TOKEN_REVOKED');
      expect(await revoked).toEqual([{ sessionId }, 'TOKEN_REVOKED']);
    });

    it('[TOK3] twice is no fault, a forged token is; other logins stay', async () => {
      const { refreshToken, user } = await server.signUp();
      const other = await logIn(user.email);
      await server.post('/auth/logout', { refreshToken });
      expect((await server.post('/auth/logout', { refreshToken })).status).toBe(200);
      expect(await code(server.post('/auth/logout', { refreshToken: 'brt_forged' }))).toBe('401 AUTH_ERROR');
      expect(await code(server.post('/auth/logout'))).toBe('401 AUTH_ERROR');
      expect((await server.get('/api/users/me', other.accessToken)).status).toBe(200);
    });

    it('[TOK3] takes an access token too', async () => {
      const { accessToken } = await server.signUp();
      const headers = { authorization: `Bearer ${accessToken}` };
      expect((await server.post('/auth/logout', undefined, headers)).status).toBe(200);
      expect(await code(server.get('/api/users/me', accessToken))).toBe('401 TOKEN_REVOKED');
    });

    it('[TOK3] a refresh that races it leaves no live token', async () => {
      for (let round = 0; round < 5; round += 1) {
        const { refreshToken } = await server.signUp();
        const [raced] = await Promise.all([
          refresh(refreshToken),
          server.post('/auth/logout', { refreshToken }),
        ]);
        const latest = String(raced?.body.refreshToken ?? refreshToken);
        expect(await code(refresh(latest))).toBe('401 TOKEN_REVOKED');
      }
    });

    it('[SIG1] another process hears of it from SQL and forgets what it had cached', async () => {
      const other = await startIdentity(database);
      const { accessToken, refreshToken } = await server.signUp();
      expect((await other.get('/api/users/me', accessToken)).status).toBe(200);
      const heard = nextRevoked(other);
      await server.post('/auth/logout', { refreshToken });
      await heard;
      expect(await code(other.get('/api/users/me', accessToken))).toBe('401 TOKEN_REVOKED');
      await other.stop();
    });

    it('[SIG1] a disabled user is out: tokens, refresh and log-in', async () => {
      const { accessToken, refreshToken, user } = await server.signUp();
      await database.query(`update users set status = 'disabled' where id = $1`, [user.userId]);
      const revoked = nextRevoked();
      await database.query(
        `insert into revocations (kind, id, reason, at, until) values ('user', $1, 'disabled', 0, 9000000000000)`,
        [user.userId],
      );
      expect(await revoked).toEqual([{ userId: user.userId }, 'ACCOUNT_DISABLED']);
      expect(await code(server.get('/api/users/me', accessToken))).toBe('401 TOKEN_REVOKED');
      expect(await code(refresh(refreshToken))).toBe('401 TOKEN_REVOKED');
      expect(await code(server.post('/auth/login', { email: user.email, password: PASSWORD }))).toBe(
        '401 AUTH_ERROR',
      );
    });

    it('[SIG1] [ID26] every other end of a user is TOKEN_REVOKED, a change ends nothing', async () => {
      const { accessToken, user } = await server.signUp();
      const insert = (reason: string) =>
        database.query(
          `insert into revocations (kind, id, reason, at, until) values ('user', $1, $2, 0, 9000000000000)`,
          [user.userId, reason],
        );
      const changed = new Promise((resolve) => server.identity.onChanged(resolve));
      const revoked = nextRevoked();
      await insert('role');
      expect(await changed).toEqual({ userId: user.userId });
      expect((await server.get('/api/users/me', accessToken)).status).toBe(200);
      await insert('something newer');
      expect(await revoked).toEqual([{ userId: user.userId }, 'TOKEN_REVOKED']);
    });

    it('[SIG1] a higher epoch voids all earlier access tokens of a user', async () => {
      const { accessToken, user } = await server.signUp();
      await database.query('update users set epoch = epoch + 1 where id = $1', [user.userId]);
      expect(await code(server.get('/api/users/me', accessToken))).toBe('401 TOKEN_REVOKED');
    });
  });

  describe('device logins', () => {
    const issue = (screenId: string) =>
      database.transaction((tx) => server.identity.issueDeviceCredential(tx, screenId));

    it('[TOK5] authenticate as their one screen, and count as used from then on', async () => {
      const { accessToken, expiresIn } = await issue('scr_a');
      expect(expiresIn).toBeGreaterThan(0);
      expect(await server.identity.deviceUsed('scr_a')).toBe(false);
      expect(await server.identity.authenticate(accessToken)).toMatchObject({
        kind: 'screen',
        screenId: 'scr_a',
      });
      expect(await server.identity.deviceUsed('scr_a')).toBe(true);
      expect(await code(server.get('/api/users/me', accessToken))).toBe('403 FORBIDDEN');
    });

    it('[TOK3] a lost answer can be asked for again, however late, until the successor was used', async () => {
      const { refreshToken } = await issue('scr_a');
      const lost = await refresh(refreshToken);
      expect(await server.identity.deviceUsed('scr_a')).toBe(true);
      server.time.advance(40 * DAY_MS);
      const again = await refresh(refreshToken);
      expect(again.body.refreshToken).toBe(lost.body.refreshToken);
      expect((await server.get('/api/users/me', String(again.body.accessToken))).status).toBe(403);
      const next = await refresh(String(again.body.refreshToken));
      expect(await code(refresh(refreshToken))).toBe('401 TOKEN_REVOKED');
      expect(await code(refresh(String(next.body.refreshToken)))).toBe('401 TOKEN_REVOKED');
    });

    it('[TOK3] a token ahead of SQL, as after a restored backup, is AUTH_ERROR and ends nothing', async () => {
      const { refreshToken } = await issue('scr_a');
      const [backup] = await database.query<{ current: Uint8Array }>(
        'select current_hash as current from sessions',
      );
      const second = String((await refresh(refreshToken)).body.refreshToken);
      const third = String((await refresh(second)).body.refreshToken);
      await database.query(
        'update sessions set generation = 0, current_hash = $1, previous_hash = null, rotation_nonce = null',
        [backup?.current ?? null],
      );
      expect(await code(refresh(third))).toBe('401 AUTH_ERROR');
      expect((await refresh(refreshToken)).status).toBe(200);
    });

    it('[TOK3] neither idle nor end by age', async () => {
      const { refreshToken } = await issue('scr_a');
      server.time.advance(400 * DAY_MS);
      const { status, body } = await refresh(refreshToken);
      expect(status).toBe(200);
      expect(await server.identity.authenticate(String(body.accessToken))).toMatchObject({
        screenId: 'scr_a',
      });
    });

    it('[TOK3] a new credential ends the earlier one', async () => {
      const first = await issue('scr_a');
      await server.identity.authenticate(first.accessToken);
      const revoked = nextRevoked();
      const second = await issue('scr_a');
      await expect(server.identity.authenticate(first.accessToken)).rejects.toMatchObject({
        code: 'TOKEN_REVOKED',
      });
      expect(await code(refresh(first.refreshToken))).toBe('401 TOKEN_REVOKED');
      expect((await revoked)[0]).toHaveProperty('sessionId');
      expect(await server.identity.authenticate(second.accessToken)).toMatchObject({ screenId: 'scr_a' });
    });

    it('[TOK3] a revocation counts from the commit on, and not at all when rolled back', async () => {
      const { accessToken } = await issue('scr_a');
      await server.identity.authenticate(accessToken);
      const rolledBack = database.transaction(async (tx) => {
        await server.identity.revokeDevice(tx, 'scr_a');
        throw new Error('the verb failed');
      });
      await expect(rolledBack).rejects.toThrow('the verb failed');
      expect(await server.identity.authenticate(accessToken)).toMatchObject({ screenId: 'scr_a' });
      const revoked = nextRevoked();
      await database.transaction((tx) => server.identity.revokeDevice(tx, 'scr_a'));
      await expect(server.identity.authenticate(accessToken)).rejects.toMatchObject({
        code: 'TOKEN_REVOKED',
      });
      expect((await revoked)[1]).toBe('TOKEN_REVOKED');
    });
  });

  // PGlite has one connection: nobody reads while a transaction is open.
  it.runIf(profile === 'postgres')(
    '[TOK3] whoever looks while a revocation is not yet committed does not go on believing what was there',
    async () => {
      const still = await startIdentity(database, {}, { clock: new ManualClock() });
      const issued = await database.transaction((tx) => still.identity.issueDeviceCredential(tx, 'scr_a'));
      await still.identity.authenticate(issued.accessToken);
      await database.transaction(async (tx) => {
        await still.identity.revokeDevice(tx, 'scr_a');
        await still.identity.authenticate(issued.accessToken);
      });
      const after = still.identity.authenticate(issued.accessToken);
      await expect(after).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
      await still.stop();
    },
  );

  describe('auth-refresh', () => {
    const ask = async (from: string, to: string) => {
      let principal = await server.identity.authenticate(from);
      const event = server.identity.events['auth-refresh'];
      const context = {
        socketId: randomUUID(),
        instanceId: undefined,
        get principal() {
          return principal;
        },
        origin: { address: '203.0.113.1', userAgent: '' },
        signal: new AbortController().signal,
        replacePrincipal(next: typeof principal) {
          principal = next;
        },
      };
      const answer = await event?.handle(context, { token: to });
      return { answer, principal };
    };

    it('[TOK2] takes a newer token of the same login', async () => {
      const { accessToken, refreshToken } = await server.signUp();
      server.time.advance(MINUTE_MS);
      const newer = String((await refresh(refreshToken)).body.accessToken);
      const { answer, principal } = await ask(accessToken, newer);
      expect(answer).toEqual({ expiresAt: server.identity.tokens.getExpiryTime(newer) });
      expect(principal.expiresAt).toBe(server.identity.tokens.getExpiryTime(newer));
    });

    it('[TOK2] refuses another user, another login and a device', async () => {
      const { accessToken, user } = await server.signUp();
      const stranger = await server.signUp();
      const otherLogin = await logIn(user.email);
      const device = await database.transaction((tx) => server.identity.issueDeviceCredential(tx, 'scr_a'));
      for (const token of [stranger.accessToken, otherLogin.accessToken, device.accessToken, 'forged']) {
        await expect(ask(accessToken, token)).rejects.toMatchObject({ code: 'AUTH_ERROR' });
      }
    });
  });

  it('[PRF3] a thousand authentications of one login cost one reading', async () => {
    const { accessToken } = await server.signUp();
    let readings = 0;
    const query = database.query.bind(database);
    database.query = (text, ...rest) => {
      if (text.includes('from sessions')) readings += 1;
      return query(text, ...rest);
    };
    for (let i = 0; i < 1000; i += 1) await server.identity.authenticate(accessToken);
    database.query = query;
    expect(readings).toBe(1);
    const text = await server.metrics.text();
    expect(text).toContain('bongsu_cache_hits_total{cache="logins"} 999');
    expect(text).toContain('bongsu_cache_misses_total{cache="logins"} 1');
  });

  it('[PRF3] while SQL does not answer for long, nothing cached is believed', async () => {
    const clock = new ManualClock();
    const frozen = await startIdentity(database, {}, { clock, time: new MovableTime() });
    const { accessToken } = await frozen.signUp();
    await frozen.identity.authenticate(accessToken);
    await database.query(`update sessions set revoked_at = 1`);
    expect(await frozen.identity.authenticate(accessToken)).toBeDefined();
    const query = database.query.bind(database);
    database.query = (text, ...rest) =>
      text.includes('from revocations') ? Promise.reject(new Error('away')) : query(text, ...rest);
    clock.advance(11_000);
    await expect(frozen.identity.authenticate(accessToken)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    database.query = query;
    await frozen.stop();
  });

  describe('data that went back beneath the server', () => {
    /** As a restore or a failover leaves it: numbers begin again, and the epoch is another. */
    const goBackTo = async (seq: number) => {
      await database.query('delete from revocations where seq > $1', [seq]);
      await database.query(`select setval(pg_get_serial_sequence('revocations', 'seq'), $1)`, [seq]);
      await database.query('update meta set epoch = gen_random_uuid()');
    };
    const revoke = async (id: string) => {
      const [row] = await database.query<{ seq: number }>(
        `insert into revocations (kind, id, reason, at, until) values ('session', $1, 'admin', 0, 9000000000000)
         returning seq`,
        [id],
      );
      return row?.seq ?? 0;
    };

    it.each([
      ['lately seen', 0],
      ['long left behind', 5000],
    ])('[SIG1] [ID26] what ends afterwards is heard of, under numbers %s', async (_, further) => {
      const before = await revoke(randomUUID());
      await database.query(`select setval(pg_get_serial_sequence('revocations', 'seq'), $1)`, [
        before + further,
      ]);
      await revoke(randomUUID());
      const clock = new ManualClock();
      const node = await startIdentity(database, {}, { clock });
      const doubted = new Promise((resolve) => node.identity.onChanged(resolve));
      await goBackTo(before);
      clock.advance(2500);
      expect(await doubted).toEqual({});
      const heard: unknown[] = [];
      node.identity.onRevoked((...who) => heard.push(who));
      const later = randomUUID();
      expect(await revoke(later)).toBe(before + 1);
      // The look that doubted may still be under way, and another one is not begun meanwhile.
      const looked = () => {
        clock.advance(2500);
        return heard;
      };
      await expect.poll(looked).toEqual([[{ sessionId: later }, 'TOKEN_REVOKED']]);
      await node.stop();
    });

    it('[SIG1] [TOK1] nothing cached is believed: neither logins nor keys', async () => {
      const clock = new ManualClock();
      const node = await startIdentity(database, { jwtAlgorithm: ALGORITHM_WITH_KEYS }, { clock });
      const published = async () =>
        ((await node.get('/.well-known/jwks.json')).body.keys as { kid: string }[]).map(({ kid }) => kid);
      const [first] = await published();
      const rotated = await node.identity.keys.rotate();
      await expect.poll(published).toEqual([first, rotated.kid]);
      const { accessToken } = await node.signUp();
      await node.identity.authenticate(accessToken);
      await database.query('delete from signing_keys where kid = $1', [rotated.kid]);
      await database.query('delete from sessions');
      await goBackTo(1);
      const doubted = new Promise((resolve) => node.identity.onChanged(resolve));
      clock.advance(2500);
      await doubted;
      await expect(node.identity.authenticate(accessToken)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
      await expect.poll(published).toEqual([first]);
      await node.stop();
    });
  });
});
