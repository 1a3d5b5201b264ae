import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { commandsConfig, triggerTo } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomsHarness, roomsHarness, triggerRoom } from '../../test/support/rooms.js';
import { loadConfig } from '../config.js';
import type { Database } from '../platform/database/database.js';

const defaults = loadConfig({});
const MAX_PENDING = defaults.ok ? defaults.settings.MAX_PENDING_PER_SCREEN : 0;

describeEachDatabase('an inbox at the default limit', (open) => {
  let database: Database;
  let harness: RoomsHarness;

  beforeEach(async () => {
    database = await open();
    harness = roomsHarness(database, { config: commandsConfig({ maxPendingPerScreen: MAX_PENDING }) });
    await harness.commands.start();
    await harness.addScreen('scr_a');
    await harness.addScreen('scr_b');
    await harness.openRoom('lobby', ['scr_a', 'scr_b']);
  });
  afterEach(() => harness.commands.stop(AbortSignal.timeout(1000)));

  const fill = async (count: number) => {
    await database.query(
      `insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at, notify)
       select 1, g, $1, gen_random_uuid(), 'trigger', 'x', '{"action":"show"}', 1, 9000000000000, 'none'
       from generate_series(1, $2::int) as g`,
      [randomUUID(), count],
    );
    await database.query('update streams set last_seq = $1 where id = 1', [count]);
  };

  it('[DL33] [DL87] takes its 10,000th entry; the next one is BUSY, and of a room dead{overflow} for it alone', async () => {
    expect(MAX_PENDING).toBe(10_000);
    await fill(MAX_PENDING - 1);
    expect(await harness.send('trigger', triggerTo('scr_a'))).toMatchObject({ seq: MAX_PENDING });
    const refused = triggerTo('scr_a');
    await expect(harness.send('trigger', refused)).rejects.toMatchObject({ code: 'BUSY' });
    expect(await database.query('select 1 from commands where id = $1', [refused.id])).toEqual([]);
    const { id } = await harness.send('trigger', triggerRoom('lobby'));
    const letters = await database.query('select screen_id, seq, command_id, reason from dead_letters');
    expect(letters).toEqual([
      { screen_id: 'scr_a', seq: MAX_PENDING + 1, command_id: id, reason: 'overflow' },
    ]);
    const [status] = await harness.statusOf(id);
    expect(status).toMatchObject({
      deliveries: [
        { screenId: 'scr_a', status: 'dead', reason: 'overflow' },
        { screenId: 'scr_b', status: 'pending' },
      ],
    });
    await expect(harness.send('trigger', refused)).rejects.toMatchObject({ code: 'BUSY' });
  });
});
