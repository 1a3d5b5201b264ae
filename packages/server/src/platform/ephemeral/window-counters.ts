import type { Clock } from '../clock.js';
import type { CounterState } from './ephemeral.js';
import { ExpiringMap } from './expiring-map.js';

/** Counters of one process, each with a window that starts with its first count. Bounded. */
export class WindowCounters {
  readonly #counts: ExpiringMap<number>;

  constructor(clock: Pick<Clock, 'monotonic'>, maxCounters: number) {
    this.#counts = new ExpiringMap(clock, maxCounters);
  }

  /** See `Ephemeral.count`. */
  count(key: string, windowMs: number, by = 1): CounterState {
    const id = counterId(key, windowMs);
    const before = this.#counts.get(id);
    const count = Math.max(0, (before ?? 0) + by);
    if (before === undefined) {
      if (by > 0) this.#counts.set(id, count, windowMs);
    } else {
      this.#counts.update(id, count);
    }
    return { count, resetMs: Math.ceil(this.#counts.remainingMs(id)) };
  }

  sweep(): void {
    this.#counts.sweep();
  }

  clear(): void {
    this.#counts.clear();
  }

  get size(): number {
    return this.#counts.size;
  }

  get evicted(): number {
    return this.#counts.evicted;
  }
}

/** One key under two windows is two counters. */
function counterId(key: string, windowMs: number): string {
  return `${windowMs}:${key}`;
}
