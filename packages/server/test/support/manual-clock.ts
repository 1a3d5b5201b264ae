import type { Clock } from '../../src/platform/clock.js';

interface Timer {
  dueAt: number;
  periodMs: number | undefined;
  task: () => void;
}

/** A clock that stands still until a test moves it. Timers run in the order in which they are due. */
export class ManualClock implements Clock {
  #now: number;
  readonly #startedAt: number;
  readonly #timers = new Set<Timer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
    this.#startedAt = startMs;
  }

  now = (): number => this.#now;
  monotonic = (): number => this.#now - this.#startedAt;

  after(delayMs: number, task: () => void): () => void {
    return this.#add({ dueAt: this.#now + Math.max(0, delayMs), periodMs: undefined, task });
  }

  every(periodMs: number, task: () => void): () => void {
    return this.#add({ dueAt: this.#now + periodMs, periodMs, task });
  }

  /** How many timers are armed. */
  get timers(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (let timer = this.#nextUntil(end); timer; timer = this.#nextUntil(end)) {
      this.#now = timer.dueAt;
      if (timer.periodMs === undefined) this.#timers.delete(timer);
      else timer.dueAt += timer.periodMs;
      timer.task();
    }
    this.#now = end;
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt <= end && (next === undefined || timer.dueAt < next.dueAt)) next = timer;
    }
    return next;
  }
}
