import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { ROOM_STEPS, RoomModel, type RoomStep } from '../../test/support/room-model.js';
import { RoomSite } from '../../test/support/room-site.js';
import type { Database } from '../platform/database/database.js';

const WEIGHTS: Partial<Record<RoomStep, number>> = {
  join: 6,
  return: 6,
  disconnect: 4,
  'take over': 3,
  time: 3,
  hear: 2,
};
const step = fc.tuple(
  fc.oneof(...ROOM_STEPS.map((name) => ({ weight: WEIGHTS[name] ?? 1, arbitrary: fc.constant(name) }))),
  fc.nat(1000),
);
const atOnce = fc.array(step, { minLength: 1, maxLength: 4 });

describeEachDatabase('a room', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });

  test('[SIG5] [SIG8] [SCL3] [RM47] whoever comes, goes, returns and dies: capacity holds, each leaves once, who listens knows who is there, nobody is left over', async () => {
    const reasons = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(atOnce, { minLength: 10, maxLength: 40, size: 'max' }), async (turns) => {
        const site = new RoomSite(database);
        await site.clear();
        try {
          const model = await RoomModel.begin(site);
          for (const steps of turns) await model.act(steps);
          for (const reason of await model.finish()) reasons.add(reason);
        } finally {
          await site.stop();
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
    // Which of them chance brings about in so few runs is not certain.
    expect(['kicked', 'left', 'timeout']).toEqual(expect.arrayContaining([...reasons]));
    expect(reasons.size).toBeGreaterThan(0);
  }, 120_000);
});
