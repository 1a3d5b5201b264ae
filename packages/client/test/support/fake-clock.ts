import type { Clock } from '../../src/clock.js';

/** Time that stands still until it is moved. */
export class FakeClock implements Clock {
  time = 1_000_000;
  /** Every wait that was asked for, in milliseconds. */
  readonly delays: number[] = [];
  private timers: { at: number; task: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { at: this.time + delayMs, task };
    this.delays.push(delayMs);
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** The machine sleeps: time goes on, timers do not. */
  sleep(ms: number): void {
    this.time += ms;
    for (const timer of this.timers) timer.at += ms;
  }

  /** Runs what falls due on the way, in order. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.time = Math.max(this.time, next.at);
      next.task();
    }
    this.time = end;
  }
}
