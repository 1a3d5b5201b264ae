import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { roomRow } from '../../test/support/signal-room.js';
import { Newcomers } from './newcomers.js';
import type { Seat } from './seat.js';

/** A process in which `s1` has a seat; `rows` is what SQL says, `known` what the process does. */
function opened() {
  const clock = new ManualClock();
  const rows = new Set<string>();
  const known = new Set<string>();
  const reads: (() => void)[] = [];
  const seat = { room: roomRow() } as Seat;
  const newcomers = new Newcomers({
    clock,
    seats: {
      seatOf: (socketId) => (socketId === 's1' ? seat : undefined),
      seat: (_room, participantId) => (known.has(participantId) ? seat : undefined),
      lookAnew: () =>
        new Promise((resolve) =>
          reads.push(() => {
            for (const row of rows) known.add(row);
            resolve();
          }),
        ),
    },
  });
  const look = (to: string, socketId = 's1') => newcomers.look(socketId, { roomId: 'stand-up', to });
  return { clock, rows, known, reads, look };
}

describe('who came by another process', () => {
  it('[ND31] is looked for once, and what is said to them meanwhile waits behind', async () => {
    const { rows, known, reads, look } = opened();
    rows.add('ben');
    const first = look('ben');
    // Heard of meanwhile: what is said now must not go first.
    known.add('ben');
    const second = look('ben');
    expect(reads).toHaveLength(1);
    const order: string[] = [];
    const told = [first?.then(() => order.push('first')), second?.then(() => order.push('second'))];
    reads[0]?.();
    await Promise.all(told);
    expect(order).toEqual(['first', 'second']);
    expect(look('ben')).toBeUndefined();
  });

  it('[ND31] who is asked for in vain is not looked for again within a second, nor anybody else by that socket', async () => {
    const { clock, rows, reads, look } = opened();
    const looked = look('nobody');
    reads[0]?.();
    await looked;
    rows.add('ben');
    expect([look('nobody'), look('ben')]).toEqual([undefined, undefined]);
    clock.advance(1001);
    expect(look('ben')).toBeDefined();
  });

  it('[ND31] a socket without a seat makes nobody look', () => {
    expect(opened().look('ben', 's2')).toBeUndefined();
  });
});
