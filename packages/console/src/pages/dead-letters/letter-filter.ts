import type { DeadLetterStats, DeadReason } from '@bongsu/protocol';

/** In the order in which they tell most: what a screen did, then what happened to it. */
export const DEAD_REASONS = [
  'exhausted',
  'rejected',
  'no-receipt',
  'lost',
  'overflow',
] as const satisfies DeadReason[];

export interface LetterFilter {
  screenId?: string;
  reason?: DeadReason;
}

/** A reason out of the address bar, where anything may stand. */
export function toReason(value: unknown): DeadReason | undefined {
  return DEAD_REASONS.find((reason) => reason === value);
}

/**
 * How many waiting letters a filter means. The server counts by screen and by reason but not by both; then what is
 * loaded is counted, which is `exact` once all are.
 */
export function howMany(
  { screenId, reason }: LetterFilter,
  stats: DeadLetterStats,
  loaded: { count: number; all: boolean },
): { count: number; exact: boolean } {
  if (screenId !== undefined && reason !== undefined) return { count: loaded.count, exact: loaded.all };
  if (screenId !== undefined) return { count: stats.byScreen[screenId] ?? 0, exact: true };
  if (reason !== undefined) return { count: stats.byReason[reason] ?? 0, exact: true };
  return { count: stats.total, exact: true };
}
