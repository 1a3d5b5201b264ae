import type { Health } from '@bongsu/protocol';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';

interface Clocks {
  clock: Pick<Clock, 'now'>;
  databaseClock: DatabaseClock;
}

export interface ClockWatchDeps extends Clocks {
  clock: Pick<Clock, 'now' | 'every'>;
  log: Log;
}

/** More than measuring is off by. */
const WRONG_MS = 60_000;
/** The database's clock is measured as often. */
const LOOK_MS = 30_000;

/** Whether this machine's clock agrees with the database's. Nothing is decided by it, but logs and whatever else runs here go by it. */
export function checkClock({ clock, databaseClock }: Clocks): Health['checks'][string] {
  const aheadMs = clock.now() - databaseClock();
  if (Math.abs(aheadMs) < WRONG_MS) return { status: 'ok' };
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const where = aheadMs > 0 ? 'ahead of' : 'behind';
  return {
    status: 'degraded',
    message: `The clock of this machine is ${seconds} s ${where} the database's: its logs say wrong times.`,
  };
}

/** Warns once of a clock that goes wrong, now or later. @returns ends it */
export function watchClock(deps: ClockWatchDeps): () => void {
  let wasWrong = false;
  const look = () => {
    const { message } = checkClock(deps);
    const isWrong = message !== undefined;
    if (isWrong && !wasWrong) deps.log.warn({}, message);
    if (!isWrong && wasWrong) deps.log.info({}, 'The clock of this machine is right again');
    wasWrong = isWrong;
  };
  look();
  return deps.clock.every(LOOK_MS, look);
}
