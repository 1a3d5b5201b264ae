import { expect, it } from 'vitest';
import { describePglite } from '../../../test/support/databases.js';
import { testDeps } from '../../../test/support/deps.js';
import { PgliteUpkeep } from './pglite-upkeep.js';

describePglite('PgliteUpkeep', (open) => {
  it('[BEY3] bounds the log and the dead rows, and rests when nothing is due', async () => {
    const database = await open({ migrate: false });
    const { clock, log } = testDeps();
    const upkeep = new PgliteUpkeep(database, clock, log);
    expect(await upkeep.run()).toEqual({ vacuumed: undefined, checkpoint: false });
    await database.exec(`
      create table busy (id int, text text);
      insert into busy select g, repeat('x', 900) from generate_series(1, 20000) g;
      delete from busy where id <= 10000`);
    // Counts of dead rows are published once a second at most, unless asked for.
    await database.query('select pg_stat_force_next_flush()');
    expect(await upkeep.run()).toEqual({ vacuumed: 'busy', checkpoint: true });
    await database.query('select pg_stat_force_next_flush()');
    const [dead] = await database.query<{ n: number }>(
      "select last_vacuum is not null as vacuumed from pg_stat_user_tables where relname = 'busy'",
    );
    expect(dead).toEqual({ vacuumed: true });
    expect(await upkeep.run()).toMatchObject({ checkpoint: false });
  });
});
