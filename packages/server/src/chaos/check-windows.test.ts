import { describe, expect, it } from 'vitest';
import { checkWindows } from './check-windows.js';
import type { ScreenEvent } from './history.js';

const own = { screen: 's', socket: '1', stream: 'screen:s' };
const open: ScreenEvent = { kind: 'open', screen: 's', socket: '1', epoch: 'e', recovered: true, window: 3 };
const got = (seq: number, prev = 0): ScreenEvent => ({
  ...{ kind: 'got', ...own, id: `c${seq}`, seq, prev, attempt: 1, epoch: 'e' },
});
const answer = (seq: number, status: 'executed' | 'failed' = 'executed'): ScreenEvent => ({
  ...{ kind: 'answer', ...own, id: `c${seq}`, seq, status, retryable: true },
});
/** An event a millisecond; a number waits. */
function judge(...events: (ScreenEvent | number)[]): string[] {
  let at = 0;
  const records = events.flatMap((event) => {
    at += typeof event === 'number' ? event : 1;
    return typeof event === 'number' ? [] : [{ ...event, at }];
  });
  return checkWindows(records).map(({ subject }) => subject);
}
const full = [open, got(1), got(2, 1), got(3, 2)];

describe('[MSG5] the window of a socket', () => {
  it('is what was announced', () => {
    expect(judge(...full)).toEqual([]);
    expect(judge(...full, got(4, 3))).toEqual(['c4']);
    expect(judge(...full, answer(1), got(4, 3))).toEqual([]);
    expect(judge(got(1), got(2))).toEqual(['c2']);
  });

  it('is emptied by a failure, also of what was sent before the server heard of it', () => {
    const failed = [...full, answer(1), answer(2, 'failed'), got(4, 3)];
    expect(judge(...failed, got(2), got(3, 2), got(4, 3))).toEqual([]);
    expect(judge(...failed, got(2), got(3, 2), got(4, 3), got(5, 4))).toEqual(['c5']);
    // It is dead, and what followed it has ended, too: nothing of it comes again.
    expect(judge(...failed, got(5), got(6, 5), got(7, 6))).toEqual([]);
  });

  it('is emptied by a silence', () => {
    expect(judge(...full, 1000, got(2), got(3, 2), got(4, 3))).toEqual([]);
    expect(judge(...full, 1000, got(4), got(5, 4), got(6, 5))).toEqual([]);
  });
});
