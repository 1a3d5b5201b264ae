import { expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { checkClock, watchClock } from './clock-watch.js';

it("[ND35] a clock that is a minute off the database's is degraded, and warned of once until it is right again", () => {
  const clock = new ManualClock();
  const log = memoryLog();
  let offMs = 0;
  const deps = { clock, log, databaseClock: () => clock.now() - offMs };
  const stop = watchClock(deps);
  const lookAfter = (ms: number) => {
    offMs = ms;
    clock.advance(30_000);
    clock.advance(30_000);
    return checkClock(deps);
  };
  expect(lookAfter(59_000)).toEqual({ status: 'ok' });
  expect(log.lines).toEqual([]);
  const ahead = "The clock of this machine is 600 s ahead of the database's: its logs say wrong times.";
  expect(lookAfter(600_000)).toEqual({ status: 'degraded', message: ahead });
  expect(lookAfter(0)).toEqual({ status: 'ok' });
  expect(lookAfter(-600_000)).toMatchObject({ message: expect.stringContaining('600 s behind') });
  expect(log.lines.map(({ message }) => message)).toEqual([
    ahead,
    'The clock of this machine is right again',
    expect.stringContaining('behind'),
  ]);
  stop();
});
