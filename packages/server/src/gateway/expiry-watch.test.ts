import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { ExpiryWatch } from './expiry-watch.js';

function watchFromZero() {
  const clock = new ManualClock(0);
  return { clock, watch: new ExpiryWatch<string>(clock, clock.now) };
}

describe('ExpiryWatch', () => {
  it('[SK19] runs a task once, not before its time and within a second after it', () => {
    const { clock, watch } = watchFromZero();
    const ran: number[] = [];
    watch.set('a', 2500, () => ran.push(clock.now()));
    clock.advance(2499);
    expect(ran).toEqual([]);
    clock.advance(60_000);
    expect(ran).toHaveLength(1);
    expect(ran[0]).toBeGreaterThanOrEqual(2500);
    expect(ran[0]).toBeLessThanOrEqual(3500);
    expect(watch.size).toBe(0);
  });

  it('[SK19] a newer time takes the place of the older one', () => {
    const { clock, watch } = watchFromZero();
    const ran: string[] = [];
    watch.set('a', 2000, () => ran.push('old'));
    watch.set('a', 9000, () => ran.push('new'));
    clock.advance(5000);
    expect(ran).toEqual([]);
    clock.advance(5000);
    expect(ran).toEqual(['new']);
  });

  it('[SK19] a time that is past already comes at the next second, and a deleted one never', () => {
    const { clock, watch } = watchFromZero();
    const ran: string[] = [];
    clock.advance(10_000);
    watch.set('late', 1, () => ran.push('late'));
    watch.set('gone', 1, () => ran.push('gone'));
    watch.delete('gone');
    clock.advance(1000);
    expect(ran).toEqual(['late']);
  });

  it('[SK19] catches up over seconds in which the process did not run', () => {
    const { clock, watch } = watchFromZero();
    const ran: string[] = [];
    for (let second = 1; second <= 50; second += 1)
      watch.set(`k${second}`, second * 1000, () => ran.push(`k${second}`));
    clock.advance(60_000);
    expect(ran).toHaveLength(50);
  });

  it('a task may set its own key again', () => {
    const { clock, watch } = watchFromZero();
    let runs = 0;
    watch.set('a', 1000, () => {
      runs += 1;
      watch.set('a', 3000, () => {
        runs += 1;
      });
    });
    clock.advance(10_000);
    expect(runs).toBe(2);
    watch.stop();
    expect(clock.pending).toBe(0);
  });
});
