import { type Clock, systemClock } from '../../src/platform/clock.js';

interface Timer {
  at: number;
  task: () => void;
  cancel: () => void;
}

/** Real time that a test moves on: what falls due on the way runs at once, in order. */
export class LeapingClock implements Clock {
  #aheadMs = 0;
  readonly #timers = new Set<Timer>();

  now = (): number => systemClock.now() + this.#aheadMs;
  monotonic = (): number => systemClock.monotonic() + this.#aheadMs;

  after = (delayMs: number, task: () => void): (() => void) => {
    const timer: Timer = { at: this.monotonic() + delayMs, task, cancel: () => {} };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => this.#drop(timer);
  };

  every = (periodMs: number, task: () => void): (() => void) => {
    let stop = () => {};
    const next = () => {
      stop = this.after(periodMs, () => {
        next();
        task();
      });
    };
    next();
    return () => stop();
  };

  leap(ms: number): void {
    const end = this.monotonic() + ms;
    for (let due = this.#firstUntil(end); due; due = this.#firstUntil(end)) {
      this.#aheadMs += Math.max(0, due.at - this.monotonic());
      this.#drop(due);
      due.task();
    }
    this.#aheadMs += Math.max(0, end - this.monotonic());
    for (const timer of this.#timers) this.#arm(timer);
  }

  #firstUntil(end: number): Timer | undefined {
    return [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }

  #arm(timer: Timer): void {
    timer.cancel();
    timer.cancel = systemClock.after(timer.at - this.monotonic(), () => {
      this.#drop(timer);
      timer.task();
    });
  }

  #drop(timer: Timer): void {
    timer.cancel();
    this.#timers.delete(timer);
  }
}
