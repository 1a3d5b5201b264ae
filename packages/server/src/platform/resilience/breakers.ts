import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import {
  type BreakerChange,
  type BreakerState,
  CircuitBreaker,
  type CircuitBreakerOptions,
} from './circuit-breaker.js';

export interface BreakersDeps {
  clock: Clock;
  log: Log;
  metrics: Metrics;
}

const CODES: Readonly<Record<BreakerState, number>> = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 };

/** All circuit breakers of this process, as logs, metrics and health see them. */
export class Breakers {
  readonly #deps: BreakersDeps;
  readonly #breakers: CircuitBreaker[] = [];
  readonly #transitions;
  readonly #calls;

  constructor(deps: BreakersDeps) {
    this.#deps = deps;
    const { metrics } = deps;
    metrics.gauge(
      'bongsu_breaker_state',
      'Circuit breakers: 0 closed, 1 half-open, 2 open.',
      ['name'],
      (gauge) => {
        for (const { name, state } of this.#breakers) gauge.set({ name }, CODES[state]);
      },
    );
    this.#transitions = metrics.counter('bongsu_breaker_transitions_total', 'Changes of circuit breakers.', [
      'name',
      'from',
      'to',
    ]);
    this.#calls = metrics.counter('bongsu_breaker_calls_total', 'Calls behind circuit breakers.', [
      'name',
      'outcome',
    ]);
  }

  create(options: Omit<CircuitBreakerOptions, 'clock'>): CircuitBreaker {
    const { name } = options;
    const breaker = new CircuitBreaker({ ...options, clock: this.#deps.clock });
    breaker.onChange((change) => this.#note(name, change));
    breaker.onCall((outcome) => this.#calls.inc({ name, outcome }));
    this.#breakers.push(breaker);
    return breaker;
  }

  list(): readonly CircuitBreaker[] {
    return this.#breakers;
  }

  /** Ends all probing. */
  stop(): void {
    for (const breaker of this.#breakers) breaker.stop();
  }

  #note(name: string, { from, to, error, pauseMs }: BreakerChange): void {
    this.#transitions.inc({ name, from, to });
    const context = { breaker: name, from, to };
    if (to === 'CLOSED') this.#deps.log.info(context, 'circuit closed: calls pass again');
    else if (to === 'HALF_OPEN') this.#deps.log.debug(context, 'circuit half-open: trying');
    else if (from === 'CLOSED') this.#deps.log.warn({ ...context, err: error, pauseMs }, 'circuit opened');
    else this.#deps.log.debug({ ...context, err: error, pauseMs }, 'circuit stays open');
  }
}
