import { ReceiptSchema, UNREADABLE_RECEIPT } from '@bongsu/protocol';
import type { InboxEntry } from './hints.js';

export type Receipt =
  | { status: 'executed' }
  /** `isGarbage`: of no known shape. */
  | { status: 'failed'; error: string; retryable: boolean; isGarbage: boolean };

/** `stray`: it names another entry. A late ack of an earlier connection may reach whatever callback has its number. */
export type CheckedReceipt = Receipt | { status: 'stray' };

/**
 * What a screen answered. Garbage counts as a failed attempt: never as executed, and not as silence either, because the callback
 * is used up and its sender should hear why the inbox stands.
 */
export function checkReceipt(answer: unknown, entry: Pick<InboxEntry, 'stream' | 'seq'>): CheckedReceipt {
  const parsed = ReceiptSchema.safeParse(answer);
  if (!parsed.success) {
    return { status: 'failed', error: UNREADABLE_RECEIPT, retryable: true, isGarbage: true };
  }
  const { data } = parsed;
  const isStray =
    (data.stream !== undefined && data.stream !== entry.stream) ||
    (data.seq !== undefined && data.seq !== entry.seq);
  if (isStray) return { status: 'stray' };
  return data.status === 'executed'
    ? { status: 'executed' }
    : { status: 'failed', error: data.error, retryable: data.retryable, isGarbage: false };
}
