import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { Overload } from './overload.js';

/** A clock whose timers come late by `lateMs`. */
class LateClock extends ManualClock {
  lateMs = 0;
  override monotonic = (): number => this.now() + this.lateMs;
}

function opened() {
  const clock = new LateClock();
  const overload = new Overload(clock);
  overload.start();
  return { clock, overload, begin: (count: number) => Array.from({ length: count }, () => overload.begin()) };
}

describe('overload', () => {
  it('[ND47] a thousand handshakes under way are the most, until one has ended', () => {
    const { overload, begin } = opened();
    const ended = begin(999);
    expect(overload.isTooMuch).toBe(false);
    begin(1);
    expect(overload.isTooMuch).toBe(true);
    ended[0]?.();
    ended[0]?.();
    expect(overload.isTooMuch).toBe(false);
    begin(1);
    expect(overload.isTooMuch).toBe(true);
  });

  it('[ND47] fewer are too many while the process is late, which alone turns nobody away', () => {
    const { clock, overload, begin } = opened();
    clock.lateMs = 1000;
    clock.advance(100);
    begin(199);
    expect(overload.isTooMuch).toBe(false);
    begin(1);
    expect(overload.isTooMuch).toBe(true);
    clock.advance(100);
    expect(overload.isTooMuch).toBe(false);
  });
});
