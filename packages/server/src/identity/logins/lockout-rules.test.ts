import { describe, expect, it } from 'vitest';
import {
  afterFailure,
  afterForgiving,
  afterReserving,
  afterReturning,
  afterSuccess,
  type Counter,
  judge,
  type LockoutScope,
  MINUTE_MS,
} from './lockout-rules.js';

const NOW = 1_000_000_000;
const fresh: Counter = { failures: 0, windowStart: NOW, lockedUntil: null, reserved: 0, reservedUntil: 0 };

/** Attempts one after another that all fail. */
function failing(scope: LockoutScope, times: number, at: number, counter = fresh): Counter {
  let now = counter;
  for (let n = 0; n < times; n += 1) now = afterFailure(scope, afterReserving(scope, now, at), at).counter;
  return now;
}

describe('lockout rules', () => {
  it('[USR1] five failures of a pair lock for a minute, each further one twice as long, up to a quarter of an hour', () => {
    const four = failing('login-pair', 4, NOW);
    expect(judge('login-pair', four, NOW)).toEqual({ kind: 'free' });
    let counter = failing('login-pair', 1, NOW, four);
    let now = NOW;
    for (const minutes of [1, 2, 4, 8, 15, 15]) {
      const until = now + minutes * MINUTE_MS;
      expect(judge('login-pair', counter, until - 1)).toEqual({ kind: 'locked', until });
      expect(judge('login-pair', counter, until)).toEqual({ kind: 'free' });
      now = until;
      counter = failing('login-pair', 1, now, counter);
    }
  });

  it('[USR1] a pair is forgotten a quarter of an hour after its last failure or the end of its lock', () => {
    const four = failing('login-pair', 4, NOW);
    const later = failing('login-pair', 1, NOW + 15 * MINUTE_MS, four);
    expect(judge('login-pair', later, NOW + 15 * MINUTE_MS)).toEqual({ kind: 'free' });
    const locked = failing('login-pair', 5, NOW);
    const again = failing('login-pair', 4, NOW + 16 * MINUTE_MS, locked);
    expect(judge('login-pair', again, NOW + 16 * MINUTE_MS)).toEqual({ kind: 'free' });
    const tooSoon = failing('login-pair', 1, NOW + 16 * MINUTE_MS - 1, locked);
    expect(judge('login-pair', tooSoon, NOW + 16 * MINUTE_MS)).toMatchObject({ kind: 'locked' });
  });

  it.each([
    ['login-address', 20, 60],
    ['login-ip', 50, 15],
  ] as const)('[USR1] %s is closed by %i failures until its %i minutes are over', (scope, limit, minutes) => {
    const first = failing(scope, 1, NOW);
    const full = failing(scope, limit - 1, NOW + 5 * MINUTE_MS, first);
    const until = NOW + minutes * MINUTE_MS;
    expect(judge(scope, failing(scope, limit - 1, NOW), NOW)).toEqual({ kind: 'free' });
    expect(judge(scope, full, until - 1)).toEqual({ kind: 'locked', until });
    expect(judge(scope, full, until)).toEqual({ kind: 'free' });
  });

  it('[USR1] attempts under way count as failures until they are settled, or their process is dead', () => {
    let counter = fresh;
    for (let n = 0; n < 5; n += 1) {
      expect(judge('login-pair', counter, NOW)).toEqual({ kind: 'free' });
      counter = afterReserving('login-pair', counter, NOW);
    }
    expect(judge('login-pair', counter, NOW)).toEqual({ kind: 'full' });
    expect(judge('login-pair', afterReturning('login-pair', counter, NOW), NOW)).toEqual({ kind: 'free' });
    expect(judge('login-pair', counter, NOW + 30_000)).toEqual({ kind: 'free' });
  });

  it('[USR1] places of a dead process are free after half a minute, however many come meanwhile', () => {
    let counter = fresh;
    for (let n = 0; n < 4; n += 1) counter = afterReserving('login-pair', counter, NOW);
    for (let at = NOW; at < NOW + 30_000; at += 1000) {
      expect(judge('login-pair', counter, at)).toEqual({ kind: 'free' });
      counter = afterReturning('login-pair', afterReserving('login-pair', counter, at), at);
    }
    const after = NOW + 30_000;
    for (let n = 0; n < 5; n += 1) {
      expect(judge('login-pair', counter, after)).toEqual({ kind: 'free' });
      counter = afterReserving('login-pair', counter, after);
    }
    expect(judge('login-pair', counter, after + 29_999)).toEqual({ kind: 'full' });
  });

  it('[USR1] what was got wrong is forgiven, and what is under way still counts', () => {
    const counter = afterForgiving(
      'login-pair',
      afterReserving('login-pair', failing('login-pair', 5, NOW), NOW),
      NOW,
    );
    expect(counter).toMatchObject({ failures: 0, lockedUntil: null, reserved: 1 });
  });

  it('[USR1] after a lock one attempt at a time is looked at', () => {
    const after = NOW + MINUTE_MS;
    const one = afterReserving('login-pair', failing('login-pair', 5, NOW), after);
    expect(judge('login-pair', one, after)).toEqual({ kind: 'full' });
  });

  it('[USR1] a right password clears its own pair, and never what others got wrong', () => {
    const reserved = (scope: LockoutScope) => afterReserving(scope, failing(scope, 4, NOW), NOW);
    expect(afterSuccess('login-pair', reserved('login-pair'), NOW)).toMatchObject({
      failures: 0,
      reserved: 0,
    });
    expect(afterSuccess('login-address', reserved('login-address'), NOW)).toMatchObject({ failures: 4 });
    expect(afterSuccess('login-ip', reserved('login-ip'), NOW)).toMatchObject({ failures: 4, reserved: 0 });
  });

  it('[USR1] says which failure closed the door', () => {
    const four = failing('login-pair', 4, NOW);
    expect(afterFailure('login-pair', failing('login-pair', 3, NOW), NOW).locks).toBe(false);
    expect(afterFailure('login-pair', four, NOW).locks).toBe(true);
    expect(afterFailure('login-pair', failing('login-pair', 5, NOW), NOW).locks).toBe(false);
  });
});
