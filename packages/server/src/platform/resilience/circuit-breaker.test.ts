import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { Metrics } from '../metrics.js';
import { Breakers } from './breakers.js';
import {
  type BreakerState,
  CircuitBreaker,
  type CircuitBreakerOptions,
  CircuitOpenError,
  retryAfterOf,
  type Verdict,
} from './circuit-breaker.js';

class Fault extends Error {
  constructor(readonly verdict: Verdict) {
    super(verdict);
  }
}

const judge = (error: unknown): Verdict => (error instanceof Fault ? error.verdict : 'nothing');
const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A call that ends when it is told to. */
function held() {
  let end: (verdict: Verdict | 'success') => void = () => {};
  const ended = new Promise<string>((resolve, reject) => {
    end = (verdict) => (verdict === 'success' ? resolve('value') : reject(new Fault(verdict)));
  });
  return { work: () => ended, end };
}

function setUp(options: Partial<CircuitBreakerOptions> = {}) {
  const clock = new ManualClock();
  const breaker = new CircuitBreaker({ name: 'test', judge, pauseMs: 1000, clock, ...options });
  const fail = (verdict: Verdict = 'failure') =>
    expect(breaker.execute(() => Promise.reject(new Fault(verdict)))).rejects.toBeInstanceOf(Fault);
  const open = async () => {
    for (let n = 0; n < 5; n += 1) await fail();
  };
  return { clock, breaker, fail, open };
}

