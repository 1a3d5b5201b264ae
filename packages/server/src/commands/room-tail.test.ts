import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Reader } from '../../test/support/rooms.js';
import type { RoomEntry } from './room-hints.js';
import { RoomTail } from './room-tail.js';

const entry = (seq: number): RoomEntry => ({
  stream: 'room:lobby',
  seq,
  id: `${seq}`,
  type: 'message',
  fields: { data: seq },
  acceptedAt: 0,
  sender: { userId: 'u', username: 'Ada' },
});
const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i + 1);

function tailWithReader() {
  const reads: number[] = [];
  const faults: unknown[] = [];
  const tail = new RoomTail({ read: (after) => reads.push(after), onFault: (error) => faults.push(error) });
  const reader = new Reader();
  tail.add(reader);
  return { tail, reader, reads, faults };
}

it('[MSG3] keeps hints until the head is known, and hands out what is after it', () => {
  const { tail, reader, reads } = tailWithReader();
  for (const seq of [4, 6, 5]) tail.hint(entry(seq));
  tail.headIs(6);
  expect([reader.seqs, reads]).toEqual([[], []]);
  tail.start(4);
  tail.start(9);
  expect([reader.seqs, tail.last, reads]).toEqual([[5, 6], 6, []]);
});

it('[MSG3] reads what a gap hides, once at a time, and again when a read failed', () => {
  const { tail, reader, reads } = tailWithReader();
  tail.start(0);
  tail.hint(entry(3));
  tail.hint(entry(5));
  expect(reads).toEqual([0]);
  tail.readFailed();
  expect(reads).toEqual([0, 0]);
  tail.page([entry(1), entry(2)], 2);
  expect([reader.seqs, reads]).toEqual([
    [1, 2, 3],
    [0, 0, 3],
  ]);
  tail.page([entry(4), entry(5)], 5);
  expect([reader.seqs, reads.length]).toEqual([[1, 2, 3, 4, 5], 3]);
});

it('[MSG3] does not look without end for what was pruned or never was', () => {
  const { tail, reader, reads } = tailWithReader();
  tail.start(2);
  tail.headIs(9);
  tail.page([], 5);
  expect([tail.last, reads]).toEqual([5, [2]]);
  // A head that was told while it was read is looked for.
  tail.headIs(7);
  tail.headIs(8);
  tail.page([], 5);
  expect(reads).toEqual([2, 5, 5]);
  tail.page([entry(8)], 8);
  expect([reader.seqs, tail.last]).toEqual([[8], 8]);
});

it('[DL41] keeps at most 300 hints out of order', () => {
  const { tail } = tailWithReader();
  tail.start(0);
  for (const seq of range(1, 1000)) tail.hint(entry(seq));
  expect(tail.buffered).toBe(300);
});

it('[MSG3] is silent after its end', () => {
  const { tail, reader, reads, faults } = tailWithReader();
  tail.start(0);
  tail.add({
    entry: () => {},
    ended: () => {
      throw new Error('made up');
    },
  });
  tail.end('closed');
  tail.end('epoch');
  tail.hint(entry(1));
  tail.headIs(4);
  tail.page([entry(1)], 1);
  tail.start(0);
  expect([reader.endings, reader.seqs, reads, faults.length]).toEqual([['closed'], [], [], 1]);
});

it('[MSG3] whatever is lost, doubled or out of order, a subscriber gets each entry once and in order', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant('append' as const) },
    { weight: 3, arbitrary: fc.constant('hint' as const) },
    { weight: 2, arbitrary: fc.constant('answer' as const) },
    { weight: 1, arbitrary: fc.constantFrom('fail' as const, 'head' as const, 'join' as const) },
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(step, fc.nat(400)), { maxLength: 200, size: 'max' }),
      fc.nat(20),
      (steps, head) => {
        let last = head;
        const { tail, reader, reads } = tailWithReader();
        const readers: [Reader, number][] = [[reader, head]];
        tail.start(head);
        let answered = 0;
        const answer = () => {
          const after = reads[answered];
          if (after === undefined) return;
          answered += 1;
          tail.page(range(after, Math.min(last, after + 300)).map(entry), last);
        };
        for (const [kind, n] of steps) {
          if (kind === 'append') last += 1 + (n % 50 === 0 ? 350 : 0);
          if (kind === 'hint' && last > 0) tail.hint(entry(Math.max(1, last - (n % 7))));
          if (kind === 'answer') answer();
          if (kind === 'fail' && answered < reads.length) {
            answered += 1;
            tail.readFailed();
          }
          if (kind === 'head') tail.headIs(last);
          if (kind === 'join') {
            const late = new Reader();
            readers.push([late, tail.last]);
            tail.add(late);
          }
          expect(reads.length - answered).toBeLessThanOrEqual(1);
        }
        tail.headIs(last);
        while (answered < reads.length) answer();
        for (const [one, from] of readers) expect(one.seqs).toEqual(range(from, last));
      },
    ),
    { numRuns: 300 },
  );
});
