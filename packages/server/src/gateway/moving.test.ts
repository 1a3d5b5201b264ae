import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { type Mover, moveInWaves } from './moving.js';

/** `told`: when each was, from the start, in milliseconds. */
function crowd(size: number) {
  const clock = new ManualClock();
  const from = clock.monotonic();
  const told: { n: number; at: number; retryAfterMs: number }[] = [];
  const movers = Array.from(
    { length: size },
    (_, n): Mover => ({
      move: async (retryAfterMs) => void told.push({ n, at: clock.monotonic() - from, retryAfterMs }),
    }),
  );
  return { clock, told, movers };
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
  }
}

const never = new AbortController().signal;

describe('moving sockets', () => {
  it('[ND45] goes in even waves, in no order, each with a moment of its own, and is over in time', async () => {
    const { clock, told, movers } = crowd(5000);
    const moved = moveInWaves(movers, 5000, { clock, random: Math.random }, never);
    await pass(clock, 5000);
    await moved;
    expect(told.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(movers.map((_, n) => n));
    expect(told.map(({ n }) => n)).not.toEqual(movers.map((_, n) => n));
    const waves = new Map<number, number>();
    for (const { at } of told) waves.set(at, (waves.get(at) ?? 0) + 1);
    expect([...waves.values()]).toEqual(Array.from({ length: 50 }, () => 100));
    expect(new Set(told.map(({ retryAfterMs }) => retryAfterMs)).size).toBeGreaterThan(100);
  });

  it('[ND45] a few go at once', async () => {
    const { clock, told, movers } = crowd(50);
    await moveInWaves(movers, 15_000, { clock, random: Math.random }, never);
    expect(told).toHaveLength(50);
  });

  it('[ND45] when its time is over the rest is told at once', async () => {
    const { clock, told, movers } = crowd(1000);
    const over = new AbortController();
    const moved = moveInWaves(movers, 15_000, { clock, random: Math.random }, over.signal);
    await pass(clock, 100);
    expect(told.length).toBeLessThan(1000);
    over.abort();
    await moved;
    expect(told).toHaveLength(1000);
  });
});