describe('CircuitBreaker', () => {
  it('[DL72] opens after five failures in a row, and then calls nothing and says when to come again', async () => {
    const { clock, breaker, fail } = setUp();
    for (let n = 0; n < 4; n += 1) await fail();
    expect(breaker.state).toBe('CLOSED');
    await fail();
    expect(breaker.state).toBe('OPEN');
    clock.advance(400);
    let called = false;
    const refused = breaker.execute(async () => {
      called = true;
    });
    const error = await refused.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(retryAfterOf(new Error('outer', { cause: error }))).toBe(600);
    expect(called).toBe(false);
  });

  it('[DL72] does not count what says nothing about health, and an answer ends a row of failures', async () => {
    const { breaker, fail } = setUp();
    for (let n = 0; n < 20; n += 1) await fail('nothing');
    for (let n = 0; n < 20; n += 1) await fail('answer');
    for (let n = 0; n < 4; n += 1) await fail();
    await fail('nothing');
    expect(breaker.state).toBe('CLOSED');
    await fail('answer');
    for (let n = 0; n < 4; n += 1) await fail();
    await breaker.execute(async () => 1);
    for (let n = 0; n < 4; n += 1) await fail();
    expect(breaker.state).toBe('CLOSED');
    await fail();
    expect(breaker.state).toBe('OPEN');
  });

  it('[DL73] is probed in the background, with nobody calling, and closes when the probe is answered', async () => {
    const probes: ReturnType<typeof held>[] = [];
    const probe = () => {
      const next = held();
      probes.push(next);
      return next.work();
    };
    const { clock, breaker, open } = setUp({ probe });
    await open();
    clock.advance(999);
    expect(probes).toHaveLength(0);
    clock.advance(1);
    expect([probes.length, breaker.state]).toEqual([1, 'HALF_OPEN']);
    // Nobody waits for the probe.
    await expect(breaker.execute(async () => 1)).rejects.toBeInstanceOf(CircuitOpenError);
    probes[0]?.end('failure');
    await flush();
    expect(breaker.state).toBe('OPEN');
    clock.advance(1000);
    probes[1]?.end('success');
    await flush();
    expect(breaker.state).toBe('CLOSED');
    expect(await breaker.execute(async () => 7)).toBe(7);
    expect(clock.pending).toBe(0);
  });

  it('[DL73] a probe that is answered no closes it: who answers is well', async () => {
    const { clock, breaker, open } = setUp({ probe: () => Promise.reject(new Fault('answer')) });
    await open();
    clock.advance(1000);
    await flush();
    expect(breaker.state).toBe('CLOSED');
  });

  it('[DL73] stopped before its probe was due it stays open, and says to come at once', async () => {
    const { clock, breaker, open } = setUp({ probe: async () => 1 });
    await open();
    breaker.stop();
    clock.advance(5000);
    await flush();
    expect([breaker.state, breaker.refusesForMs()]).toEqual(['OPEN', 1]);
  });

  it('[DL72] an error of what judges the errors is not hidden', async () => {
    const broken = new Error('cannot judge');
    const { breaker } = setUp({
      judge: () => {
        throw broken;
      },
    });
    await expect(breaker.execute(() => Promise.reject(new Fault('failure')))).rejects.toBe(broken);
    expect(breaker.state).toBe('CLOSED');
  });

  it('[DL73] takes a probe that hangs for a failed one', async () => {
    let probes = 0;
    const probe = () => {
      probes += 1;
      return new Promise<never>(() => {});
    };
    const { clock, breaker, open } = setUp({ probe });
    await open();
    clock.advance(1000);
    clock.advance(2000);
    await flush();
    expect([probes, breaker.state]).toEqual([1, 'OPEN']);
    clock.advance(1000);
    expect(probes).toBe(2);
    breaker.stop();
    await flush();
    expect(clock.pending).toBe(0);
  });

  it('[DL73] without a probe the first call after the pause is the try, alone and with its own signal', async () => {
    const { clock, breaker, open } = setUp();
    await open();
    clock.advance(1000);
    const tried = held();
    const caller = new AbortController();
    let seen: AbortSignal | undefined;
    const first = breaker.execute((signal) => {
      seen = signal;
      return tried.work();
    }, caller.signal);
    expect(seen).toBe(caller.signal);
    await expect(breaker.execute(async () => 1)).rejects.toBeInstanceOf(CircuitOpenError);
    tried.end('answer');
    await expect(first).rejects.toBeInstanceOf(Fault);
    expect(breaker.state).toBe('CLOSED');
  });

  it('[DL73] a try that its caller gave up says nothing, so the next one is the try', async () => {
    const { clock, breaker, open, fail } = setUp({ longestPauseMs: 60_000 });
    await open();
    clock.advance(1000);
    await fail('nothing');
    expect([breaker.state, breaker.refusesForMs()]).toEqual(['OPEN', 1000]);
  });

  it('[DL73] pauses grow to their longest, and begin anew after it closed', async () => {
    const { clock, breaker, open, fail } = setUp({ pauseMs: 10_000, longestPauseMs: 60_000 });
    await open();
    const pauses: (number | undefined)[] = [];
    for (let n = 0; n < 5; n += 1) {
      const pauseMs = breaker.refusesForMs();
      pauses.push(pauseMs);
      clock.advance(pauseMs ?? 0);
      await fail();
    }
    expect(pauses).toEqual([10_000, 20_000, 40_000, 60_000, 60_000]);
    clock.advance(60_000);
    await breaker.execute(async () => 1);
    await open();
    expect(breaker.refusesForMs()).toBe(10_000);
  });

  it('[DL72] a caller that gave up before is not called for', async () => {
    const { breaker } = setUp();
    let called = false;
    const work = async () => {
      called = true;
    };
    await expect(breaker.execute(work, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(called).toBe(false);
  });

  it('[DL74] tells its state and transitions to logs and metrics', async () => {
    const clock = new ManualClock();
    const log = memoryLog();
    const metrics = new Metrics();
    const breakers = new Breakers({ clock, log, metrics });
    const breaker = breakers.create({ name: 'database', judge, pauseMs: 1000 });
    breakers.create({ name: 'hook', judge, pauseMs: 1000 });
    for (let n = 0; n < 5; n += 1)
      await breaker.execute(() => Promise.reject(new Fault('failure'))).catch(() => {});
    await breaker.execute(async () => 1).catch(() => {});
    expect(log.lines.map(({ level, message }) => [level, message])).toEqual([['warn', 'circuit opened']]);
    expect(log.lines[0]?.context).toMatchObject({ breaker: 'database', pauseMs: 1000 });
    const text = await metrics.text();
    expect(text).toContain('bongsu_breaker_state{name="database"} 2');
    expect(text).toContain('bongsu_breaker_state{name="hook"} 0');
    expect(text).toContain('bongsu_breaker_transitions_total{name="database",from="CLOSED",to="OPEN"} 1');
    expect(text).toContain('bongsu_breaker_calls_total{name="database",outcome="failure"} 5');
    expect(text).toContain('bongsu_breaker_calls_total{name="database",outcome="refused"} 1');
    clock.advance(1000);
    await breaker.execute(async () => 1);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'debug', 'info']);
    expect(await metrics.text()).toContain('bongsu_breaker_state{name="database"} 0');
  });
});

