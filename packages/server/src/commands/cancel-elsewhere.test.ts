import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  SENDER,
  triggerTo,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { HubBus } from '../../test/support/hub-bus.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { systemClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import { NodeCalls } from '../platform/ephemeral/node-calls.js';
import { silentLog } from '../platform/log.js';
import { AwayLedger } from './away-ledger.js';
import { passCancels } from './cancel-elsewhere.js';
import { CommandListStore } from './command-list-store.js';

describeEachDatabase('cancelling elsewhere', (open) => {
  let database: Database;
  let hub: HubBus;
  let holder: CommandsHarness;
  let asking: CommandsHarness;
  let cancelElsewhere: ReturnType<typeof passCancels>;
  const clock = new ManualClock();
  const ends: (() => unknown)[] = [];

  const start = async (name: string) => {
    const node = { name, incarnation: randomUUID() };
    const bus = hub.join();
    const calls = new NodeCalls({ bus, node, clock: name === 'b' ? clock : systemClock, log: silentLog });
    const harness = commandsHarness(database, { node, calls, ephemeral: { bus, kind: 'redis' } });
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      name,
      node.incarnation,
      Date.now() + 60_000,
    ]);
    await harness.commands.start();
    ends.push(
      () => calls.stop(),
      () => harness.commands.stop(AbortSignal.timeout(1000)),
    );
    return { harness, calls };
  };
  const send = async () => {
    const { id } = await asking.send('trigger', triggerTo('scr_a'));
    return new CommandListStore(database).placesOf(SENDER, String(id));
  };

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    await database.exec('truncate nodes');
    hub = new HubBus();
    holder = (await start('a')).harness;
    const streamId = await holder.addScreen('scr_a');
    const b = await start('b');
    asking = b.harness;
    asking.screens.set('scr_a', streamId);
    const away = new AwayLedger(database, false);
    cancelElsewhere = passCancels({
      calls: b.calls,
      databaseClock: () => Date.now(),
      holdersOf: (ids, at) => away.holdersOf(ids, at),
      cancel: (...place) => asking.commands.cancel(...place),
    });
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  it('[ND12] an entry of a screen that another node holds is cancelled there, and its sender is told there', async () => {
    const screen = new FakeScreen('scr_a');
    await connectScreen(holder.commands, screen);
    const [inFlight] = [await send()];
    await screen.received(1);
    const waiting = await send();
    expect(await asking.commands.cancel('scr_a', waiting[0]?.streamId ?? 0, waiting[0]?.seq ?? 0)).toBe(
      'elsewhere',
    );
    expect(await cancelElsewhere([...inFlight, ...waiting])).toEqual(['in-flight', 'cancelled']);
    expect(holder.pushed.map(({ payload }) => payload.status)).toEqual(['cancelled']);
    expect(await cancelElsewhere(waiting)).toEqual(['ended']);
  });

  it('[ND12] a holder that does not answer in 2 s, or has just left, makes it a matter of another try', async () => {
    await connectScreen(holder.commands, new FakeScreen('scr_a'));
    await send();
    const waiting = await send();
    hub.isDeaf = true;
    const asked = cancelElsewhere(waiting);
    await expect.poll(() => clock.pending).toBe(1);
    clock.advance(2000);
    expect(await asked).toEqual(['elsewhere']);
    await database.exec('update nodes set lease_until = 0');
    expect(await cancelElsewhere(waiting)).toEqual(['elsewhere']);
  });
});
