import type { Clock } from '../../platform/clock.js';

/** Nobody is sent away for longer; past it turns are given out a second time. */
const LONGEST_MS = 60_000;

/**
 * Tells everybody who is turned away a time of their own, one after another at the pace of the work. Told one time for all, a thousand
 * would come back at once and be turned away again.
 */
export class Pacer {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #next = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /**
   * Milliseconds until the caller's turn.
   * @param aheadMs what those inside will take before there is room
   * @param intervalMs what one takes
   */
  turn(aheadMs: number, intervalMs: number): number {
    const now = this.#clock.monotonic();
    const next = Math.max(this.#next, now + aheadMs);
    const turn = next > now + LONGEST_MS ? now + LONGEST_MS / 2 : next;
    this.#next = turn + intervalMs;
    return Math.ceil(turn - now);
  }

  /** True when everybody's turn has come: it knows nothing any more. */
  get isIdle(): boolean {
    return this.#next <= this.#clock.monotonic();
  }
}
