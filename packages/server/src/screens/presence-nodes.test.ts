import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { describePostgres } from '../../test/support/databases.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from '../../test/support/redis.js';
import { type OpenedEphemeral, openRedisEphemeral } from '../../test/support/redis-ephemeral.js';
import { type ScreensHarness, screensHarness } from '../../test/support/screens.js';
import { ScreenPresence } from './presence.js';

interface Status {
  online: boolean;
  at: number;
}

describeWithRedis('presence of several nodes', () => {
  describePostgres('on one Redis', (open) => {
    let redis: ThrowAwayRedis;
    let harness: ScreensHarness;
    let stores: OpenedEphemeral[];
    let screenId: string;
    let told: Status[];
    beforeAll(async () => {
      redis = await startRedis();
      stores = [await openRedisEphemeral(redis.server), await openRedisEphemeral(redis.server)];
      harness = await screensHarness(await open());
    });
    beforeEach(async () => {
      told = [];
      ({ screenId } = await harness.makeScreen(harness.person()));
    });
    afterAll(async () => {
      await harness?.stop();
      await Promise.all((stores ?? []).map((store) => store.close()));
      await redis?.remove();
    });

    const nodes = (clocks = [() => 1_000, () => 1_000]) =>
      stores.map(
        ({ ephemeral }, i) =>
          new ScreenPresence({
            database: harness.database,
            clock: harness.clock,
            ephemeral,
            push: { toUser: (_user, _event, payload) => void told.push(payload as unknown as Status) },
            databaseClock: clocks[i] ?? Date.now,
            log: memoryLog(),
          }),
      ) as [ScreenPresence, ScreenPresence];
    /** As a client knows it that drops what is older. */
    const known = () => told.reduce((last, status) => (status.at < last.at ? last : status)).online;

    test('[SC11][ND72] a screen that moves from node to node, and back, within a moment ends online', async () => {
      let [from, to] = nodes();
      await from.setOnline(screenId, true);
      for (let round = 0; round < 40; round += 1) {
        await Promise.all([from.setOnline(screenId, false), to.setOnline(screenId, true)]);
        expect(known()).toBe(true);
        [from, to] = [to, from];
      }
      await from.setOnline(screenId, false);
      expect(known()).toBe(false);
    });

    test('[SC11][ND72] what happens later has the later moment, also where the clock is behind', async () => {
      const [from, to] = nodes([() => 9_000, () => 4_000]);
      await from.setOnline(screenId, true);
      await from.setOnline(screenId, false);
      await to.setOnline(screenId, true);
      await to.setOnline(screenId, false);
      expect(told.map(({ online }) => online)).toEqual([true, false, true, false]);
      const moments = told.map(({ at }) => at);
      expect(moments).toEqual([...new Set(moments)].toSorted((one, other) => one - other));
    });
  });
});
