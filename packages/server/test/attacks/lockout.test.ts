import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AttemptCounters } from '../../src/identity/logins/attempt-counters.js';
import type { Database } from '../../src/platform/database/database.js';
import { MemoryEphemeral } from '../../src/platform/ephemeral/memory.js';
import { describeEachDatabase } from '../support/databases.js';
import {
  type Answer,
  bearer,
  emptyIdentity,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../support/identity.js';
import { MailInbox, tokenIn } from '../support/mail-inbox.js';

const EMAIL = 'ada@example.com';
const outcome = ({ status, body }: Answer) => `${status} ${body.error?.code ?? 'ok'}`;

describeEachDatabase('attacks on log-in', (open) => {
  let database: Database;
  let server: TestIdentity;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    server = await startIdentity(database);
    return () => server.stop();
  });

  interface From {
    ip?: string;
    device?: Answer['device'];
    email?: string;
    through?: TestIdentity;
  }
  const login = (
    password: string,
    { ip = '198.51.100.1', device, email = EMAIL, through = server }: From = {},
  ) =>
    through.post(
      '/auth/login',
      { email, password },
      { 'x-forwarded-for': ip, ...(device ? { cookie: `${device.name}=${device.value}` } : {}) },
    );
  const wrong = async (times: number, from: From = {}) => {
    const outcomes: string[] = [];
    for (let n = 0; n < times; n += 1) outcomes.push(outcome(await login(`wrong password ${n}`, from)));
    return outcomes;
  };
  const all = (text: string, times: number) => Array.from({ length: times }, () => text);

  it('[AT50] fifty guesses sent at once: at most five are looked at, on two nodes together, and a right one after them is locked out too', async () => {
    await server.signUp(EMAIL);
    const other = await startIdentity(database);
    const guesses = Array.from({ length: 50 }, (_, n) =>
      login(n === 49 ? PASSWORD : `wrong password ${n}`, { through: n % 2 === 0 ? server : other }),
    );
    const outcomes = (await Promise.all(guesses)).map(outcome);
    await other.stop();
    expect(outcomes.filter((one) => one === '401 AUTH_ERROR')).toHaveLength(5);
    expect(outcomes.filter((one) => one === '200 ok')).toEqual([]);
    expect(outcome(await login(PASSWORD))).toBe('423 ACCOUNT_LOCKED');
    server.time.advance(MINUTE_MS);
    expect(outcome(await login(PASSWORD))).toBe('200 ok');
  });

  it('[AT51] whoever locks the owner’s address from everywhere does not lock the owner out of a known device, and no device of theirs opens it', async () => {
    await server.signUp(EMAIL);
    const { device } = await login(PASSWORD);
    await server.signUp('eve@example.com');
    const { device: eves } = await login(PASSWORD, { email: 'eve@example.com' });
    for (const ip of ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4'])
      expect(await wrong(5, { ip, device: eves })).toEqual(all('401 AUTH_ERROR', 5));
    for (const ip of ['203.0.113.9', '198.51.100.1']) {
      expect(outcome(await login(PASSWORD, { ip }))).toBe('423 ACCOUNT_LOCKED');
      expect(outcome(await login(PASSWORD, { ip, device: eves }))).toBe('423 ACCOUNT_LOCKED');
      expect(outcome(await login(PASSWORD, { ip, device }))).toBe('200 ok');
    }
    server.time.advance(60 * MINUTE_MS);
    expect(outcome(await login(PASSWORD, { ip: '203.0.113.9' }))).toBe('200 ok');
  });

  it('[AT51] a stolen device cookie is good for five guesses, and for none after a change of the password', async () => {
    const { user } = await server.signUp(EMAIL);
    const { device } = await login(PASSWORD);
    expect(await wrong(6, { device })).toEqual([...all('401 AUTH_ERROR', 5), '423 ACCOUNT_LOCKED']);
    // The owner beside it is not locked.
    expect(outcome(await login(PASSWORD))).toBe('200 ok');
    server.time.advance(MINUTE_MS);
    await database.query('update users set password_changed_at = password_changed_at + 1 where id = $1', [
      user.userId,
    ]);
    expect(outcome(await login(PASSWORD, { device }))).toBe('200 ok');
    // Counted by the network now, with everybody else's there.
    await wrong(5);
    expect(outcome(await login(PASSWORD, { device }))).toBe('423 ACCOUNT_LOCKED');
  });

  it('[AT51] an owner whose address is locked from everywhere sets a new password, and gets in with it from the same browser', async () => {
    const { accessToken } = await server.signUp(EMAIL);
    const { device } = await login(PASSWORD);
    for (let n = 0; n < 24; n += 1) await wrong(1, { ip: `203.0.113.${n}` });
    const changed = await server.post(
      '/users/me/password',
      { currentPassword: PASSWORD, password: 'another good password' },
      { ...bearer(accessToken), cookie: `${device?.name}=${device?.value}` },
    );
    expect(outcome(changed)).toBe('200 ok');
    expect(outcome(await login('another good password', { device }))).toBe('423 ACCOUNT_LOCKED');
    expect(outcome(await login('another good password', { device: changed.device }))).toBe('200 ok');
  });

  it('[AT51] a reset by mail opens the door again: to the browser that did it whatever strangers do next, and to others from its network', async () => {
    const inbox = await MailInbox.start();
    const mailing = await startIdentity(database, { mail: inbox.config });
    try {
      await server.signUp(EMAIL);
      const lockFromEverywhere = async () => {
        for (let n = 0; n < 24; n += 1) await wrong(1, { ip: `203.0.113.${n}` });
      };
      await wrong(5);
      await lockFromEverywhere();
      await mailing.post('/auth/password/forgot', { email: EMAIL });
      const reset = await mailing.post(
        '/auth/password/reset',
        { token: tokenIn(await inbox.next()), password: 'another good password' },
        { 'x-forwarded-for': '198.51.100.1' },
      );
      expect(outcome(reset)).toBe('200 ok');
      expect(outcome(await login('another good password'))).toBe('200 ok');
      await lockFromEverywhere();
      expect(outcome(await login('another good password'))).toBe('423 ACCOUNT_LOCKED');
      expect(outcome(await login('another good password', { device: reset.device }))).toBe('200 ok');
    } finally {
      await mailing.stop();
      await inbox.stop();
    }
  });

  it('[AT52] log-ins that end one another by the limit of logins count as no failures', async () => {
    await server.signUp(EMAIL);
    for (let n = 0; n < 8; n += 1) expect(outcome(await login(PASSWORD))).toBe('200 ok');
    const outcomes = (await Promise.all(Array.from({ length: 20 }, () => login(PASSWORD)))).map(outcome);
    expect(outcomes).toEqual(all('200 ok', 20));
    const counted = await database.query('select 1 from auth_counters where n > 0 or reserved > 0');
    expect(counted).toEqual([]);
  });

  it('[AT54] one password sprayed over many addresses from a /64 that rotates, or from one IPv4 address in other spellings, ends after fifty', async () => {
    await server.signUp('somebody-51@example.com');
    const spray = async (from: number, to: number, ip: (n: number) => string) => {
      const guesses = Array.from({ length: to - from }, (_, n) =>
        login(PASSWORD, { email: `somebody-${from + n}@example.com`, ip: ip(from + n) }),
      );
      return (await Promise.all(guesses)).map(outcome);
    };
    const rotating = (n: number) => `2001:db8:1:2::${n.toString(16)}`;
    expect(await spray(0, 50, rotating)).toEqual(all('401 AUTH_ERROR', 50));
    expect(await spray(51, 53, rotating)).toEqual(all('429 RATE_LIMIT', 2));
    expect(await spray(51, 52, () => '2001:db8:1:3::1')).toEqual(['200 ok']);
    const spellings = ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:0201'];
    expect(await spray(100, 150, (n) => spellings[n % 3] ?? '')).toEqual(all('401 AUTH_ERROR', 50));
    expect(await spray(51, 52, (n) => spellings[n % 3] ?? '')).toEqual(['429 RATE_LIMIT']);
    expect(await spray(51, 52, () => '192.0.2.2')).toEqual(['200 ok']);
  });

  it('[AT57] no answer on the way into a lock, in it and after it tells whether the address has an account', async () => {
    await server.signUp(EMAIL);
    const seen = async (email: string, ip: string) => {
      const answers: unknown[] = [];
      for (let n = 0; n < 7; n += 1) {
        const { status, body, headers } = await login(`wrong password ${n}`, { email, ip });
        const { retryAfterMs, ...error } = body.error;
        const waits = retryAfterMs === undefined ? 'no' : retryAfterMs > 55_000 && retryAfterMs <= MINUTE_MS;
        answers.push({ status, error, waits, headers: Object.keys(headers).sort() });
      }
      return answers;
    };
    const known = await seen(EMAIL, '198.51.100.1');
    expect(await seen('nobody@example.com', '198.51.100.2')).toEqual(known);
    expect(await seen('no address at all', '198.51.100.3')).toEqual(known);
    expect(known.map((answer) => (answer as { status: number }).status)).toEqual([
      401, 401, 401, 401, 401, 423, 423,
    ]);
  });

  describe('what the counters are for', () => {
    it('[USR1] a restart and another node change nothing', async () => {
      await server.signUp(EMAIL);
      await wrong(5);
      await server.stop();
      server = await startIdentity(database);
      expect(outcome(await login(PASSWORD))).toBe('423 ACCOUNT_LOCKED');
    });

    it('[USR1] a right password forgives what the same lane got wrong before', async () => {
      await server.signUp(EMAIL);
      for (let n = 0; n < 3; n += 1) {
        await wrong(4);
        expect(outcome(await login(PASSWORD))).toBe('200 ok');
      }
    });

    it('[USR1] a place that a killed process held is free again after half a minute', async () => {
      await server.signUp(EMAIL);
      await wrong(1);
      await database.query('update auth_counters set reserved = 60, reserved_until = $1', [
        server.time.now() + 30_000,
      ]);
      const waiting = await login(PASSWORD);
      expect([outcome(waiting), waiting.body.error.retryAfterMs]).toEqual(['503 BUSY', expect.any(Number)]);
      server.time.advance(30_000);
      expect(outcome(await login(PASSWORD))).toBe('200 ok');
    });

    it('[SEC5] a lock is one audit row and one count, without address or network in clear', async () => {
      const { user } = await server.signUp(EMAIL);
      await wrong(7);
      const rows = await database.query<{ event: { action: string } }>('select event from audit_outbox');
      const locks = rows.map(({ event }) => event).filter(({ action }) => action === 'authn_login_lock');
      expect(locks).toMatchObject([
        { outcome: 'failure', reason: 'login-pair', target: { type: 'user', ref: user.userId } },
      ]);
      expect(JSON.stringify(locks)).not.toMatch(/ada@|198\.51\.100\.1/);
      expect(await server.metrics.text()).toContain('bongsu_lockouts_total{scope="pair"} 1');
      const stored = await database.query('select t::text as text from auth_counters t');
      expect(JSON.stringify(stored)).not.toMatch(/ada@|198\.51/);
    });

    it('[USR1] a log-in that could not be looked at is no failure', async () => {
      await server.signUp(EMAIL);
      const query = database.query.bind(database);
      database.query = (text, ...rest) =>
        text.includes('password_hash as "passwordHash"')
          ? Promise.reject(new Error('away'))
          : query(text, ...rest);
      const outcomes = await wrong(6);
      database.query = query;
      expect(outcomes).toEqual(all('500 INTERNAL_ERROR', 6));
      expect(outcome(await login(PASSWORD))).toBe('200 ok');
    });

    it('[USR1] a log-in that is open stays open when its attempt cannot be settled', async () => {
      await server.signUp(EMAIL);
      const { change } = AttemptCounters.prototype;
      let calls = 0;
      const failing = vi.spyOn(AttemptCounters.prototype, 'change').mockImplementation(function (
        this: AttemptCounters,
        what,
      ) {
        calls += 1;
        return calls === 2 ? Promise.reject(new Error('away')) : change.call(this, what);
      });
      try {
        expect(outcome(await login(PASSWORD))).toBe('200 ok');
      } finally {
        failing.mockRestore();
      }
      expect(server.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    });

    it('[SEC3] [ID55] log-ins of one address are limited too, right or wrong; a known device has a limit of its own', async () => {
      const limited = await startIdentity(database, {}, { requestsPerMinute: 3 });
      try {
        await server.signUp(EMAIL);
        const { device } = await login(PASSWORD);
        const from = (n: number) => ({ ip: `203.0.113.${n}`, through: limited });
        for (const n of [1, 2, 3]) expect(outcome(await login(PASSWORD, from(n)))).toBe('200 ok');
        const refused = await login(PASSWORD, from(4));
        expect([outcome(refused), refused.headers['ratelimit-remaining']]).toEqual(['429 RATE_LIMIT', '0']);
        expect(outcome(await login(PASSWORD, { ...from(5), email: 'nobody@example.com' }))).toBe(
          '401 AUTH_ERROR',
        );
        expect(outcome(await login(PASSWORD, { ...from(6), device }))).toBe('200 ok');
      } finally {
        await limited.stop();
      }
    });

    it('[SEC3] [ID55] a network that is locked itself uses up no log-ins of the address for others', async () => {
      const limited = await startIdentity(database, {}, { requestsPerMinute: 8 });
      onTestFinished(() => limited.stop());
      await server.signUp(EMAIL);
      const flood = { ip: '203.0.113.1', through: limited };
      expect(await wrong(5, flood)).toEqual(all('401 AUTH_ERROR', 5));
      // By itself it is limited all the same: each refusal by a lock asks SQL.
      expect(await wrong(5, flood)).toEqual([...all('423 ACCOUNT_LOCKED', 3), ...all('429 RATE_LIMIT', 2)]);
      const owners = { ip: '203.0.113.2', through: limited };
      for (let n = 0; n < 3; n += 1) expect(outcome(await login(PASSWORD, owners))).toBe('200 ok');
      const refused = await login(PASSWORD, owners);
      expect([outcome(refused), refused.headers['ratelimit-remaining']]).toEqual(['429 RATE_LIMIT', '0']);
      // What was refused holds no place.
      const places = await database.query('select 1 from auth_counters where reserved > 0');
      expect(places).toEqual([]);
    });

    it('[USR1] two accounts with twenty known browsers each keep nobody else out, nor all hashing to themselves', async () => {
      const devices: { email: string; device: Answer['device'] }[] = [];
      for (const email of ['eve@example.com', 'mallory@example.com']) {
        await server.signUp(email);
        for (let n = 0; n < 20; n += 1)
          devices.push({ email, device: (await login(PASSWORD, { email })).device });
      }
      await server.signUp(EMAIL);
      const { device } = await login(PASSWORD);
      const flood = Array.from({ length: 5 }, () => devices.map((from) => login(PASSWORD, from))).flat();
      const others = [
        login(PASSWORD, { ip: '203.0.113.1', device }),
        login(PASSWORD, { ip: '203.0.113.2', email: 'eve@example.com' }),
      ];
      expect((await Promise.all(others)).map(outcome)).toEqual(all('200 ok', 2));
      const outcomes = (await Promise.all(flood)).map(outcome);
      expect(outcomes.filter((one) => one === '200 ok')).toHaveLength(50);
      expect(outcomes.filter((one) => one === '503 BUSY')).toHaveLength(150);
    });

    it('[USR1] [ID51] strangers who fill all places keep no known device out', async () => {
      await server.signUp(EMAIL);
      const { device } = await login(PASSWORD);
      const strangers = Array.from({ length: 120 }, (_, n) =>
        login('wrong password', { ip: `203.0.113.${n}`, email: `nobody-${n}@example.com` }),
      );
      expect(outcome(await login(PASSWORD, { device }))).toBe('200 ok');
      const outcomes = (await Promise.all(strangers)).map(outcome);
      expect(outcomes.filter((one) => one === '503 BUSY')).toHaveLength(20);
    });

    it('[SEC3] [ID55] what is no log-in at all is counted by its network, like a bad refresh and a bad second step', async () => {
      const limited = await startIdentity(database, {}, { requestsPerMinute: 3 });
      try {
        const bad: [string, object][] = [
          ['/auth/login', { email: 'a' }],
          ['/auth/mfa/verify', {}],
          ['/auth/refresh', { refreshToken: 7 }],
          ['/auth/logout', { refreshToken: 7 }],
        ];
        for (const [n, [route, body]] of bad.entries()) {
          const send = () => limited.post(route, body, { 'x-forwarded-for': `203.0.113.${n}` });
          const outcomes: string[] = [];
          for (let times = 0; times < 4; times += 1) outcomes.push(outcome(await send()));
          expect([route, ...outcomes]).toEqual([route, ...all('400 VALIDATION_ERROR', 3), '429 RATE_LIMIT']);
        }
        const broken = () =>
          limited.http.inject({
            method: 'POST',
            url: '/api/auth/login',
            headers: { 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.9' },
            payload: '{',
          });
        for (let n = 0; n < 3; n += 1) expect((await broken()).statusCode).toBe(400);
        expect((await broken()).statusCode).toBe(429);
      } finally {
        await limited.stop();
      }
    });

    it('[SEC3] a network that used up its failures makes no more counters, whatever addresses it types', async () => {
      const counted = new Set<string>();
      const count = vi.spyOn(MemoryEphemeral.prototype, 'count');
      const limited = await startIdentity(database, {}, { requestsPerMinute: 1000 });
      try {
        for (let n = 0; n < 70; n += 1)
          await login('wrong password', { email: `nobody-${n}@example.com`, through: limited });
        for (const [key] of count.mock.calls) if (key.startsWith('limit:login:')) counted.add(key);
        // Two each, of the lane and of the address; the one that finds the door closed is counted by its lane as well.
        expect(counted.size).toBeLessThanOrEqual(101);
      } finally {
        count.mockRestore();
        await limited.stop();
      }
    });

    it('[USR1] counters that hold nothing any more are pruned', async () => {
      const count = async () => (await database.query('select 1 from auth_counters')).length;
      await wrong(1, { email: 'nobody@example.com' });
      expect(await count()).toBe(3);
      const day = 24 * 60 * MINUTE_MS;
      const { deleteOldCounters } = await import('../../src/identity/store/auth-counters.js');
      await deleteOldCounters(database, server.time.now() - day, server.time.now());
      expect(await count()).toBe(3);
      await deleteOldCounters(database, server.time.now() + 1, server.time.now() + day);
      expect(await count()).toBe(0);
    });

    it('[USR1] the cookie is HttpOnly and Strict for half a year, with and without cookie mode', async () => {
      await server.signUp(EMAIL);
      const cookies = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-origin' };
      const body = { email: EMAIL, password: PASSWORD };
      for (const answer of [await login(PASSWORD), await server.post('/auth/login', body, cookies)]) {
        expect(answer.device).toMatchObject({
          httpOnly: true,
          sameSite: 'Strict',
          path: '/',
          maxAge: 180 * 86_400,
        });
      }
      const https = { 'x-forwarded-proto': 'https' };
      const secure = await server.post('/auth/login', body, https);
      expect(secure.cookies).toMatchObject([{ name: '__Host-bongsu_device', secure: true }]);
      expect((await login('wrong password')).device).toBeUndefined();
    });
  });
});
