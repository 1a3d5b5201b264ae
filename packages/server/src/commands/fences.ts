import type { ClosingKey } from '@bongsu/protocol';

const WINDOW_MS = 60_000;
const REPLACEMENTS_ALLOWED = 3;

/** Who took the screen. */
export interface Newer {
  instanceId: string | null;
  /** It was connected after it took the fence. The holder in a row may be dead by now. */
  isConfirmed: boolean;
}

/**
 * How the older of two connections of one screen is closed. Two instances are two devices with one credential: the older one stays
 * away once the newer is known to live. The same instance comes back by itself. Where that is not known, the fourth time within 60 s
 * is final: two that take turns must come to an end.
 */
export class Replacements {
  readonly #times = new Map<string, number[]>();

  /** @param now milliseconds, monotonic */
  closingFor(screenId: string, older: string | undefined, newer: Newer, now: number): ClosingKey {
    if (older !== undefined && newer.instanceId !== null) {
      if (older === newer.instanceId) return 'REPLACED_BY_SELF';
      if (newer.isConfirmed) return 'REPLACED_BY_OTHER';
    }
    const recent = (this.#times.get(screenId) ?? []).filter((time) => time > now - WINDOW_MS);
    recent.push(now);
    this.#times.set(screenId, recent);
    return recent.length > REPLACEMENTS_ALLOWED ? 'REPLACED_BY_OTHER' : 'REPLACED_BY_SELF';
  }

  /** Forgets screens that were quiet for the window. */
  sweep(now: number): void {
    for (const [screenId, times] of this.#times) {
      if ((times.at(-1) ?? 0) <= now - WINDOW_MS) this.#times.delete(screenId);
    }
  }

  get size(): number {
    return this.#times.size;
  }
}
