import { randomUUID } from 'node:crypto';
import { nextEvent } from '@bongsu/conformance';
import type { ApiKey, Scope, SessionClosing } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatKey, newKeyParts } from '../../src/identity/api-keys/format.js';
import type { Database } from '../../src/platform/database/database.js';
import { redactText } from '../../src/platform/log-redaction.js';
import { describeEachDatabase } from '../support/databases.js';
import {
  type Answer,
  bearer,
  changeUser,
  createApiKey,
  emptyIdentity,
  firstAdmin,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../support/identity.js';
import { openSockets, type SocketedIdentity } from '../support/identity-sockets.js';
import { ManualClock } from '../support/manual-clock.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const HOUR_MS = 60 * MINUTE_MS;
/** Logins, proofs of who sits there, and the second factor. */
const PEOPLE_ONLY = [
  ['POST', '/auth/step-up'],
  ['GET', '/auth/sessions'],
  ['DELETE', '/auth/sessions'],
  ['DELETE', '/auth/sessions/00000000-0000-4000-8000-000000000000'],
  ['GET', '/users/me/mfa'],
  ['POST', '/users/me/mfa/totp'],
  ['POST', '/users/me/mfa/totp/confirm'],
  ['DELETE', '/users/me/mfa/totp'],
  ['POST', '/users/me/mfa/recovery-codes'],
] as const;
type SignedUp = Awaited<ReturnType<TestIdentity['signUp']>>;

describeEachDatabase('attacks on API keys', (open, profile) => {
  let database: Database;
  let clock: ManualClock;
  let server: TestIdentity;
  let surface: SocketedIdentity;
  let victim: SignedUp;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    clock = new ManualClock();
    server = await startIdentity(database, {}, { clock });
    surface = await openSockets(server, clock);
    victim = await server.signUp();
  });
  afterEach(async () => {
    await surface.close();
    await server.stop();
  });

  const create = (scopes: Scope[] = ['users:read'], over: object = {}, who = victim) =>
    createApiKey(server, who.accessToken, { scopes, ...over });
  const keysOf = async (who: SignedUp) =>
    ((await server.get('/api/api-keys', who.accessToken)).body as unknown as { items: ApiKey[] }).items;
  const code = async (key: string, on = server) => {
    const { status, body } = await on.get('/api/users/me', key);
    return status === 200 ? 'works' : body.error.code;
  };
  /** Over HTTP and in the handshake alike. */
  const expectRefused = async (key: string, wanted: string) => {
    expect(await code(key)).toBe(wanted);
    expect(await surface.clients.refusal({ token: key })).toMatchObject({ code: wanted });
  };
  const lookUps = async () => {
    const text = await server.metrics.text();
    const counts = text.matchAll(
      /^bongsu_cache_(?:hits|misses)_total{cache="(?:unknown_)?api_keys"} (\d+)/gm,
    );
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  it('[AT60] a key is made without a login, or by somebody else in the victim’s name: it is theirs who called', async () => {
    const { userId } = victim.user;
    const forVictim = {
      userId,
      user_id: userId,
      ownerId: userId,
      id: 'AAAAAAAAAA',
      key: 'bgs_chosen',
      lastUsedAt: 1,
    };
    const body = { name: 'Mine', scopes: ['users:read'], ...forVictim };
    expect((await server.post('/api-keys', body)).status).toBe(401);
    const attacker = await server.signUp();
    const { key, id } = await create(['users:read'], forVictim, attacker);
    expect((await server.get('/api/users/me', key)).body.userId).toBe(attacker.user.userId);
    expect(id).not.toBe('AAAAAAAAAA');
    expect(await keysOf(victim)).toEqual([]);
  });

  it('[AT61] keys are made up by the thousand: a wrong checksum costs no look-up', async () => {
    const { key } = await create();
    const before = await lookUps();
    const last = key.at(-1) === '0' ? '1' : '0';
    const madeUp = [
      `${key.slice(0, -1)}${last}`,
      ...Array.from({ length: 50 }, () => formatKey(newKeyParts()).replace(/.{6}$/, '000000')),
      key.slice(0, -6),
      key.slice(0, 15),
      `${key} `,
      key.replace('bgs_', 'bgs_bgs_'),
      `bgs_${'A'.repeat(4000)}`,
      'bgs_',
    ];
    for (const guess of madeUp) expect(await code(guess), guess).toBe('AUTH_ERROR');
    expect(await lookUps()).toBe(before);
    expect(await surface.clients.refusal({ token: madeUp[0] })).toMatchObject({ code: 'AUTH_ERROR' });
  });

  it('[AT62] a known id comes with a guessed secret, or another key’s, whether it is in memory or not', async () => {
    const target = await create();
    const other = await create();
    const [, id = ''] = target.key.split('_');
    const forged = [
      formatKey({ ...newKeyParts(), id }),
      formatKey({ id, secret: other.key.slice(15, 58) }),
      formatKey({ id, secret: `${target.key.slice(15, 57)}${target.key[57] === 'a' ? 'b' : 'a'}` }),
      formatKey({ id: newKeyParts().id, secret: target.key.slice(15, 58) }),
    ];
    for (const key of forged) await expectRefused(key, 'AUTH_ERROR');
    expect(await code(target.key)).toBe('works');
    for (const key of forged) await expectRefused(key, 'AUTH_ERROR');
  });

  it('[AT63] a key is used after its end, after the overlap of a rotation, after it was deleted', async () => {
    const ended = await create(['users:read'], { expiresAt: server.time.now() + HOUR_MS });
    const rotated = await create(['users:read'], { expiresAt: null });
    const deleted = await create();
    const { socket } = await surface.clients.connect({ token: rotated.key });
    const closing = nextEvent<SessionClosing>(socket, 'session-closing');
    for (const { key } of [ended, rotated, deleted]) expect(await code(key)).toBe('works');
    await server.post(`/api-keys/${rotated.id}/rotate`, { overlapHours: 1 }, bearer(victim.accessToken));
    const url = `/api/api-keys/${deleted.id}`;
    await server.http.inject({ method: 'DELETE', url, headers: bearer(victim.accessToken) });
    await expectRefused(deleted.key, 'TOKEN_REVOKED');
    expect(await code(rotated.key)).toBe('works');
    const [connection] = surface.connections.all();
    await expect.poll(() => connection?.principal.expiresAt).toBeLessThan(Number.POSITIVE_INFINITY);
    server.time.advance(HOUR_MS + 1000);
    for (const { key } of [ended, rotated]) await expectRefused(key, 'TOKEN_EXPIRED');
    // Warned as soon as the clock is looked at, cut when it is looked at again.
    clock.advance(1000);
    server.time.advance(35_000);
    clock.advance(1000);
    expect(await closing).toMatchObject({ code: 'TOKEN_EXPIRED', reconnect: false });
  });

  it('[AT64] the key of a disabled user goes on, from another process’s memory and on an open socket', async () => {
    const { key } = await create(['users:read'], { expiresAt: null });
    const { socket } = await surface.clients.connect({ token: key });
    const closing = nextEvent<SessionClosing>(socket, 'session-closing');
    expect(await code(key)).toBe('works');
    // In another process, of which this one hears by SQL alone.
    const other = await startIdentity(database, {}, { clock, time: server.time });
    const admin = await firstAdmin(other);
    expect(await changeUser(other, admin, victim.user.userId, { disabled: true })).toBe(200);
    await other.stop();
    clock.advance(2500);
    expect(await closing).toMatchObject({ code: 'ACCOUNT_DISABLED', reconnect: false });
    await expectRefused(key, 'TOKEN_REVOKED');
  });

  it('[AT65] a key does more than its scopes: writes, makes keys, changes the password, ends logins', async () => {
    const reader = (await create(['users:read'])).key;
    const everything = (await create(['users:read', 'users:write', 'audit:write', 'metrics:write'])).key;
    const ask = async (
      key: string,
      method: 'POST' | 'PATCH' | 'DELETE' | 'GET',
      url: string,
      payload?: object,
    ) => {
      const answer = await server.http.inject({
        method,
        url: `/api${url}`,
        headers: bearer(key),
        ...(payload ? { payload } : {}),
      });
      return { status: answer.statusCode, code: answer.json().error?.code };
    };
    const forbidden = { status: 403, code: 'FORBIDDEN' };
    expect(await ask(reader, 'PATCH', '/users/me', { username: 'Mallory' })).toEqual(forbidden);
    const more = { name: 'More', scopes: ['users:write'], expiresAt: null };
    const [mine] = await keysOf(victim);
    for (const key of [reader, everything]) {
      expect(await ask(key, 'POST', '/api-keys', more)).toEqual(forbidden);
      expect(await ask(key, 'GET', '/api-keys')).toEqual(forbidden);
      expect(await ask(key, 'POST', `/api-keys/${mine?.id}/rotate`, {})).toEqual(forbidden);
      expect(await ask(key, 'DELETE', `/api-keys/${mine?.id}`)).toEqual(forbidden);
      const password = { currentPassword: PASSWORD, password: 'another good password' };
      expect(await ask(key, 'POST', '/users/me/password', password)).toEqual(forbidden);
      for (const [method, url] of PEOPLE_ONLY) {
        const answer = await ask(key, method, url, { password: PASSWORD, code: '123456' });
        expect({ url, ...answer }).toEqual({ url, ...forbidden });
      }
      expect((await ask(key, 'POST', '/auth/logout')).status).toBe(401);
    }
    expect((await server.get('/api/users/me', victim.accessToken)).body).toMatchObject({ username: 'Ada' });
    expect(await keysOf(victim)).toHaveLength(2);
  });

  it('[AT68] a key is put where proxies log it, into the URL: it counts for nothing', async () => {
    const { key } = await create();
    for (const name of ['token', 'access_token', 'api_key', 'apiKey', 'auth', 'authorization', 'bearer']) {
      const { status, body } = await server.get(`/api/users/me?${name}=${key}`);
      expect({ name, status, code: body.error?.code }).toEqual({ name, status: 401, code: 'AUTH_ERROR' });
    }
    const headers = { 'x-api-key': key, cookie: `token=${key}; __Host-bongsu_rt=${key}` };
    expect((await server.http.inject({ url: '/api/users/me', headers })).statusCode).toBe(401);
    const options = { query: { token: key, auth: key }, extraHeaders: bearer(key) };
    expect(await surface.clients.refusal({}, options)).toMatchObject({ code: 'AUTH_ERROR' });
  });

  it('[AT69] a key is looked for in logs, metrics and answers: good ones, bad ones, in the wrong places', async () => {
    const { key } = await create();
    const bad = formatKey(newKeyParts());
    const answers: string[] = [];
    for (const token of [key, bad, `${key}x`]) {
      const calls = [
        { method: 'GET', url: '/api/users/me', headers: bearer(token) },
        { method: 'GET', url: `/api/users/me?token=${token}` },
        { method: 'GET', url: `/api/nothing/${token}`, headers: bearer(token) },
        { method: 'DELETE', url: `/api/api-keys/${token}`, headers: bearer(victim.accessToken) },
        { method: 'POST', url: '/api/api-keys', headers: bearer(token), payload: { name: token } },
        { method: 'POST', url: '/api/auth/refresh', payload: { refreshToken: token } },
        { method: 'POST', url: '/api/auth/login', payload: { email: token, password: token } },
      ] as const;
      for (const call of calls) answers.push((await server.http.inject(call)).body);
      await surface.clients.connect({ token }).catch(() => undefined);
    }
    const secrets = [key, bad].map((token) => token.slice(15, 58));
    const places = {
      log: JSON.stringify(server.lines),
      metrics: await server.metrics.text(),
      answers: answers.join('\n'),
      audit: JSON.stringify(await database.query('select event from audit_outbox')),
    };
    expect(server.lines.length).toBeGreaterThan(10);
    for (const [place, text] of Object.entries(places)) {
      for (const secret of secrets) expect(text.includes(secret), place).toBe(false);
    }
    // And what a library might put into a message is masked as it is written.
    for (const text of [`connect failed: ${key}`, `{"auth":"${key}"}`, `env_${key}`, `brt_${randomUUID()}`]) {
      expect(redactText(text)).toContain('[redacted]');
      expect(redactText(text)).not.toMatch(/[0-9A-Za-z]{20}|-\w{4}-/);
    }
  });

  describe('a login that its owner has just ended', () => {
    let thief: SignedUp;
    beforeEach(async () => {
      const { email } = victim.user;
      thief = (await server.post('/auth/login', { email, password: PASSWORD })).body as unknown as SignedUp;
      // Both are in memory, so that only what changes something waits for SQL.
      for (const { accessToken } of [victim, thief]) await server.get('/api/users/me', accessToken);
    });

    /** What the thief asks for in the moment after the owner, while both wait for the owner's row. */
    const justAfterTheEnd = async (ask: () => Promise<Answer>): Promise<Answer> => {
      let begun = 0;
      const transaction = database.transaction.bind(database);
      // On PGlite a transaction that was begun has its turn; on PostgreSQL it has when it waits for the row.
      const queued = async () => {
        if (profile === 'pglite') return begun;
        const [row] = await database.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return row?.n;
      };
      const answers: Promise<Answer>[] = [];
      await transaction(async (tx) => {
        await tx.query('select 1 from users where id = $1 for update', [victim.user.userId]);
        database.transaction = (...work) => {
          begun += 1;
          return transaction(...work);
        };
        answers.push(server.delete('/api/auth/sessions', victim.accessToken));
        await expect.poll(queued).toBe(1);
        answers.push(ask());
        await expect.poll(queued).toBe(2);
      }).finally(() => {
        database.transaction = transaction;
      });
      const [ended, asked] = await Promise.all(answers);
      expect(ended?.status).toBe(204);
      return asked as Answer;
    };
    const outcome = ({ status, body }: Answer) => `${status} ${body.error?.code}`;

    it('[AT91] makes itself a key in the moment that its owner ends it: no key is left behind', async () => {
      const asked = await justAfterTheEnd(() =>
        server.post('/api-keys', { name: 'Back door', scopes: ['users:write'] }, bearer(thief.accessToken)),
      );
      expect(outcome(asked)).toBe('401 TOKEN_REVOKED');
      expect(await keysOf(victim)).toEqual([]);
    });

    it('[SEC6] [ID21] rotates no key either', async () => {
      const { id } = await create();
      const asked = await justAfterTheEnd(() =>
        server.post(`/api-keys/${id}/rotate`, undefined, bearer(thief.accessToken)),
      );
      expect(outcome(asked)).toBe('401 TOKEN_REVOKED');
      expect(await keysOf(victim)).toMatchObject([{ id, rotatedTo: null }]);
    });
  });
});
