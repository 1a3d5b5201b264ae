import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { type ScreensHarness, screensHarness } from '../../test/support/screens.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { UserPrincipal } from '../platform/principal.js';
import { LostScreens } from './lost-screens.js';
import { ScreenPresence } from './presence.js';

const STEP_MS = 5_000;
const LEASE_MS = 15_000;

describeEachDatabase('screens of lost nodes', (open) => {
  const dead = randomUUID();
  let harness: ScreensHarness;
  let owner: UserPrincipal;
  let other: ScreenPresence;
  let stopTimers: () => void;
  beforeEach(async () => {
    harness = await screensHarness(await open());
    owner = harness.person();
    await live('test:1', harness.node.incarnation, Number.MAX_SAFE_INTEGER);
    await live('test:2', dead, harness.clock.now() + LEASE_MS);
    const { database, clock } = harness;
    const every = (periodMs: number, task: () => void) => {
      stopTimers = clock.every(periodMs, task);
      return stopTimers;
    };
    const deps = { database, databaseClock: clock.now, log: memoryLog(), push: harness.push };
    const ownClock = { now: clock.now, monotonic: clock.monotonic, after: clock.after, every };
    other = new ScreenPresence({ ...deps, clock: ownClock, ephemeral: ephemeralOf('test:2') });
    other.start();
  });
  afterEach(async () => {
    stopTimers();
    await harness.stop();
  });

  const live = (name: string, incarnation: string, until: number) =>
    harness.database.query(
      `insert into nodes (name, incarnation, lease_until) values ($1, $2, $3)
       on conflict (name) do update set lease_until = excluded.lease_until`,
      [name, incarnation, until],
    );
  const ephemeralOf = (publisher: string) => {
    const { bus, presence } = harness.ephemeral;
    return { presence, bus: { isUp: bus.isUp, publisher } } as unknown as Ephemeral;
  };
  const hold = (screenId: string, node: string, incarnation: string) =>
    harness.database.query('update screen_sessions set node = $2, incarnation = $3 where screen_id = $1', [
      screenId,
      node,
      incarnation,
    ]);
  /** A screen at the node that will die. */
  const connected = async () => {
    const { screenId } = await harness.makeScreen(owner);
    await hold(screenId, 'test:2', dead);
    await other.setOnline(screenId, true);
    return screenId;
  };
  const told = () =>
    harness.pushed.flatMap(({ event, payload }) => {
      const { screenId, online } = payload as { screenId: string; online: boolean };
      return event === 'screen-status' ? [`${screenId} ${online ? 'came' : 'went'}`] : [];
    });
  const moments = () => harness.pushed.map(({ payload }) => (payload as { at: number }).at);

  test('[SC11][ND73] when a node is killed, that its screens are offline is told of those that stay away', async () => {
    const [away, back] = [await connected(), await connected()];
    // The look that finds it living.
    harness.clock.advance(STEP_MS);
    await settled();
    stopTimers();
    for (let passed = 0; passed < LEASE_MS; passed += STEP_MS) {
      harness.clock.advance(STEP_MS);
      await settled();
    }
    await hold(back, 'test:1', harness.node.incarnation);
    await harness.screens.setOnline(back, true);
    await expect
      .poll(() => {
        harness.clock.advance(STEP_MS);
        return told();
      })
      .toContain(`${away} went`);
    expect(told()).toEqual([`${away} came`, `${back} came`, `${away} went`]);
    expect(moments()).toEqual(moments().toSorted((one, next) => one - next));
  });

  /** A look that was begun by the clock has ended: it is some statements. */
  const settled = async () => {
    for (let n = 0; n < 5; n += 1) await harness.database.query('select 1');
  };

  test('[ND73] of several living nodes the first tells; when it dies before, the next', async () => {
    const tellers = ['a', 'b'].map((name) => {
      const incarnation = randomUUID();
      const heard: unknown[] = [];
      const { database, clock } = harness;
      const push = {
        ...harness.push,
        toUser: (_: string, __: string, status: unknown) => void heard.push(status),
      };
      const deps = { database, clock, databaseClock: clock.now, log: memoryLog(), push };
      const lost = new LostScreens({ ...deps, ephemeral: ephemeralOf(name), node: { incarnation } });
      return { name, incarnation, heard, lost };
    });
    const [first, second] = tellers as [(typeof tellers)[0], (typeof tellers)[0]];
    for (const { name, incarnation } of tellers) await live(name, incarnation, Number.MAX_SAFE_INTEGER);
    const pass = async (ms: number, looking = tellers) => {
      for (let passed = 0; passed < ms; passed += STEP_MS) {
        harness.clock.advance(STEP_MS);
        for (const { lost } of looking) await lost.look();
      }
    };
    const once = await connected();
    await pass(STEP_MS);
    stopTimers();
    await pass(60_000);
    expect([first.heard.length, second.heard.length]).toEqual([1, 0]);

    await live('test:2', dead, harness.clock.now() + LEASE_MS);
    await hold(once, 'test:1', harness.node.incarnation);
    await connected();
    await pass(STEP_MS);
    await pass(LEASE_MS);
    await live('a', first.incarnation, harness.clock.now());
    await pass(60_000, [second]);
    expect(second.heard).toHaveLength(1);
  });

  test('[ND73] a node that starts tells of the screens of its killed predecessor', async () => {
    const screenId = await connected();
    stopTimers();
    await live('test:2', dead, 0);
    await expect
      .poll(() => {
        harness.clock.advance(STEP_MS);
        return told();
      })
      .toEqual([`${screenId} came`, `${screenId} went`]);
  });

  test('[ND73] what a node that stood still goes on with is told of as online again', async () => {
    const screenId = await connected();
    harness.clock.advance(STEP_MS);
    await settled();
    stopTimers();
    await expect
      .poll(() => {
        harness.clock.advance(STEP_MS);
        return told();
      })
      .toEqual([`${screenId} came`, `${screenId} went`]);
    other.start();
    harness.clock.advance(10_000);
    await expect.poll(told).toEqual([`${screenId} came`, `${screenId} went`, `${screenId} came`]);
    harness.clock.advance(10_000);
    await settled();
    expect(told()).toHaveLength(3);
  });
});
