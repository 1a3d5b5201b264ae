import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  bearer,
  DAY_MS,
  emptyIdentity,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import type { Database } from '../../platform/database/database.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const LONG_AGO_MS = 90 * DAY_MS;

describeEachDatabase('the end of logins', (open) => {
  let database: Database;
  let clock: ManualClock;
  let server: TestIdentity;
  let ada: Awaited<ReturnType<TestIdentity['signUp']>>;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    clock = new ManualClock();
    server = await startIdentity(database, {}, { clock });
    ada = await server.signUp();
  });
  afterEach(() => server.stop());

  /** Logins of Ada that differ from a real one in these columns. */
  const add = async (columns: Record<string, string>, count = 1) => {
    const names = Object.keys(columns).join(', ');
    await database.query(
      `insert into sessions (id, kind, user_id, current_hash, auth_time, created_at, last_seen, ${names})
       select gen_random_uuid(), 'user', $1::uuid, '\\x00', 0, 0, $2::bigint, ${Object.values(columns).join(', ')}
         from generate_series(1, ${count})`,
      [ada.user.userId, server.time.now()],
    );
  };
  const statements = async (text: string, work: () => Promise<unknown>) => {
    let count = 0;
    const transaction = database.transaction.bind(database);
    database.transaction = (run, options) =>
      transaction((tx) => {
        const query: typeof tx.query = (sql, ...rest) => {
          if (sql.includes(text)) count += 1;
          return tx.query(sql, ...rest);
        };
        return run({ query });
      }, options);
    await work().finally(() => {
      database.transaction = transaction;
    });
    return count;
  };
  const changePassword = () =>
    server.post(
      '/users/me/password',
      { currentPassword: PASSWORD, password: 'another good password' },
      bearer(ada.accessToken),
    );

  it('[USR3] [ID26] is told for those that may still live, many by one statement', async () => {
    const now = server.time.now();
    await add({ expires_at: `${now - 1}`, amr: `'expired'` }, 20);
    await add({ idle_ms: `${-6 * MINUTE_MS}`, amr: `'idle'` }, 20);
    // What a node has seen may not be in SQL yet.
    await add({ idle_ms: `${-4 * MINUTE_MS}`, amr: `'unwritten'` });
    await add({ expires_at: `${now + DAY_MS}`, amr: `'live'` }, 3);
    expect(await statements('into revocations', changePassword)).toBe(1);
    const ended = await database.query('select amr from sessions where revoked_at is not null order by amr');
    expect(ended.map(({ amr }) => amr)).toEqual(['live', 'live', 'live', 'unwritten']);
    const told = await database.query(
      `select s.amr from revocations r join sessions s on s.id::text = r.id where r.reason = 'password'`,
    );
    expect(told).toHaveLength(4);
  });

  it('[USR3] is known for 90 days, of a device as long as it was not ended', async () => {
    const longAgo = server.time.now() - LONG_AGO_MS;
    await add({ revoked_at: `${longAgo - 1000}`, amr: `'revoked'` }, 1500);
    await add({ expires_at: `${longAgo - 1000}`, amr: `'expired'` }, 1500);
    await add({ revoked_at: `${longAgo + DAY_MS}`, amr: `'revoked lately'` });
    await add({ expires_at: `${longAgo + DAY_MS}`, amr: `'expired lately'` });
    await database.query(
      `insert into sessions (id, kind, screen_id, current_hash, auth_time, created_at, last_seen, amr, revoked_at)
       select gen_random_uuid(), 'device', 'lobby', '\\x00', 0, 0, 0, t.amr, t.at
         from (values ('device', null), ('device that ended', $1::bigint)) as t (amr, at)`,
      [longAgo - 1000],
    );
    clock.advance(60 * MINUTE_MS);
    const left = async () =>
      (await database.query('select amr from sessions order by amr')).map(({ amr }) => amr);
    await expect.poll(left).toEqual(['device', 'expired lately', 'pwd', 'revoked lately']);
  });

  it('[USR3] finds what to throw away by index', async () => {
    const plan = await database.transaction(async (tx) => {
      await tx.query('set local enable_seqscan = off');
      const ended = 'revoked_at < 5';
      const expired = `revoked_at is null and kind = 'user' and expires_at < 5`;
      return Promise.all(
        [ended, expired].map((which) => tx.query(`explain select id from sessions where ${which}`)),
      );
    });
    expect(JSON.stringify(plan[0])).toContain('sessions_revoked');
    expect(JSON.stringify(plan[1])).toContain('sessions_expires');
  });
});
