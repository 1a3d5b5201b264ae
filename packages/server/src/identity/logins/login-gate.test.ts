import { BongsuError } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { LoginGate } from './login-gate.js';

const PACE_MS = 40;
const build = (clock = new ManualClock()) => new LoginGate({ clock, paceMs: () => PACE_MS });

function refusal(work: () => unknown): BongsuError {
  try {
    work();
  } catch (error) {
    if (error instanceof BongsuError) return error;
  }
  throw new Error('it was not refused');
}

describe('LoginGate', () => {
  it('[USR1] takes fifty of one address, and more when some have left', () => {
    const gate = build();
    const places = Array.from({ length: 50 }, () => gate.enter('192.0.2.1'));
    expect(refusal(() => gate.enter('192.0.2.1'))).toMatchObject({ code: 'BUSY', retryable: true });
    gate.enter('192.0.2.2');
    for (const leave of places) leave();
    gate.enter('192.0.2.1');
  });

  it('[USR1] leaves room in the password queue, however many addresses there are', () => {
    const gate = build();
    for (let n = 0; n < 100; n += 1) gate.enter(`192.0.2.${n}`);
    expect(refusal(() => gate.enter('198.51.100.1')).code).toBe('BUSY');
  });

  it('[USR1] tells each who is turned away a time of their own, at the pace of the hashes', () => {
    const clock = new ManualClock();
    const gate = build(clock);
    for (let n = 0; n < 50; n += 1) gate.enter('192.0.2.1');
    const waits = Array.from({ length: 200 }, () => refusal(() => gate.enter('192.0.2.1')).retryAfterMs ?? 0);
    expect(waits[0]).toBe((50 * PACE_MS) / 2);
    expect(waits.slice(1).every((wait, n) => wait - (waits[n] ?? 0) === PACE_MS)).toBe(true);
    clock.advance(4000);
    expect(refusal(() => gate.enter('192.0.2.1')).retryAfterMs).toBe((waits.at(-1) ?? 0) + PACE_MS - 4000);
  });

  it('[USR1] sends nobody away for more than a minute, and not all to the same moment', () => {
    const gate = build();
    for (let n = 0; n < 50; n += 1) gate.enter('192.0.2.1');
    const waits = Array.from(
      { length: 5000 },
      () => refusal(() => gate.enter('192.0.2.1')).retryAfterMs ?? 0,
    );
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
    expect(new Set(waits).size).toBeGreaterThan(1000);
  });

  it('[USR1] one address that floods makes nobody else wait longer', () => {
    const gate = build();
    for (const address of ['192.0.2.1', '192.0.2.2']) for (let n = 0; n < 50; n += 1) gate.enter(address);
    for (let n = 0; n < 1000; n += 1) refusal(() => gate.enter('192.0.2.1'));
    expect(refusal(() => gate.enter('192.0.2.2')).retryAfterMs).toBe((50 * PACE_MS) / 2);
  });

  it('[USR1] five of one pair at once, the others in order', async () => {
    const gate = build();
    const order: number[] = [];
    const turns = Array.from({ length: 8 }, async (_, n) => {
      const leave = await gate.turn('pair');
      order.push(n);
      return leave;
    });
    const first = await Promise.all(turns.slice(0, 5));
    expect(order).toEqual([0, 1, 2, 3, 4]);
    for (const leave of first) leave();
    const last = await Promise.all(turns.slice(5));
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const leave of last) leave();
    (await gate.turn('pair'))();
  });

  it('[USR1] a pair has no endless queue', async () => {
    const gate = build();
    for (let n = 0; n < 55; n += 1) void gate.turn('pair');
    await expect(gate.turn('pair')).rejects.toMatchObject({ code: 'BUSY' });
    await gate.turn('another');
  });
});
