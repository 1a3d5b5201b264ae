import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../test/support/manual-clock.js';
import { Lifecycle, StopError } from './lifecycle.js';
import { silentLog } from './platform/log.js';

let clock: ManualClock;
let lifecycle: Lifecycle;
let events: string[];
const never = () => new Promise<void>(() => {});
/** A step whose undo never ends, and when that has begun. */
function hanging(onAbort = () => {}) {
  let enter = () => {};
  const entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const undo = (_: unknown, signal: AbortSignal) => {
    signal.addEventListener('abort', onAbort);
    enter();
    return never();
  };
  return { entered, undo };
}
const record = (name: string) => () => {
  events.push(name);
};

beforeEach(() => {
  clock = new ManualClock();
  lifecycle = new Lifecycle({ clock, log: silentLog });
  events = [];
});

describe('stop', () => {
  it('[SIG10] undoes in reverse order, each with what its start resolved to', async () => {
    for (const name of ['database', 'gateway']) {
      await lifecycle.step(
        name,
        async () => name,
        (value) => record(value)(),
      );
    }
    await lifecycle.stop(1000);
    expect(events).toEqual(['gateway', 'database']);
  });

  it('[SIG10] is one promise for all who ask', async () => {
    await lifecycle.step('a', () => {}, record('a'));
    expect(lifecycle.stop(1000)).toBe(lifecycle.stop(5));
    await lifecycle.stop(1000);
    expect(events).toEqual(['a']);
  });

  it('[SIG10] names the step that hung and goes on with the others', async () => {
    await lifecycle.step('database', () => {}, record('database'));
    const { entered, undo } = hanging();
    await lifecycle.step('gateway', () => {}, undo);
    const stopped = lifecycle.stop(1000).catch((error: unknown) => error);
    await entered;
    clock.advance(1000);
    const error = await stopped;
    expect(error).toBeInstanceOf(StopError);
    expect(error).toMatchObject({ hung: ['gateway'], message: expect.stringContaining('"gateway"') });
    expect(events).toEqual(['database']);
  });

  it('[SIG10] tells a step that its time is over', async () => {
    const { entered, undo } = hanging(record('aborted'));
    await lifecycle.step('gateway', () => {}, undo);
    const stopped = lifecycle.stop(1000).catch(() => {});
    await entered;
    clock.advance(1000);
    await stopped;
    expect(events).toEqual(['aborted']);
  });

  it('[SIG10] a step that fails to stop does not keep the others from it', async () => {
    const cause = new Error('disk');
    await lifecycle.step('database', () => {}, record('database'));
    await lifecycle.step(
      'gateway',
      () => {},
      () => Promise.reject(cause),
    );
    await expect(lifecycle.stop(1000)).rejects.toMatchObject({
      failed: [{ step: 'gateway', error: cause }],
      cause,
    });
    expect(events).toEqual(['database']);
  });
});

describe('a half-started app', () => {
  it('[SIG10] a failed start leaves what was started to be stopped', async () => {
    await lifecycle.step('database', () => {}, record('database'));
    await expect(
      lifecycle.step('gateway', () => Promise.reject(new Error('port')), record('gateway')),
    ).rejects.toThrow('port');
    await lifecycle.stop(1000);
    expect(events).toEqual(['database']);
  });

  it('[SIG10] a stop in the midst of a start waits for the step and undoes it', async () => {
    let finish = () => {};
    const starting = lifecycle.step(
      'database',
      () => new Promise<void>((resolve) => (finish = resolve)),
      record('database'),
    );
    const stopped = lifecycle.stop(1000);
    finish();
    await Promise.all([starting, stopped]);
    expect(events).toEqual(['database']);
  });

  it('[SIG10] no step starts after a stop was asked for', async () => {
    await lifecycle.stop(1000);
    await expect(lifecycle.step('late', record('late'))).rejects.toMatchObject({ name: 'AbortError' });
    expect(events).toEqual([]);
  });
});
