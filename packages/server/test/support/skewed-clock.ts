import { type Clock, systemClock } from '../../src/platform/clock.js';

/** The database's clock is measured as often, which would set this one right. */
const RARELY_MS = 30_000;
/** A clock that is put back is like one that stood still, which a node's lease finds out. */
const RENEWAL_MS = 5_000;

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
      if (this.skewMs === 0 || periodMs < (this.skewMs < 0 ? RENEWAL_MS : RARELY_MS)) task();
    });
}