type Step =
  | { do: 'call' }
  | { do: 'end'; which: number; as: Verdict | 'success' }
  | { do: 'wait'; ms: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'call' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(5),
      as: fc.oneof(
        { weight: 12, arbitrary: fc.constant('failure') },
        { weight: 3, arbitrary: fc.constantFrom('answer', 'nothing', 'success') },
      ),
    }) as fc.Arbitrary<Step>,
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 999, 1000, 2000, 8000) }),
  },
);

/** What the breaker promises, in the plainest words. */
class Reference {
  state: BreakerState = 'CLOSED';
  private row = 0;
  private tryAt = 0;
  private failedTries = 0;
  private readonly calls: { isTry: boolean; period: number }[] = [];
  private period = 0;

  constructor(private readonly now: () => number) {}

  /** Whether the call is made. */
  call(): boolean {
    if (this.state === 'HALF_OPEN' || (this.state === 'OPEN' && this.now() < this.tryAt)) return false;
    const isTry = this.state === 'OPEN';
    if (isTry) this.go('HALF_OPEN');
    this.calls.push({ isTry, period: this.period });
    return true;
  }

  end(which: number, as: Verdict | 'success'): void {
    const [call] = this.calls.splice(which, 1);
    if (!call || call.period !== this.period) return;
    if (as === 'success' || as === 'answer') {
      this.row = 0;
      if (call.isTry) {
        this.failedTries = 0;
        this.go('CLOSED');
      }
    } else if (call.isTry) {
      if (as === 'failure') this.failedTries += 1;
      this.open();
    } else if (as === 'failure') {
      this.row += 1;
      if (this.row >= 5) this.open();
    }
  }

  private open(): void {
    this.row = 0;
    this.tryAt = this.now() + Math.min(8000, 1000 * 2 ** this.failedTries);
    this.go('OPEN');
  }

  private go(state: BreakerState): void {
    this.state = state;
    this.period += 1;
  }
}

it('[DL72] [DL73] does as a plain model does, whatever order calls, ends and time come in', async () => {
  let opened = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 40, maxLength: 120, size: 'max' }), async (steps) => {
      const { clock, breaker } = setUp({ longestPauseMs: 8000 });
      const model = new Reference(() => clock.monotonic());
      const under: ReturnType<typeof held>[] = [];
      for (const step of steps) {
        if (step.do === 'call') {
          const call = held();
          let made = false;
          const answer = breaker.execute(() => {
            made = true;
            under.push(call);
            return call.work();
          });
          answer.catch(() => undefined);
          expect(made).toBe(model.call());
        } else if (step.do === 'end' && under.length > 0) {
          const which = step.which % under.length;
          under.splice(which, 1)[0]?.end(step.as);
          await flush();
          model.end(which, step.as);
        } else if (step.do === 'wait') {
          clock.advance(step.ms);
        }
        expect(breaker.state).toBe(model.state);
        if (model.state === 'OPEN') opened += 1;
      }
    }),
    { numRuns: 300 },
  );
  // Else the steps were too tame to show anything.
  expect(opened).toBeGreaterThan(100);
});
