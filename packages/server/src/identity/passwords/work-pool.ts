import { BongsuError } from '@bongsu/protocol';
import type { Clock } from '../../platform/clock.js';
import { Pacer } from './pacer.js';

interface Waiter {
  start(): void;
}

const SHORTEST_RETRY_MS = 100;
const FIRST_GUESS_MS = 50;
/** Weight of the newest measurement in the running mean. */
const NEWEST = 0.1;

/** Runs a bounded number of tasks at once, in order, with a bounded queue; past it BUSY tells each when to come. */
export class WorkPool {
  readonly #concurrency: number;
  readonly #maxQueued: number;
  readonly #waiters = new Set<Waiter>();
  #running = 0;
  #meanMs = FIRST_GUESS_MS;

  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #pacer: Pacer;

  constructor(concurrency: number, maxQueued: number, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#pacer = new Pacer(clock);
    this.#concurrency = concurrency;
    this.#maxQueued = maxQueued;
  }

  get queued(): number {
    return this.#waiters.size;
  }

  /** Milliseconds from one finished task to the next while there is enough to do, as measured. */
  get paceMs(): number {
    return this.#meanMs / this.#concurrency;
  }

  /** @throws BUSY when the queue is full; the signal's reason when aborted while waiting */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#running >= this.#concurrency) await this.#turn(signal);
    else this.#running += 1;
    const started = this.#clock.monotonic();
    try {
      return await task();
    } finally {
      this.#meanMs += NEWEST * (this.#clock.monotonic() - started - this.#meanMs);
      this.#next();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiters.size >= this.#maxQueued) {
      const drainMs = Math.max(SHORTEST_RETRY_MS, this.#waiters.size * this.paceMs);
      throw new BongsuError('BUSY', { retryAfterMs: this.#pacer.turn(drainMs, this.paceMs) });
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const waiter = {
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** The place of a finished task passes straight to the first in the queue. */
  #next(): void {
    const [first] = this.#waiters;
    if (!first) {
      this.#running -= 1;
      return;
    }
    this.#waiters.delete(first);
    first.start();
  }
}
