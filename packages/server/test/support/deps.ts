import { type Clock, systemClock } from '../../src/platform/clock.js';
import { type Log, silentLog } from '../../src/platform/log.js';

/** The real clock and no log: what most suites want. */
export function testDeps(): { clock: Clock; log: Log } {
  return { clock: systemClock, log: silentLog };
}
