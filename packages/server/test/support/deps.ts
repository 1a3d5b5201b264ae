import { type Clock, systemClock } from '../../src/platform/clock.js';
import type { Log } from '../../src/platform/log.js';

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  child: () => silentLog,
};

/** The real clock and no log: what most suites want. */
export function testDeps(): { clock: Clock; log: Log } {
  return { clock: systemClock, log: silentLog };
}
