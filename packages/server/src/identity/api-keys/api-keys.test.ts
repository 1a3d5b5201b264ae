import type { ApiKey, CreatedApiKey } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  bearer,
  changeUser,
  createApiKey,
  DAY_MS,
  emptyIdentity,
  firstAdmin,
  MINUTE_MS,
  MovableTime,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import type { Database } from '../../platform/database/database.js';
import { formatKey, newKeyParts } from './format.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const HOUR_MS = 60 * MINUTE_MS;

describeEachDatabase('API keys', (open) => {
  let database: Database;
  let clock: ManualClock;
  let server: TestIdentity;
  let owner: Awaited<ReturnType<TestIdentity['signUp']>>;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    clock = new ManualClock();
    server = await startIdentity(database, {}, { clock });
    owner = await server.signUp();
  });
  afterEach(() => server.stop());

  const create = (over?: object) => createApiKey(server, owner.accessToken, over);
  const rotate = (id: string, body?: object) =>
    server.post(`/api-keys/${id}/rotate`, body, bearer(owner.accessToken));
  const remove = (id: string, on = server) =>
    on.http.inject({ method: 'DELETE', url: `/api/api-keys/${id}`, headers: bearer(owner.accessToken) });
  const list = async (query = '') => {
    const { body } = await server.get(`/api/api-keys${query}`, owner.accessToken);
    return body as unknown as { items: ApiKey[]; nextCursor: string | null };
  };
  const code = async (key: string, on = server) => {
    const { status, body } = await on.get('/api/users/me', key);
    return status === 200 ? 'works' : body.error.code;
  };
  const readings = async (work: () => Promise<unknown>) => {
    let count = 0;
    const query = database.query.bind(database);
    database.query = (text, ...rest) => {
      if (text.includes('from api_keys')) count += 1;
      return query(text, ...rest);
    };
    await work();
    database.query = query;
    return count;
  };

  it('[SEC6] the table keeps a keyed hash of the secret, and nothing answers the key again', async () => {
    const { key } = await create();
    const secret = key.slice(15, 58);
    const [row] = await database.query<{ text: string }>('select to_jsonb(k)::text as text from api_keys k');
    expect(row?.text).not.toContain(secret);
    expect(row?.text).not.toContain(Buffer.from(secret).toString('hex'));
    expect(JSON.stringify(await list())).not.toContain(secret);
    const audit = await database.query<{ text: string }>('select event::text as text from audit_outbox');
    expect(audit.map(({ text }) => text).join()).not.toContain(secret);
  });

  it('[SEC6] who calls is the owner, as a user whose proof is never fresh', async () => {
    const { key, id } = await create({
      scopes: ['commands:write', 'screens:read', 'commands:write'],
      expiresAt: null,
    });
    expect(await server.identity.authenticate(key)).toEqual({
      kind: 'user',
      userId: owner.user.userId,
      username: 'Ada',
      role: 'user',
      sessionId: `key:${id}`,
      expiresAt: Number.POSITIVE_INFINITY,
      provenAt: 0,
      lacksFactor: false,
      apiKey: { id, scopes: new Set(['commands:write', 'screens:read']) },
    });
  });

  it('[SEC6] each change is one row of the audit: who, from where, which key', async () => {
    const { id } = await create();
    const { body: next } = await rotate(id, { overlapHours: 2 });
    await remove(String(next.id));
    const rows = await database.query<{ event: Record<string, unknown> }>(
      `select event from audit_outbox where event->>'action' like 'api_key_%' order by seq`,
    );
    expect(rows.map(({ event }) => event)).toMatchObject([
      { action: 'api_key_created', target: { type: 'api-key', ref: id }, data: { scopes: 'users:read' } },
      { action: 'api_key_rotated', target: { ref: id }, data: { rotatedTo: next.id, overlapHours: 2 } },
      { action: 'api_key_deleted', target: { ref: next.id } },
    ]);
    for (const { event } of rows) {
      expect(event.actor).toMatchObject({ type: 'user', ref: owner.user.userId, sid: expect.any(String) });
    }
  });

  it('[SEC6] lists the newest first, page by page, ended ones too until they are deleted', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      made.unshift((await create({ name: `Key ${i}` })).id);
      server.time.advance(1000);
    }
    await remove(made[4] ?? '');
    const first = await list('?limit=3');
    const second = await list(`?limit=3&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(made.slice(0, 4));
    expect(second.nextCursor).toBeNull();
    expect((await server.get('/api/api-keys?cursor=x', owner.accessToken)).status).toBe(400);
  });

  describe('in memory', () => {
    it('[PRF3] a thousand calls by one key cost one reading', async () => {
      const { key } = await create();
      const count = await readings(async () => {
        for (let i = 0; i < 1000; i += 1) await server.identity.authenticate(key);
      });
      expect(count).toBe(1);
      expect(await server.metrics.text()).toContain('bongsu_cache_hits_total{cache="api_keys"} 999');
    });

    it('[PRF3] [SEC6] one that never was costs one reading in 5 s, however often it is tried', async () => {
      const never = formatKey(newKeyParts());
      const tryAll = () =>
        readings(async () => {
          for (let i = 0; i < 20; i += 1) expect(await code(never)).toBe('AUTH_ERROR');
        });
      expect(await tryAll()).toBe(1);
      clock.advance(5001);
      expect(await tryAll()).toBe(1);
    });

    it('[PRF3] keys that never were have a count of their own, and say nothing of the keys that are', async () => {
      const { key } = await create();
      for (let i = 0; i < 4; i += 1) await server.identity.authenticate(key);
      const never = formatKey(newKeyParts());
      for (let i = 0; i < 20; i += 1) await code(never);
      const text = await server.metrics.text();
      expect(text).toContain('bongsu_cache_hits_total{cache="api_keys"} 3');
      expect(text).toContain('bongsu_cache_misses_total{cache="api_keys"} 1');
      expect(text).toContain('bongsu_cache_hits_total{cache="unknown_api_keys"} 19');
      expect(text).toContain('bongsu_cache_misses_total{cache="unknown_api_keys"} 1');
    });

    it('[PRF3] [SEC6] an address over its limit gets few look-ups, and good keys go on from there', async () => {
      await server.stop();
      server = await startIdentity(database, {}, { clock, requestsPerMinute: 10 });
      const { key } = await create();
      const { key: other } = await create();
      await server.identity.authenticate(key);
      const guess = () => code(formatKey(newKeyParts()));
      for (let n = 0; n < 10; n += 1) expect(await guess()).toBe('AUTH_ERROR');
      const count = await readings(() => Promise.all(Array.from({ length: 100 }, guess)));
      expect(count).toBeLessThan(50);
      expect(await code(key)).toBe('works');
      // In its turn.
      await expect.poll(() => code(other)).toBe('works');
    });

    it('[PRF3] a reading that a change overtook is not kept', async () => {
      const { key, id } = await create();
      const query = database.query.bind(database);
      database.query = async (text, ...rest) => {
        const rows = await query(text, ...rest);
        if (text.includes('from api_keys')) {
          database.query = query;
          await remove(id);
        }
        return rows as never;
      };
      await server.identity.authenticate(key);
      expect(await code(key)).toBe('TOKEN_REVOKED');
    });

    it('[PRF3] while SQL does not answer for long, nothing cached is believed', async () => {
      const { key } = await create();
      expect(await code(key)).toBe('works');
      await database.query('update api_keys set revoked_at = 1');
      expect(await code(key)).toBe('works');
      const query = database.query.bind(database);
      database.query = (text, ...rest) =>
        text.includes('from revocations') ? Promise.reject(new Error('away')) : query(text, ...rest);
      clock.advance(11_000);
      expect(await code(key)).toBe('TOKEN_REVOKED');
      database.query = query;
    });

    it('[SEC6] a new name, and a change of role that another process made, show', async () => {
      const { key } = await create({ scopes: ['users:write'] });
      await server.identity.authenticate(key);
      const payload = { username: 'Grace' };
      await server.http.inject({ method: 'PATCH', url: '/api/users/me', headers: bearer(key), payload });
      expect(await server.identity.authenticate(key)).toMatchObject({ username: 'Grace', role: 'user' });
      const other = await startIdentity(database, {}, { clock, time: server.time });
      const admin = await firstAdmin(other);
      expect(await changeUser(other, admin, owner.user.userId, { role: 'admin' })).toBe(200);
      await expect.poll(() => heard()).toMatchObject({ role: 'admin' });
      function heard() {
        clock.advance(2500);
        return server.identity.authenticate(key);
      }
      await other.stop();
    });
  });

  describe('last use', () => {
    const lastUsed = async () => (await list()).items[0]?.lastUsedAt;
    const flushed = async (wanted: number) => {
      clock.advance(5000);
      await expect.poll(lastUsed).toBe(wanted);
    };

    it('[SEC6] is written within seconds, and at most once a minute', async () => {
      vi.spyOn(Date, 'now').mockReturnValue(Date.now());
      const { key } = await create();
      expect(await lastUsed()).toBeNull();
      const first = server.time.now();
      await server.identity.authenticate(key);
      await flushed(first);
      server.time.advance(50_000);
      await server.identity.authenticate(key);
      clock.advance(5000);
      await server.stop();
      expect(await usedInSql()).toBe(first);
      server = await startIdentity(database, {}, { clock, time: server.time });
      server.time.advance(11_000);
      await server.identity.authenticate(key);
      await flushed(first + 61_000);
      vi.restoreAllMocks();
    });

    it('[SEC6] is not written again for a use that comes before the answer to the first', async () => {
      vi.spyOn(Date, 'now').mockReturnValue(Date.now());
      const { key } = await create();
      const first = server.time.now();
      const query = database.query.bind(database);
      let answer = () => {};
      const written = new Promise<void>((resolve) => {
        database.query = async <Row extends object>(...statement: Parameters<typeof query>) => {
          const rows = await query<Row>(...statement);
          if (!statement[0].includes('set last_used_at')) return rows;
          return new Promise<Row[]>((give) => {
            answer = () => give(rows);
            resolve();
          });
        };
      });
      await server.identity.authenticate(key);
      clock.advance(5000);
      await written;
      server.time.advance(50_000);
      await server.identity.authenticate(key);
      database.query = query;
      answer();
      await server.stop();
      expect(await usedInSql()).toBe(first);
      server = await startIdentity(database, {}, { clock, time: server.time });
      vi.restoreAllMocks();
    });
    const usedInSql = async () =>
      (await database.query<{ at: number }>('select last_used_at as at from api_keys'))[0]?.at;

    it('[SEC6] of keys and of logins are written apart, and neither spoils the other', async () => {
      const { key } = await create();
      const principal = await server.identity.authenticate(key);
      server.time.advance(2 * MINUTE_MS);
      server.identity.touch(principal);
      server.identity.touch(await server.identity.authenticate(owner.accessToken));
      clock.advance(5000);
      await server.stop();
      expect(server.lines.filter(({ level }) => level === 'warn')).toEqual([]);
      expect(await usedInSql()).toBeGreaterThan(0);
      server = await startIdentity(database, {}, { clock, time: server.time });
    });
  });

  describe('the end', () => {
    it('[SEC6] comes when it was asked for', async () => {
      const { key } = await create({ expiresAt: server.time.now() + HOUR_MS });
      expect(await code(key)).toBe('works');
      server.time.advance(HOUR_MS);
      expect(await code(key)).toBe('TOKEN_EXPIRED');
    });

    it('[SEC6] of a rotated key is the end of the overlap, or its own where that is sooner', async () => {
      const long = await create({ expiresAt: null });
      const short = await create({ expiresAt: server.time.now() + HOUR_MS });
      const next = (await rotate(long.id)).body as unknown as CreatedApiKey;
      await rotate(short.id, { overlapHours: 720 });
      expect(next.expiresAt).toBeNull();
      server.time.advance(HOUR_MS);
      expect(await Promise.all([code(long.key), code(short.key)])).toEqual(['works', 'TOKEN_EXPIRED']);
      server.time.advance(23 * HOUR_MS);
      expect(await Promise.all([code(long.key), code(next.key)])).toEqual(['TOKEN_EXPIRED', 'works']);
    });

    it('[SEC6] of its successor is as far away as its own was, to the millisecond', async () => {
      const time = new MovableTime();
      const { now } = time;
      // No two readings of the clock are alike.
      time.now = () => {
        time.advance(1);
        return now();
      };
      const slow = await startIdentity(database, {}, { clock, time });
      const { accessToken } = await slow.signUp();
      const old = await createApiKey(slow, accessToken);
      const next = (await slow.post(`/api-keys/${old.id}/rotate`, {}, bearer(accessToken))).body;
      const lives = [old, next].map((key) => Number(key.expiresAt) - Number(key.createdAt));
      expect(lives).toEqual([90 * DAY_MS, 90 * DAY_MS]);
      await slow.stop();
    });

    it('[SEC6] of two rotations at once one makes a key', async () => {
      const { id } = await create();
      const answers = await Promise.all([rotate(id), rotate(id), rotate(id)]);
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
      expect((await list()).items).toHaveLength(2);
    });

    it('[SEC6] ended keys are known for 90 days more', async () => {
      const { id } = await create({ expiresAt: server.time.now() + HOUR_MS });
      await create({ expiresAt: null });
      server.time.advance(90 * DAY_MS);
      clock.advance(HOUR_MS);
      await server.identity.authenticate('bgs_').catch(() => undefined);
      expect((await database.query('select 1 from api_keys')).length).toBe(2);
      server.time.advance(2 * HOUR_MS);
      clock.advance(HOUR_MS);
      await expect.poll(async () => (await database.query('select id from api_keys')).length).toBe(1);
      expect(await database.query('select id from api_keys where id = $1', [id])).toEqual([]);
    });
  });
});
