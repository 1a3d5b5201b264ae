import { describe, expect, it } from 'vitest';
import { answeredForCertain } from './answered-for-certain.js';
import type { ScreenEvent, ScreenRecord } from './history.js';

const own = { screen: 's', stream: 'screen:s', epoch: 'e1' };
const open = (socket: string, window: number, resumeSeq?: number): ScreenEvent => {
  const resume = resumeSeq === undefined ? {} : { resumeEpoch: 'e1', resumeSeq };
  return { kind: 'open', screen: 's', socket, epoch: 'e1', recovered: true, window, ...resume };
};
const got = (seq: number, socket = '1'): ScreenEvent => ({
  ...{ kind: 'got', ...own, socket, seq, id: `c${seq}`, prev: 0, attempt: 1 },
});
const answer = (seq: number, status: 'executed' | 'failed' = 'executed'): ScreenEvent => ({
  ...{ kind: 'answer', ...own, socket: '1', seq, id: `c${seq}`, status, retryable: true },
});
const certain = (...events: ScreenEvent[]) => [
  ...answeredForCertain([events.map((event, at): ScreenRecord => ({ ...event, at }))]).keys(),
];

describe('[MSG5] what was answered for certain', () => {
  it('is what more entries than fit in the window came behind', () => {
    expect(certain(open('1', 1), got(1), answer(1))).toEqual([]);
    expect(certain(open('1', 1), got(1), answer(1), got(2))).toEqual(['c1']);
    expect(certain(open('1', 2), got(1), answer(1), got(2))).toEqual([]);
    expect(certain(open('1', 2), got(1), answer(1), got(2), got(3))).toEqual(['c1']);
  });

  it('is no failure, and nothing of a socket on which nothing followed', () => {
    expect(certain(open('1', 1), got(1), answer(1, 'failed'), got(2))).toEqual([]);
    expect(certain(open('1', 1), got(1), answer(1), open('2', 1), got(2, '2'))).toEqual([]);
  });

  it('is uncertain again when the next connection resumes from before it', () => {
    const heard = [open('1', 1), got(1), answer(1), got(2)];
    expect(certain(...heard, open('2', 1))).toEqual([]);
    expect(certain(...heard, open('2', 1, 0))).toEqual([]);
    expect(certain(...heard, open('2', 1, 1))).toEqual(['c1']);
  });
});
