import { beforeEach, expect, it } from 'vitest';
import { HubBus } from '../../test/support/hub-bus.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { ConnectionCounts } from './connection-counts.js';

let hub: HubBus;
let clock: ManualClock;
beforeEach(() => {
  hub = new HubBus();
  clock = new ManualClock();
});

function start(here: Map<string, number>, maxPerUser = 100) {
  const counts = new ConnectionCounts({ bus: hub.join(), clock, maxPerUser });
  counts.start((least) => new Map([...here].filter(([, count]) => count >= least)));
  return counts;
}
const pass = async (ms: number) => {
  for (let passed = 0; passed < ms; passed += 250) {
    clock.advance(250);
    await Promise.resolve();
  }
};

it('[ND19] a node knows how many connections a user has on all others, and when they go', async () => {
  const [onB, onC] = [new Map([['ada', 60]]), new Map([['ada', 30]])];
  const a = start(new Map());
  start(onB);
  start(onC);
  await pass(250);
  expect([a.of('ada'), a.of('bob')]).toEqual([90, 0]);
  onB.set('ada', 40).set('bob', 10).set('few', 9);
  await pass(250);
  expect([a.of('ada'), a.of('bob'), a.of('few')]).toEqual([70, 10, 0]);
  onB.clear();
  await pass(250);
  expect([a.of('ada'), a.of('bob')]).toEqual([30, 0]);
});

it('[ND19] what was lost is mended within 5 s, and a node that is silent is forgotten', async () => {
  const onB = new Map([['ada', 50]]);
  const a = start(new Map());
  start(onB);
  await pass(250);
  hub.isDeaf = true;
  onB.set('ada', 80);
  await pass(250);
  hub.isDeaf = false;
  expect(a.of('ada')).toBe(50);
  await pass(5000);
  expect(a.of('ada')).toBe(80);
  hub.isDeaf = true;
  await pass(12_250);
  expect(a.of('ada')).toBe(0);
});

it('[ND19][ND78] one message that is lost takes nothing from the limit', async () => {
  const a = start(new Map());
  start(new Map([['ada', 50]]));
  await pass(250);
  // The next one that tells all.
  hub.isDeaf = true;
  await pass(5000);
  hub.isDeaf = false;
  for (let passed = 0; passed < 4750; passed += 250) {
    await pass(250);
    expect(a.of('ada')).toBe(50);
  }
});

it('[ND78] the counts of a node that is gone are forgotten as soon as the bus says so', async () => {
  const b = hub.join();
  const a = start(new Map());
  b.publish('limits.connections', { isWhole: true, counts: [['ada', 50]] });
  await pass(250);
  expect(a.of('ada')).toBe(50);
  hub.leave(b.publisher);
  await pass(0);
  await Promise.resolve();
  expect(a.of('ada')).toBe(0);
});
