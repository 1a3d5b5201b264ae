import { expect, it } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';

describeEachDatabase('migrate', (open) => {
  it('[DEP1] lays down the whole schema', async () => {
    const database = await open();
    const rows = await database.query('select only_row from meta');
    expect(rows).toEqual([{ only_row: true }]);
  });
  it('again', async () => {
    const database = await open();
    await database.query("insert into streams (kind, name) values ('screen', 'a')");
  });
});
