import type { InboxEntry } from '../../src/commands/hints.js';

/** A trigger that never expires. */
export function entry(seq: number, fields: Partial<InboxEntry> = {}): InboxEntry {
  return {
    stream: 'screen:scr_a',
    seq,
    id: `id-${seq}`,
    type: 'trigger',
    fields: {},
    bytes: 10,
    acceptedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    sender: { userId: 'u', username: 'Ada' },
    notify: 'all',
    settled: false,
    failed: 0,
    lost: 0,
    ...fields,
  };
}

export function navigateEntry(seq: number, displayIndex?: number, bytes = 10): InboxEntry {
  return entry(seq, { type: 'navigate', bytes, fields: { url: `/${seq}`, displayIndex } });
}
