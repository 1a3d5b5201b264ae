import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type ScreensHarness, screensHarness } from '../../test/support/screens.js';
import type { Database } from '../platform/database/database.js';
import { report } from './report.js';

describeEachDatabase('reports of screens', (open) => {
  let database: Database;
  let harness: ScreensHarness;
  beforeAll(async () => {
    database = await open();
    harness = await screensHarness(database);
  });
  afterAll(() => harness.stop());

  it('[DL59] [BEY2] the latest report by the database’s clock stands, whatever comes late', async () => {
    const owner = harness.person();
    const { screenId } = await harness.makeScreen(owner);
    const screen = { kind: 'screen', screenId, sessionId: 's', expiresAt: 0 } as const;
    const reportAt = (at: number, url: string, displayIndex = 0) =>
      report({ database, databaseClock: () => at }, screen, { url, displayIndex });
    await reportAt(2000.7, '/menu');
    await reportAt(1000, '/late');
    await reportAt(1500, '/second', 15);
    const shown = async () => (await harness.call(owner, 'GET', `/screens/${screenId}`)).body.screen;
    expect((await shown()).reported).toEqual({
      0: { url: '/menu', at: 2000 },
      15: { url: '/second', at: 1500 },
    });
    await reportAt(2000, '/same-time');
    expect((await shown()).reported[0]).toEqual({ url: '/same-time', at: 2000 });
    expect((await shown()).desired).toEqual({});
  });

  it('[DL59] a screen that is gone reports nothing', async () => {
    const owner = harness.person();
    const { screenId } = await harness.makeScreen(owner);
    const screen = { kind: 'screen', screenId, sessionId: 's', expiresAt: 0 } as const;
    const send = () =>
      report({ database, databaseClock: Date.now }, screen, { url: '/menu', displayIndex: 0 });
    await send();
    await harness.call(owner, 'DELETE', `/screens/${screenId}`);
    await expect(send()).rejects.toMatchObject({ code: 'SCREEN_NOT_FOUND' });
    const left = 'select 1 from screen_displays d join streams s on s.id = d.stream_id where s.name = $1';
    expect(await database.query(left, [screenId])).toEqual([]);
  });
});
