import { afterAll, beforeAll, expect, it } from 'vitest';
import { commandsHarness, connectScreen, FakeScreen, triggerTo } from '../../test/support/commands.js';
import { describePostgres } from '../../test/support/databases.js';
import { testDeps } from '../../test/support/deps.js';
import {
  createPostgresDatabase,
  type FreshDatabase,
  postgresConfig,
} from '../../test/support/postgres-databases.js';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.js';
import type { Database } from '../platform/database/database.js';
import { openPostgres } from '../platform/database/postgres.js';

describePostgres('accepting through a network that fails', (_open, serverUrl) => {
  let fresh: FreshDatabase;
  let proxy: TcpProxy;
  let database: Database;
  beforeAll(async () => {
    fresh = await createPostgresDatabase(serverUrl, true);
    const { hostname, port } = new URL(fresh.url);
    proxy = await startTcpProxy(Number(port), hostname);
    database = await openPostgres(postgresConfig(proxy.url(fresh.url)), testDeps());
  });
  afterAll(async () => {
    await database.close();
    await proxy.close();
    await fresh.drop();
  });

  it.each([{ forward: true }, { forward: false }])(
    '[DL39] a connection lost with a batch on its way is no refusal, whether it was stored or not ($forward)',
    async ({ forward }) => {
      const harness = commandsHarness(database);
      await harness.commands.start();
      const screenId = `scr_${forward}`;
      await harness.addScreen(screenId);
      const screen = new FakeScreen(screenId, { answer: () => ({ status: 'executed' }) });
      await connectScreen(harness.commands, screen);
      const sent = [triggerTo(screenId), triggerTo(screenId), triggerTo(screenId)];
      proxy.cutAfter('accept_commands', { forward });
      const answers = await Promise.all(sent.map((command) => harness.send('trigger', command)));
      expect(answers.map(({ seq, duplicate }) => [seq, duplicate])).toEqual([
        [1, false],
        [2, false],
        [3, false],
      ]);
      await screen.received(3);
      expect(screen.sent.map(({ entry }) => entry.id)).toEqual(sent.map(({ id }) => id));
      await harness.commands.stop(AbortSignal.timeout(1000));
    },
  );

  it('[DL39] receipts wait for a database that is away and are written when it is back', async () => {
    const harness = commandsHarness(database);
    await harness.commands.start();
    await harness.addScreen('scr_away');
    const screen = new FakeScreen('scr_away');
    await connectScreen(harness.commands, screen);
    await harness.send('trigger', triggerTo('scr_away'));
    await screen.received(1);
    proxy.accept(false);
    proxy.cut();
    screen.sent[0]?.receipt({ status: 'executed' });
    const refused = harness.send('trigger', triggerTo('scr_away'));
    await expect(refused).rejects.toMatchObject({
      code: expect.stringMatching(/^(UNAVAILABLE|INDETERMINATE)$/),
    });
    expect(harness.pushed).toEqual([]);
    proxy.accept(true);
    await expect
      .poll(() => harness.pushed.map(({ payload }) => payload.status), { timeout: 5000 })
      .toEqual(['executed']);
    await harness.commands.stop(AbortSignal.timeout(1000));
  });
});
