import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { type ScreensHarness, screensHarness } from '../../test/support/screens.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import { MemoryEphemeral } from '../platform/ephemeral/memory.js';
import type { UserPrincipal } from '../platform/principal.js';
import { ScreenPresence } from './presence.js';

describeEachDatabase('presence', (open) => {
  let harness: ScreensHarness;
  let owner: UserPrincipal;
  let screenId: string;
  beforeAll(async () => {
    harness = await screensHarness(await open());
  });
  beforeEach(async () => {
    harness.pushed.length = 0;
    owner = harness.person();
    ({ screenId } = await harness.makeScreen(owner));
  });
  afterAll(() => harness?.stop());

  const read = async (id = screenId) => (await harness.call(owner, 'GET', `/screens/${id}`)).body.screen;
  const statuses = () => harness.pushed.filter(({ event }) => event === 'screen-status');
  /** Another process on the same store. */
  const anotherNode = (onTimer: (cancel: () => void) => void = () => {}) => {
    const { bus, presence } = harness.ephemeral;
    const ephemeral = { presence, bus: { ...bus, publisher: 'another-node' } } as unknown as Ephemeral;
    const { database, clock } = harness;
    const push = {
      toUser: (userId: string, event: string, payload: unknown) =>
        void harness.pushed.push({ userId, event, payload }),
    };
    const every = (periodMs: number, task: () => void) => {
      const cancel = clock.every(periodMs, task);
      onTimer(cancel);
      return cancel;
    };
    const ownClock = { now: clock.now, monotonic: clock.monotonic, after: clock.after, every };
    const deps = { database, clock: ownClock, ephemeral, push, databaseClock: clock.now, log: memoryLog() };
    return new ScreenPresence(deps);
  };

  test('[SC11] coming and going shows in the answer, leaves its time in SQL and is told to owner and controllers', async () => {
    const controller = harness.person();
    await harness.call(owner, 'PUT', `/screens/${screenId}/controllers/${controller.userId}`);
    const cameAt = harness.clock.now();
    await harness.screens.setOnline(screenId, true);
    harness.clock.advance(5_000);
    expect(await read()).toMatchObject({ online: true, lastConnectedAt: cameAt });
    await harness.screens.setOnline(screenId, false);
    expect(await read()).toMatchObject({ online: false, lastConnectedAt: cameAt });
    const told = (online: boolean, at: number) =>
      [owner, controller].map(({ userId }) => ({
        userId,
        event: 'screen-status',
        payload: { screenId, online, at },
      }));
    expect(statuses()).toEqual([...told(true, cameAt), ...told(false, cameAt + 5_000)]);
  });

  test('[SC11] what does not change is not told', async () => {
    await harness.screens.setOnline(screenId, false);
    await harness.screens.setOnline(screenId, true);
    await harness.screens.setOnline(screenId, true);
    expect(statuses()).toHaveLength(1);
    await harness.screens.setOnline('scr_unknown', true);
    expect(statuses()).toHaveLength(1);
  });

  test('[SC11] a connected screen stays online as long as its node renews, and is gone when the node dies', async () => {
    await harness.screens.setOnline(screenId, true);
    let killTimers = () => {};
    const other = anotherNode((cancel) => {
      killTimers = cancel;
    });
    const { screenId: theirs } = await harness.makeScreen(owner);
    other.start();
    await other.setOnline(theirs, true);
    await passInSteps(harness, 60_000);
    expect(await read()).toMatchObject({ online: true });
    expect(await read(theirs)).toMatchObject({ online: true });
    // Its timers stop, as those of a killed process do, and nothing is said.
    killTimers();
    await passInSteps(harness, 30_000);
    expect(await read(theirs)).toMatchObject({ online: false });
    expect(await read()).toMatchObject({ online: true });
  });

  test('[SC11] a screen that moved to another node is online there; the late goodbye of the first is not told', async () => {
    const other = anotherNode();
    await harness.screens.setOnline(screenId, true);
    await other.setOnline(screenId, true);
    await harness.screens.setOnline(screenId, false);
    expect(await read()).toMatchObject({ online: true });
    expect(statuses()).toHaveLength(1);
    await other.setOnline(screenId, false);
    expect(await read()).toMatchObject({ online: false });
    expect(statuses()).toHaveLength(2);
  });

  test('[SC11] a fleet that comes back at once costs a handful of statements', async () => {
    const fleet: string[] = [];
    for (let i = 0; i < 40; i += 1) fleet.push((await harness.makeScreen(owner)).screenId);
    let statements = 0;
    const { database, clock, ephemeral } = harness;
    const counting = new Proxy(database, {
      get(target, key) {
        if (key === 'query') statements += 1;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const push = { toUser: () => {} };
    const presence = new ScreenPresence({
      ...{ database: counting, clock, ephemeral, push, databaseClock: clock.now },
      log: memoryLog(),
    });
    await Promise.all(fleet.map((id) => presence.setOnline(id, true)));
    expect(statements).toBeLessThanOrEqual(4);
    expect((await presence.onlineOf(fleet)).size).toBe(40);
    const list = await harness.call(owner, 'GET', '/screens?limit=200');
    expect(list.body.items.filter((screen) => screen.lastConnectedAt !== null)).toHaveLength(40);
  });

  test('[SC11] flapping ends in the last state, and every call resolves', async () => {
    const calls = Array.from({ length: 21 }, (_, i) => harness.screens.setOnline(screenId, i % 2 === 0));
    await Promise.all(calls);
    expect(await read()).toMatchObject({ online: true });
    const more = Array.from({ length: 20 }, (_, i) => harness.screens.setOnline(screenId, i % 2 === 0));
    await Promise.all(more);
    expect(await read()).toMatchObject({ online: false });
    expect(statuses().at(-1)).toMatchObject({ payload: { online: false } });
  });

  test('[SC11] stopping takes the node’s screens offline', async () => {
    const { presence } = harness.ephemeral;
    const other = anotherNode();
    other.start();
    await other.setOnline(screenId, true);
    expect(await presence.count(`screen:${screenId}`)).toBe(1);
    await other.stop();
    expect(await presence.count(`screen:${screenId}`)).toBe(0);
  });

  test('[SC11] while Ephemeral fails, a screen of this node is still online, told of and dated', async () => {
    const ephemeral = new MemoryEphemeral(harness.clock, memoryLog());
    const away = () => Promise.reject(new Error('away'));
    ephemeral.presence.set = away;
    ephemeral.presence.count = away;
    const log = memoryLog();
    const told: string[] = [];
    const { database, clock } = harness;
    const push = { toUser: (userId: string) => void told.push(userId) };
    const presence = new ScreenPresence({ database, clock, ephemeral, push, databaseClock: clock.now, log });
    await presence.setOnline(screenId, true);
    expect(await presence.onlineOf([screenId, 'scr_other'])).toEqual(new Set([screenId]));
    expect(told).toEqual([owner.userId]);
    expect((await read()).lastConnectedAt).toBe(clock.now());
    expect(log.lines.length).toBeGreaterThan(0);
  });
});

/** Time passes in steps, with room for what each renewal set going. */
async function passInSteps(harness: ScreensHarness, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5_000) {
    harness.clock.advance(5_000);
    await harness.ephemeral.count('any', 1, 0);
  }
}
