import { jittered, reconnectDelayMs } from './backoff.js';
import type { Clock } from './clock.js';

/** Commands under way at once: to begin with, and at most. */
const FIRST_WINDOW = 16;
const LARGEST_WINDOW = 64;
/** How many are accepted for one more to be under way. */
const ACCEPTED_FOR_ONE_MORE = 16;
/** What a RATE_LIMIT leaves of the window. */
const LEFT_BY_REFUSAL = 1 / 4;

/**
 * How many commands may be under way. A RATE_LIMIT stops all: they go on once its time is over and what was under way
 * is answered, fewer at once, so that neither order nor transmissions are lost to the limit.
 */
export class Pace {
  private window = FIRST_WINDOW;
  private isStopped = false;
  /** Refusals in a row that stopped it. */
  private stops = 0;
  private until = 0;
  private cancelTimer: (() => void) | undefined;

  constructor(
    private readonly options: {
      clock: Clock;
      random: () => number;
      /** The time of a stop is over. */
      onTimeOver: () => void;
    },
  ) {}

  /** May one more go? `unanswered` are those of `underWay` that are on the wire. */
  admits(underWay: number, unanswered: number): boolean {
    if (this.isStopped && (this.cancelTimer || unanswered > 0)) return false;
    this.isStopped = false;
    return underWay < Math.floor(this.window);
  }

  onAccepted(): void {
    this.stops = 0;
    this.window = Math.min(LARGEST_WINDOW, this.window + 1 / ACCEPTED_FOR_ONE_MORE);
  }

  /** One was refused with RATE_LIMIT; more of those under way may follow. */
  onRefused(retryAfterMs: number): void {
    const { clock, random } = this.options;
    if (this.isStopped) {
      this.stopUntil(clock.now() + retryAfterMs);
      return;
    }
    this.isStopped = true;
    this.window = Math.max(1, this.window * LEFT_BY_REFUSAL);
    this.stopUntil(clock.now() + retryAfterMs + jittered(reconnectDelayMs(this.stops), random()));
    this.stops += 1;
  }

  private stopUntil(time: number): void {
    if (this.cancelTimer && time <= this.until) return;
    this.until = time;
    this.cancelTimer?.();
    const { clock, onTimeOver } = this.options;
    const onTimer = () => {
      this.cancelTimer = undefined;
      onTimeOver();
    };
    // What waits has a timer of its own, that of its end, which keeps the process alive.
    this.cancelTimer = clock.after(time - clock.now(), onTimer, { background: true });
  }
}
