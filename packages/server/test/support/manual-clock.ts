import type { Clock } from '../../src/platform/clock.js';

interface Timer {
  at: number;
  periodMs: number | undefined;
  task: () => void;
}

/** A clock that stands still until it is moved; due tasks run in the order of their times. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(start = 1_800_000_000_000) {
    this.#now = start;
  }

  now = (): number => this.#now;
  monotonic = (): number => this.#now;

  after = (delayMs: number, task: () => void): (() => void) => this.#add(delayMs, undefined, task);
  every = (periodMs: number, task: () => void): (() => void) => this.#add(periodMs, periodMs, task);

  get pending(): number {
    return this.#timers.size;
  }

  /** True when something is due at that very time. */
  pendingAt(time: number): boolean {
    return [...this.#timers].some(({ at }) => at === time);
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (let due = this.#nextDue(end); due; due = this.#nextDue(end)) {
      this.#now = Math.max(this.#now, due.at);
      if (due.periodMs === undefined) this.#timers.delete(due);
      else due.at += due.periodMs;
      due.task();
    }
    this.#now = end;
  }

  #add(delayMs: number, periodMs: number | undefined, task: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, delayMs), periodMs, task };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #nextDue(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    return next;
  }
}
