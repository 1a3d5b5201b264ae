import type { Clock, DatabaseClock } from '../platform/clock.js';

/**
 * Calls back when a time has come, for very many keys: one timer for all of them instead of one each, because ten thousand idle
 * connections should not cost ten thousand timers. Precision is one second.
 */
export class ExpiryWatch<Key> {
  readonly #buckets = new Map<number, Map<Key, () => void>>();
  readonly #places = new Map<Key, number>();
  readonly #now: DatabaseClock;
  readonly #stop: () => void;
  #lastSecond: number;

  constructor(clock: Clock, now: DatabaseClock) {
    this.#now = now;
    this.#lastSecond = Math.floor(now() / 1000);
    this.#stop = clock.every(1000, () => this.#sweep());
  }

  /** Runs `task` at `at` (milliseconds, database clock), in place of what was set for `key` before. */
  set(key: Key, at: number, task: () => void): void {
    this.delete(key);
    const second = Math.max(Math.ceil(at / 1000), this.#lastSecond + 1);
    const bucket = this.#buckets.get(second) ?? new Map<Key, () => void>();
    bucket.set(key, task);
    this.#buckets.set(second, bucket);
    this.#places.set(key, second);
  }

  delete(key: Key): void {
    const second = this.#places.get(key);
    if (second === undefined) return;
    this.#places.delete(key);
    const bucket = this.#buckets.get(second);
    bucket?.delete(key);
    if (bucket?.size === 0) this.#buckets.delete(second);
  }

  get size(): number {
    return this.#places.size;
  }

  stop(): void {
    this.#stop();
    this.#buckets.clear();
    this.#places.clear();
  }

  #sweep(): void {
    const second = Math.floor(this.#now() / 1000);
    for (; this.#lastSecond < second; this.#lastSecond += 1) {
      const bucket = this.#buckets.get(this.#lastSecond + 1);
      if (!bucket) continue;
      this.#buckets.delete(this.#lastSecond + 1);
      for (const [key, task] of bucket) {
        this.#places.delete(key);
        task();
      }
    }
  }
}
