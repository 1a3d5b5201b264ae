import { ReceiptSchema } from '@bongsu/protocol';
import type { InboxEntry } from './hints.js';

/** `stray`: it names another entry. A late ack of an earlier connection may reach whatever callback has its number. */
export type CheckedReceipt =
  | { status: 'executed' }
  | { status: 'failed'; error: string; isGarbage: boolean }
  | { status: 'stray' };

/**
 * What a screen answered. Garbage counts as a failed attempt: never as executed, and not as silence either, because the callback
 * is used up and its sender should hear why the inbox stands.
 */
export function checkReceipt(answer: unknown, entry: Pick<InboxEntry, 'stream' | 'seq'>): CheckedReceipt {
  const parsed = ReceiptSchema.safeParse(answer);
  if (!parsed.success) return { status: 'failed', error: 'The receipt was not valid.', isGarbage: true };
  const { data } = parsed;
  const isStray =
    (data.stream !== undefined && data.stream !== entry.stream) ||
    (data.seq !== undefined && data.seq !== entry.seq);
  if (isStray) return { status: 'stray' };
  return data.status === 'executed'
    ? { status: 'executed' }
    : { status: 'failed', error: data.error, isGarbage: false };
}
