import { expect, it } from 'vitest';
import { checkReceipt } from './receipts.js';

const entry = { stream: 'screen:scr_a', seq: 4 };

it('[DL20] takes executed and failed, with their place or without', () => {
  expect(checkReceipt({ status: 'executed' }, entry)).toEqual({ status: 'executed' });
  expect(checkReceipt({ status: 'executed', ...entry }, entry)).toEqual({ status: 'executed' });
  expect(checkReceipt({ status: 'failed', error: 'x'.repeat(600) }, entry)).toEqual({
    status: 'failed',
    error: 'x'.repeat(500),
    retryable: true,
    isGarbage: false,
  });
  expect(checkReceipt({ status: 'failed', retryable: false }, entry)).toMatchObject({ retryable: false });
});

it.each([undefined, null, 'executed', 1, [], {}, { status: 'done' }, { status: 'executed', seq: 'x' }])(
  '[DL20] %j is a failed attempt, never an execution',
  (answer) => {
    expect(checkReceipt(answer, entry)).toMatchObject({ status: 'failed', isGarbage: true });
  },
);

it('[DL20] a receipt of another entry is none', () => {
  expect(checkReceipt({ status: 'executed', seq: 3 }, entry)).toEqual({ status: 'stray' });
  expect(checkReceipt({ status: 'executed', stream: 'screen:scr_b' }, entry)).toEqual({ status: 'stray' });
});
