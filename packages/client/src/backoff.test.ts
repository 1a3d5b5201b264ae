import { describe, expect, it } from 'vitest';
import { jittered, reconnectDelayMs } from './backoff.js';

describe('backoff', () => {
  it('[STB4] plans 100, 150, 225 … 1000 ms, without end', () => {
    const plan = Array.from({ length: 9 }, (_, attempt) => reconnectDelayMs(attempt));
    expect(plan).toEqual([100, 150, 225, 337.5, 506.25, 759.375, 1000, 1000, 1000]);
    expect(reconnectDelayMs(1_000_000)).toBe(1000);
  });

  it('[STB4] spreads a delay over ±50 %', () => {
    expect(jittered(1000, 0)).toBe(500);
    expect(jittered(1000, 0.5)).toBe(1000);
    expect(jittered(1000, 0.999)).toBeCloseTo(1499);
  });
});
