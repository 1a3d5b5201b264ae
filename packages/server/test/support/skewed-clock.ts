import { type Clock, systemClock } from '../../src/platform/clock.js';

/** The database's clock is measured as often, which would set this one right. */
const RARELY_MS = 30_000;

/**
 * Real time, moved by `skewMs` for as long as it is set: what is issued meanwhile is of another time. What is done twice a minute or
 * more rarely rests meanwhile.
 */
export class SkewedClock implements Clock {
  skewMs = 0;

  now = (): number => systemClock.now() + this.skewMs;
  monotonic = (): number => systemClock.monotonic() + this.skewMs;
  after = systemClock.after;
  every: Clock['every'] = (periodMs, task) =>
    systemClock.every(periodMs, () => {
      if (periodMs < RARELY_MS || this.skewMs === 0) task();
    });
}
