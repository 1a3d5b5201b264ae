import { beforeEach, expect, it } from 'vitest';
import { HubBus } from '../../test/support/hub-bus.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { MemoryEphemeral } from '../platform/ephemeral/memory.js';
import { Metrics } from '../platform/metrics.js';
import { RateLimiter } from './rate-limiter.js';

let hub: HubBus;
let clock: ManualClock;
beforeEach(() => {
  hub = new HubBus();
  clock = new ManualClock();
});

/** As many as Bongsu has nodes, each with its own limiter. */
function start(nodes: number, commandsPerMinute = 6000): RateLimiter[] {
  const log = memoryLog();
  return Array.from({ length: nodes }, () => {
    const deps = { ephemeral: new MemoryEphemeral(clock, log), clock, log, metrics: new Metrics() };
    const config = { enabled: true, requestsPerMinute: 100, handshakeFailuresPerMinute: 10 };
    const limiter = new RateLimiter(deps, { ...config, commandsPerMinute });
    limiter.share(hub.join());
    return limiter;
  });
}

/** Everybody sends on every node whenever they may, for so long. How many were let through. */
async function flood(limiters: RateLimiter[], seconds: number): Promise<number> {
  let count = 0;
  for (let ms = 0; ms < seconds * 1000; ms += 10) {
    for (const limiter of limiters) while (limiter.checkBurst('user:ada').allowed) count += 1;
    clock.advance(10);
    await Promise.resolve();
  }
  return count;
}

it.each([2, 4])(
  '[ND19] a user who floods %i nodes gets one limit of commands, after the first burst of each',
  async (nodes) => {
    const limiters = start(nodes);
    await flood(limiters, 10);
    const perSecond = (await flood(limiters, 60)) / 60;
    expect(perSecond).toBeLessThanOrEqual(100 * (1 + 0.1 * (nodes - 1)));
    expect(perSecond).toBeGreaterThan(60);
  },
);

it('[ND19] while the bus is away each node counts for itself', async () => {
  const limiters = start(2);
  hub.isDeaf = true;
  await flood(limiters, 10);
  expect((await flood(limiters, 60)) / 60).toBeGreaterThan(150);
});

it('[ND19] a limit of one a second is shared to the last command, and others pay nothing', async () => {
  const [a, b] = start(2, 60) as [RateLimiter, RateLimiter];
  for (let i = 0; i < 20; i += 1) expect(a.checkBurst('user:ada').allowed).toBe(true);
  clock.advance(250);
  await Promise.resolve();
  expect(b.checkBurst('user:ada').allowed).toBe(false);
  expect(b.checkBurst('user:bob').allowed).toBe(true);
});

it('[ND19] what others spent keeps nobody out for more than ten seconds', async () => {
  const [limiter] = start(1) as [RateLimiter];
  hub.join().publish('limits.commands', [['user:ada', 1_000_000]]);
  await Promise.resolve();
  expect(limiter.checkBurst('user:ada').allowed).toBe(false);
  clock.advance(10_100);
  expect(limiter.checkBurst('user:ada').allowed).toBe(true);
});
