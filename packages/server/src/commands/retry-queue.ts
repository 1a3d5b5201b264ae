import type { Clock, DatabaseClock } from '../platform/clock.js';

export interface RetryQueueDeps {
  clock: Clock;
  databaseClock: DatabaseClock;
  /** 0 to 1, as Math.random. */
  random(): number;
}

interface Waiting {
  dueAt: number;
  run: () => void;
  cancel: () => void;
}

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 32_000;

/**
 * Entries that failed, until they are due again. The due time is in SQL with the count of failures; what is here is one timer an
 * inbox, at the node that owns its screen, armed anew from what was read whenever a screen connects. So it survives restarts.
 */
export class RetryQueue<Key> {
  readonly #deps: RetryQueueDeps;
  readonly #waiting = new Map<Key, Waiting>();

  constructor(deps: RetryQueueDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** When an entry that failed so many times is due again, database clock: 1, 2, 4 … 32 s, half of it at random. */
  dueAt(failed: number): number {
    const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, failed - 1));
    return Math.round(this.#deps.databaseClock() + delayMs / 2 + (this.#deps.random() * delayMs) / 2);
  }

  /** Runs once at `dueAt`, database clock, and replaces what the key waited for. Never runs before it returns. */
  enqueue(key: Key, dueAt: number, run: () => void): void {
    this.remove(key);
    const waiting: Waiting = { dueAt, run, cancel: () => {} };
    this.#waiting.set(key, waiting);
    this.#arm(key, waiting);
  }

  remove(key: Key): void {
    this.#waiting.get(key)?.cancel();
    this.#waiting.delete(key);
  }

  #arm(key: Key, waiting: Waiting): void {
    const delayMs = Math.max(0, waiting.dueAt - this.#deps.databaseClock());
    waiting.cancel = this.#deps.clock.after(delayMs, () => this.retry(key, waiting));
  }

  private retry(key: Key, waiting: Waiting): void {
    // The database's clock may have been measured anew meanwhile, and a timer has an end.
    if (waiting.dueAt > this.#deps.databaseClock()) {
      this.#arm(key, waiting);
      return;
    }
    this.#waiting.delete(key);
    waiting.run();
  }
}
