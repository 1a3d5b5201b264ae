import type pg from 'pg';
import type { Clock } from '../clock.js';

/** So soon it is tried again to have more. */
const MAKE_DO_MS = 5_000;

/**
 * How many connections a pool may have. A server that gives no more makes it smaller for a while: then whoever waits gets one of those
 * that there are when it is free, instead of asking the server again and again.
 */
export class PoolRoom {
  #open = 0;
  #isSmaller = false;

  constructor(
    private readonly pool: pg.Pool,
    private readonly clock: Clock,
  ) {
    pool.on('connect', () => {
      this.#open += 1;
    });
    pool.on('remove', () => {
      this.#open -= 1;
    });
  }

  /** The server refused one more. False when there is none. */
  makeDo(): boolean {
    if (this.#open <= 0) return false;
    const { options } = this.pool;
    const most = options.max;
    options.max = Math.min(most, this.#open);
    if (!this.#isSmaller)
      this.clock.after(MAKE_DO_MS, () => {
        options.max = most;
        this.#isSmaller = false;
      });
    this.#isSmaller = true;
    return true;
  }
}
