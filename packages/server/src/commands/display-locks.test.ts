import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { commandsHarness, emptyLedger, triggerTo } from '../../test/support/commands.js';
import { describePostgres } from '../../test/support/databases.js';
import { plantLetter } from '../../test/support/letters.js';
import type { Database } from '../platform/database/database.js';
import { DeliveryLedger, type Settlement } from './delivery-ledger.js';

const LETTER = { type: 'navigate', payload: { url: 'https://example.com/' } } as const;

/** Embedded there is one connection, so nobody waits for another's locks. */
describePostgres('rows of displays', (open) => {
  let database: Database;
  let ledger: DeliveryLedger;
  let first: number;
  let second: number;
  let epoch: string;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    ledger = new DeliveryLedger(database, false);
    const harness = commandsHarness(database);
    first = await harness.addScreen('scr_a');
    second = await harness.addScreen('scr_b');
    const fields = { action: undefined, url: 'https://example.com/' };
    for (const screenId of ['scr_a', 'scr_b']) await harness.send('navigate', triggerTo(screenId, fields));
    const connections = ['scr_a', 'scr_b'].map((screenId) => ({
      screenId,
      instanceId: undefined,
      connectedAt: 1,
    }));
    const fences = await ledger.takeFences(connections, { name: 'test:1', incarnation: randomUUID() });
    epoch = fences[0]?.epoch ?? '';
  });

  const settlement = (screenId: string, fields: Partial<Settlement>): Settlement => ({
    screenId,
    fence: 1,
    epoch,
    ackedSeq: 0,
    release: false,
    ended: [],
    failed: [],
    reported: [],
    ...fields,
  });
  const cancelled = [{ seq: 1, status: 'cancelled' as const, attempts: 0, error: null, reason: null }];
  const reported = [{ displayIndex: 0, url: 'https://example.com/', at: 2 }];
  const requeue = async () => {
    const letters = [];
    for (const screenId of ['scr_b', 'scr_a']) letters.push(await plantLetter(database, screenId, LETTER));
    const ids = letters.map(({ id }) => id).join();
    await database.query(
      `select * from requeue_dead_letters(('{${ids}}')::uuid[], array[gen_random_uuid(), gen_random_uuid()],
         array['', '']::bytea[], 1, 2, 100)`,
    );
  };
  const isSomebodyWaiting = async () => {
    const waiting = await database.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return waiting.length > 0;
  };

  it.each([
    [
      'cancelling',
      () =>
        ledger.settle(
          ['scr_b', 'scr_a'].map((id) => settlement(id, { ended: cancelled })),
          1,
        ),
    ],
    [
      'cancelling and reporting',
      () => ledger.settle([settlement('scr_a', { reported }), settlement('scr_b', { ended: cancelled })], 1),
    ],
    ['requeueing', requeue],
  ])('[BEY1] %s locks them in the order of streams', async (_, write) => {
    let writing: Promise<unknown> = Promise.resolve();
    await database.transaction(async (tx) => {
      await tx.query('select from screen_displays where stream_id = $1 for update', [first]);
      writing = write();
      await expect.poll(isSomebodyWaiting).toBe(true);
      const free = 'select from screen_displays where stream_id = $1 for update skip locked';
      expect(await database.query(free, [second])).toHaveLength(1);
    });
    await writing;
  });
});
