import { describe, expect, it } from 'vitest';
import type { Database } from '../src/platform/database/database.js';
import { describeEachDatabase } from './support/databases.js';
import { emptyTables } from './support/empty-tables.js';
import { openOnEngine } from './support/pglite-engines.js';

const revoke = async (database: Database) => {
  const [row] = await database.query<{ seq: number }>(
    `insert into revocations (kind, id, reason, at, until) values ('user', 'u', 'r', 0, 0) returning seq`,
  );
  return row?.seq;
};
const seeds = (database: Database) =>
  database.query(
    'select to_jsonb(m) as meta, (select count(*) from schema_migrations) as migrations from meta as m',
  );
const startedAt = async (database: Database) =>
  (await database.query<{ at: string }>('select pg_postmaster_start_time()::text as at'))[0]?.at;

describe('a PGlite engine that is used again', () => {
  it('shows nothing of the test before, and has what the migrations wrote', async () => {
    const first = await openOnEngine();
    const [before, engine] = [await seeds(first), await startedAt(first)];
    await revoke(first);
    await first.exec(
      `delete from schema_migrations; update meta set boot_id = 'other'; set application_name = 'left'`,
    );
    await first.close();

    const second = await openOnEngine();
    expect(await startedAt(second)).toBe(engine);
    expect(await seeds(second)).toEqual(before);
    expect(await second.query('show application_name')).not.toEqual([{ application_name: 'left' }]);
    expect(await revoke(second)).toBe(1);
    expect(await second.query('select seq from revocations')).toEqual([{ seq: 1 }]);
    await second.close();
  });

  it.each([
    'create table more ()',
    'create function more() returns int language sql as $$ select 1 $$',
    'alter table meta add column more text',
    'alter table meta drop constraint meta_only_row_check',
    'drop index revocations_until',
  ])('is given up after %s', async (change) => {
    const first = await openOnEngine();
    const engine = await startedAt(first);
    await first.exec(change);
    await first.close();
    const second = await openOnEngine();
    expect(await startedAt(second)).not.toBe(engine);
    await second.close();
  });
});

describeEachDatabase('emptied tables', (open) => {
  it('have no rows and count anew, as have those that refer to them', async () => {
    const database = await open();
    await database.exec(
      `insert into users (id, username, created_at) values (gen_random_uuid(), 'u', 0);
       insert into api_keys (id, user_id, name, secret_hash, scopes, created_at) select 'k', id, 'n', '', '{}', 0 from users`,
    );
    await revoke(database);
    await emptyTables(database, 'revocations', 'users');
    expect(
      await database.query(
        'select 1 from users union all select 1 from api_keys union all select 1 from revocations',
      ),
    ).toEqual([]);
    expect(await revoke(database)).toBe(1);
  });
});
