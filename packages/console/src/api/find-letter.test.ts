import type { DeadLetter } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { findLetter } from './find-letter.js';

const letter = (commandId: string, at: number, requeuedAs: string | null = null) =>
  ({ commandId, at, requeuedAs, from: { userId: 'u1', username: 'Ana' } }) as DeadLetter;
const sought = { commandId: 'c', senderId: 'u1', screenId: 'scr_1', reason: undefined };

/** A server with pages of letters, newest first; counts what it was asked. */
function server(waiting: DeadLetter[][], requeued: DeadLetter[][] = [[]]) {
  const asked: string[] = [];
  return {
    asked,
    async listDeadLetters(query: { requeued: boolean; cursor?: string }) {
      const page = Number(query.cursor ?? 0);
      asked.push(`${query.requeued ? 'requeued' : 'waiting'} ${page}`);
      const pages = query.requeued ? requeued : waiting;
      return { items: pages[page] ?? [], nextCursor: page + 1 < pages.length ? String(page + 1) : null };
    },
  };
}

describe('the dead letter of a command', () => {
  it('[MSG2] is found on a later page, and among those that were requeued', async () => {
    const waits = server([[letter('a', 9)], [letter('c', 8)]]);
    expect(await findLetter(waits, sought)).toMatchObject({ commandId: 'c', requeuedAs: null });
    const again = server([[letter('a', 9)]], [[letter('c', 8, 'd')]]);
    expect(await findLetter(again, sought)).toMatchObject({ commandId: 'c', requeuedAs: 'd' });
  });

  it('[MSG2] is gone when no list holds it, and letters older than the command are not read', async () => {
    expect(await findLetter(server([[letter('a', 9)]]), sought)).toBe('gone');
    expect(await findLetter(server([[letter('c', 9)]]), { ...sought, senderId: 'u2' })).toBe('gone');
    const long = server([[letter('a', 9)], [letter('b', 4)], [letter('x', 3)]]);
    expect(await findLetter(long, { ...sought, since: 5 })).toBe('gone');
    expect(long.asked).toEqual(['waiting 0', 'waiting 1', 'requeued 0']);
  });

  it('[MSG2] is not said to be gone while letters are left unread', async () => {
    const many = server(Array.from({ length: 9 }, (_, index) => [letter('a', 100 - index)]));
    expect(await findLetter(many, sought)).toBe('unknown');
  });
});
