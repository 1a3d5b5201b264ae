import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { type ScreensHarness, screensHarness } from '../../test/support/screens.js';
import type { Database, Queryable } from '../platform/database/database.js';
import { MemoryEphemeral } from '../platform/ephemeral/memory.js';
import { Metrics } from '../platform/metrics.js';
import type { UserPrincipal } from '../platform/principal.js';
import { ScreenRights } from './authorize.js';

describeEachDatabase('rights cache', (open) => {
  let harness: ScreensHarness;
  let owner: UserPrincipal;
  let controller: UserPrincipal;
  let screenId: string;
  beforeAll(async () => {
    harness = await screensHarness(await open());
  });
  beforeEach(async () => {
    owner = harness.person();
    controller = harness.person();
    ({ screenId } = await harness.makeScreen(owner));
  });
  afterAll(() => harness?.stop());
  const authorize = (who: UserPrincipal) => harness.screens.authorizeCommand(who, screenId);
  const controllers = (method: 'PUT' | 'DELETE') =>
    harness.call(owner, method, `/screens/${screenId}/controllers/${controller.userId}`);

  test('[PRF3] a miss asks SQL, a hit answers at once, and both are counted', async () => {
    const first = authorize(owner);
    expect(first).toBeInstanceOf(Promise);
    const grant = await first;
    expect(grant).toMatchObject({ screenId, role: 'owner', streamId: expect.any(Number) });
    expect(authorize(owner)).toEqual(grant);
    expect(authorize(harness.person('admin'))).toEqual({ ...grant, role: 'admin' });
    expect(await authorize(controller)).toBeUndefined();
    const text = await harness.metrics.text();
    expect(text).toContain('bongsu_cache_hits_total{cache="screen_rights"} 2');
    // Who is refused is looked for in SQL.
    expect(text).toContain('bongsu_cache_misses_total{cache="screen_rights"} 2');
  });

  test('[PRF3] a change of rights shows as soon as its call answers', async () => {
    expect(await authorize(controller)).toBeUndefined();
    await controllers('PUT');
    expect(await authorize(controller)).toMatchObject({ role: 'controller' });
    expect(await harness.screens.watchers(screenId)).toEqual([owner.userId, controller.userId]);
    await controllers('DELETE');
    expect(await authorize(controller)).toBeUndefined();
    expect(await authorize(owner)).toMatchObject({ role: 'owner' });
    await harness.call(owner, 'DELETE', `/screens/${screenId}`);
    expect(await authorize(owner)).toBeUndefined();
    expect(await authorize(harness.person('admin'))).toBeUndefined();
    expect(await harness.screens.watchers(screenId)).toEqual([]);
  });

  /** Another process on the same bus, or on one of its own: a publisher of its own makes it that. */
  const anotherNode = (ephemeral: ScreensHarness['ephemeral'], database = harness.database) => {
    const { clock } = harness;
    const bus = {
      publisher: 'another-node',
      isUp: true,
      publish: ephemeral.bus.publish.bind(ephemeral.bus),
      subscribe: ephemeral.bus.subscribe.bind(ephemeral.bus),
    };
    const rights = new ScreenRights({ database, clock, ephemeral: { bus }, metrics: new Metrics() });
    rights.start();
    onTestFinished(() => rights.stop());
    return rights;
  };
  const alone = (database?: Database) =>
    anotherNode(new MemoryEphemeral(harness.clock, memoryLog()), database);

  test('[PRF3] another node hears on the bus that a right is taken, and without the bus forgets it after ten seconds', async () => {
    await controllers('PUT');
    const [hearing, deaf] = [anotherNode(harness.ephemeral), alone()];
    for (const node of [hearing, deaf])
      expect(await node.authorizeCommand(controller, screenId)).toMatchObject({ role: 'controller' });
    await controllers('DELETE');
    expect(await hearing.authorizeCommand(controller, screenId)).toBeUndefined();
    expect(await deaf.authorizeCommand(controller, screenId)).toMatchObject({ role: 'controller' });
    harness.clock.advance(10_001);
    expect(await deaf.authorizeCommand(controller, screenId)).toBeUndefined();
  });

  test('[ND32] who was given a right is refused by no node, before it hears of that', async () => {
    const deaf = alone();
    expect(await deaf.authorizeCommand(owner, screenId)).toMatchObject({ role: 'owner' });
    await controllers('PUT');
    expect(await deaf.authorizeCommand(controller, screenId)).toMatchObject({ role: 'controller' });
    // It was read anew for that: the next one need not wait.
    await deaf.authorizeCommand(owner, screenId);
    expect(deaf.authorizeCommand(controller, screenId)).toMatchObject({ role: 'controller' });
  });

  test('[SEC3] [ND32] whoever is refused again and again costs few statements', async () => {
    const counting = new SlowDatabase(harness.database);
    counting.release();
    const deaf = alone(counting as unknown as Database);
    await deaf.authorizeCommand(owner, screenId);
    const strangers = Array.from({ length: 500 }, () => harness.person());
    const grants = await Promise.all(strangers.map((user) => deaf.authorizeCommand(user, screenId)));
    expect(new Set(grants)).toEqual(new Set([undefined]));
    expect(counting.queries).toBeLessThanOrEqual(11);
  });

  test('[PRF3] what was read before a change and arrives after it is not kept', async () => {
    const slow = new SlowDatabase(harness.database);
    const rights = new ScreenRights({
      database: slow as unknown as Database,
      clock: harness.clock,
      ephemeral: harness.ephemeral,
      metrics: new Metrics(),
    });
    const stale = rights.authorizeCommand(controller, screenId);
    await slow.held;
    await controllers('PUT');
    rights.changed(screenId);
    const fresh = rights.authorizeCommand(controller, screenId);
    expect(await fresh).toMatchObject({ role: 'controller' });
    slow.release();
    expect(await stale).toBeUndefined();
    expect(await rights.authorizeCommand(controller, screenId)).toMatchObject({ role: 'controller' });
  });

  test('[PRF3] many misses at once ask SQL once', async () => {
    const counting = new SlowDatabase(harness.database);
    counting.release();
    const { clock, ephemeral } = harness;
    const database = counting as unknown as Database;
    const rights = new ScreenRights({ database, clock, ephemeral, metrics: new Metrics() });
    const grants = await Promise.all(
      Array.from({ length: 50 }, () => rights.authorizeCommand(owner, screenId)),
    );
    expect(grants.every((grant) => grant?.role === 'owner')).toBe(true);
    expect(counting.queries).toBe(1);
  });

  test('[PRF3] a screen commands nothing, and an unknown screen is cached for nobody', async () => {
    const device = { kind: 'screen', screenId, sessionId: 's', expiresAt: 0 } as const;
    expect(harness.screens.authorizeCommand(device, screenId)).toBeUndefined();
    for (let i = 0; i < 2; i += 1) {
      const unknown = harness.screens.authorizeCommand(owner, 'scr_unknown');
      expect(unknown).toBeInstanceOf(Promise);
      expect(await unknown).toBeUndefined();
    }
  });
});

/** Holds back the answer of the first query until it is told to release it. */
class SlowDatabase implements Queryable {
  queries = 0;
  #reachHold = () => {};
  #open = () => {};
  readonly held = new Promise<void>((resolve) => {
    this.#reachHold = resolve;
  });
  readonly #gate = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor(private readonly database: Database) {}

  query: Queryable['query'] = async (text, parameters, options) => {
    this.queries += 1;
    const first = this.queries === 1;
    const rows = await this.database.query(text, parameters, options);
    if (first) {
      this.#reachHold();
      await this.#gate;
    }
    return rows as never;
  };

  release(): void {
    this.#open();
  }
}
