import type { InboxEntry } from './hints.js';

/**
 * Latest wins: a navigate is superseded by a later one to the same display that is not over, with no trigger between them.
 * `unknown`: the run of navigates reaches the end of what was read, so what follows may still supersede it.
 * @param slots the navigate in question first
 */
export function isSuperseded(
  slots: Iterable<{ entry: InboxEntry; isPending: boolean }>,
  now: number,
): 'superseded' | 'stands' | 'unknown' {
  let display: number | undefined;
  for (const { entry, isPending } of slots) {
    if (entry.type !== 'navigate') return 'stands';
    if (display === undefined) display = displayOf(entry);
    else if (isPending && entry.expiresAt > now && displayOf(entry) === display) return 'superseded';
  }
  return 'unknown';
}

export function displayOf({ fields }: InboxEntry): number {
  return (fields as { displayIndex?: number }).displayIndex ?? 0;
}

/** Of a navigate. */
export function urlOf({ fields }: InboxEntry): string {
  return (fields as { url: string }).url;
}
