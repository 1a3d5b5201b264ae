import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describePostgres } from '../../../test/support/databases.js';
import { emptyIdentity, PASSWORD, startIdentity, type TestIdentity } from '../../../test/support/identity.js';
import type { Database } from '../../platform/database/database.js';
import { insertApiKey, writeLastUsed } from './api-keys.js';
import { revokeApiKeys } from './passwords.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Whoever locks many rows of one table goes by their ids: else two could wait for each other in a circle. */
describePostgres('the order of locks', (open) => {
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

  const waiting = () =>
    database.query(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
  /** While somebody holds the lowest row, `work` must not have the highest. */
  const expectLowestFirst = async (
    table: string,
    ids: readonly string[],
    work: () => Promise<unknown>,
  ): Promise<void> => {
    const sorted = ids.toSorted();
    const [lowest, highest] = [String(sorted[0]), String(sorted.at(-1))];
    let done: Promise<unknown> = Promise.resolve();
    await database.transaction(async (tx) => {
      await tx.query(`select 1 from ${table} where id = $1 for update`, [lowest]);
      done = work();
      await expect.poll(waiting).toHaveLength(1);
      const free = await tx.query(`select 1 from ${table} where id = $1 for update skip locked`, [highest]);
      expect(free).toHaveLength(1);
    });
    await done;
  };
  /** The higher the id of a login, the longer ago it was seen. */
  const logins = async (): Promise<{ accessToken: string; email: string; others: string[] }> => {
    const { user, accessToken, refreshToken } = await server.signUp();
    const { email } = user;
    for (let n = 0; n < 3; n += 1) await server.post('/auth/login', { email, password: PASSWORD });
    await database.query(
      `update sessions s set last_seen = s.last_seen - n.nth * 60000
         from (select id, row_number() over (order by id) as nth from sessions) n where n.id = s.id`,
    );
    const own = server.identity.tokens.verifyRefreshToken(refreshToken).sessionId;
    const rows = await database.query<{ id: string }>('select id from sessions where id <> $1', [own]);
    return { accessToken, email, others: rows.map(({ id }) => id) };
  };

  it('[USR3] is by id for logins that are ended from the list', async () => {
    const { accessToken, others } = await logins();
    const work = () => server.delete('/api/auth/sessions', accessToken);
    await expectLowestFirst('sessions', others, work);
  });

  it('[USR3] is by id for logins that give way to a new one', async () => {
    const { email } = await logins();
    const ids = await database.query<{ id: string }>('select id from sessions');
    const strict = await startIdentity(database, { maxLogins: 1 });
    const work = () => strict.post('/auth/login', { email, password: PASSWORD });
    await expectLowestFirst(
      'sessions',
      ids.map(({ id }) => id),
      work,
    );
    await strict.stop();
  });

  it('[SEC6] is by id for API keys that are used or end', async () => {
    const { user } = await server.signUp();
    const ids = ['zzzzzzzzzz', 'aaaaaaaaaa'];
    for (const id of ids) {
      const secretHash = Buffer.from(randomUUID());
      const key = {
        id,
        userId: user.userId,
        name: 'Signage',
        secretHash,
        scopes: [],
        at: 1,
        expiresAt: null,
      };
      await insertApiKey(database, key);
    }
    await expectLowestFirst('api_keys', ids, () =>
      writeLastUsed(
        database,
        ids.map((id) => [id, 2]),
      ),
    );
    await expectLowestFirst('api_keys', ids, () => revokeApiKeys(database, user.userId, 2));
    const keys = await database.query('select last_used_at as used, revoked_at as ended from api_keys');
    expect(keys).toEqual([
      { used: 2, ended: 2 },
      { used: 2, ended: 2 },
    ]);
  });
});
