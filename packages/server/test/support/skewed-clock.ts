import { type Clock, systemClock } from '../../src/platform/clock.js';

/** Real time, moved by `skewMs` for as long as it is set: what is issued meanwhile is of another time. */
export class SkewedClock implements Clock {
  skewMs = 0;

  now = (): number => systemClock.now() + this.skewMs;
  monotonic = (): number => systemClock.monotonic() + this.skewMs;
  after = systemClock.after;
  every = systemClock.every;
}
