import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
} from 'cockatiel';
import type { Clock } from '../clock.js';
import { within } from './within.js';

export type BreakerState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/**
 * What an error says of the other side: it is not well; it is, and answered no; or nothing (the caller gave up). Only the first
 * counts, and an answer ends a row of failures.
 */
export type Verdict = 'failure' | 'answer' | 'nothing';

export interface CircuitBreakerOptions {
  /** In logs, metrics and health. */
  name: string;
  judge(error: unknown): Verdict;
  /** Failures in a row that open it. */
  failures?: number;
  /** Milliseconds from opening to the next try; doubles with each try that fails. */
  pauseMs: number;
  longestPauseMs?: number;
  /** Tries in the background. Without one the first call after the pause is the try. */
  probe?: (signal: AbortSignal) => Promise<unknown>;
  clock: Clock;
}

export interface BreakerChange {
  from: BreakerState;
  to: BreakerState;
  /** What opened it. */
  error: unknown;
  /** Milliseconds to the next try. */
  pauseMs: number;
}

export type CallOutcome = 'success' | 'failure' | 'answer' | 'nothing' | 'refused';

/** The call was not made. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError';
  constructor(
    breaker: string,
    readonly retryAfterMs: number,
  ) {
    super(`The circuit "${breaker}" is open`);
  }
}

/** Milliseconds to wait, when this error or a cause of it comes from an open circuit. */
export function retryAfterOf(error: unknown): number | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof CircuitOpenError) return at.retryAfterMs;
  }
  return undefined;
}

const FAILURES = 5;
/** A probe that takes longer has failed. */
const PROBE_MS = 2000;
/** What a call hears that comes while another one is the try. */
const TRY_MS = 1000;

type Settled<T> = { value: T } | { error: unknown };

/** How a call's end reaches cockatiel without counting, or as a failure; what the caller gets travels inside. */
class Uncounted<T> {
  constructor(readonly settled: Settled<T>) {}
}
class Counted<T> extends Uncounted<T> {}

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'CLOSED',
  [CircuitState.Open]: 'OPEN',
  [CircuitState.HalfOpen]: 'HALF_OPEN',
  // Nobody isolates it by hand.
  [CircuitState.Isolated]: 'OPEN',
};

/**
 * Cockatiel's breaker, with its time and its tries taken out of its hands: 3.2.1 lets callers wait for the half-open try without
 * their AbortSignal, tries only when somebody calls, and reads the wall clock, which may jump. Here a call is made or refused at
 * once, and what was begun before a change counts no more after it.
 */
export class CircuitBreaker {
  readonly name: string;
  readonly #options: CircuitBreakerOptions;
  readonly #policy: CircuitBreakerPolicy;
  readonly #changeListeners = new Set<(change: BreakerChange) => void>();
  readonly #callListeners = new Set<(outcome: CallOutcome) => void>();
  readonly #stopping = new AbortController();
  #state: BreakerState = 'CLOSED';
  /** Counts the changes. */
  #period = 0;
  #failedTries = 0;
  #tryAt = 0;
  #lastError: unknown;
  #cancelProbe = () => {};

  constructor(options: CircuitBreakerOptions) {
    this.name = options.name;
    this.#options = options;
    // Always due, whatever the wall clock does: only we let a call through while it is open.
    this.#policy = circuitBreaker(handleType(Counted), {
      halfOpenAfter: Number.NEGATIVE_INFINITY,
      breaker: new ConsecutiveBreaker(options.failures ?? FAILURES),
    });
    this.#policy.onStateChange((state) => this.#change(STATES[state]));
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Milliseconds for which calls are refused; undefined when one would be made now. */
  refusesForMs(): number | undefined {
    if (this.#state === 'CLOSED') return undefined;
    if (this.#state === 'HALF_OPEN') return TRY_MS;
    const leftMs = Math.ceil(this.#tryAt - this.#options.clock.monotonic());
    if (leftMs > 0) return leftMs;
    return this.#options.probe ? 1 : undefined;
  }

  /**
   * Makes the call, or refuses it at once. It gets the caller's signal, and its errors arrive as they are.
   * @throws CircuitOpenError without having called
   */
  async execute<T>(work: (signal?: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const retryAfterMs = this.refusesForMs();
    if (retryAfterMs !== undefined) {
      this.#tellCall('refused');
      throw new CircuitOpenError(this.name, retryAfterMs);
    }
    return this.#call(() => work(signal), this.#options.judge);
  }

  onChange(listener: (change: BreakerChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onCall(listener: (outcome: CallOutcome) => void): () => void {
    this.#callListeners.add(listener);
    return () => this.#callListeners.delete(listener);
  }

  /** Ends the probing; calls are made or refused as before. */
  stop(): void {
    this.#cancelProbe();
    this.#stopping.abort();
  }

  async #call<T>(work: () => Promise<T>, judge: (error: unknown) => Verdict): Promise<T> {
    const period = this.#period;
    const isTry = this.#state !== 'CLOSED';
    const settled = await this.#policy
      .execute(async () => {
        const end = await settle(work);
        const verdict = 'error' in end ? judge(end.error) : 'answer';
        this.#tellCall('error' in end ? verdict : 'success');
        if (!isTry && period !== this.#period) throw new Uncounted(end);
        if (verdict === 'answer' || !('error' in end)) return end;
        this.#lastError = end.error;
        if (verdict === 'nothing' && !isTry) throw new Uncounted(end);
        if (isTry && verdict === 'failure') this.#failedTries += 1;
        throw new Counted(end);
      })
      .catch((thrown: unknown) => {
        if (thrown instanceof Uncounted) return thrown.settled as Settled<T>;
        throw thrown;
      });
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  #change(to: BreakerState): void {
    const from = this.#state;
    this.#state = to;
    this.#period += 1;
    if (to === 'CLOSED') this.#failedTries = 0;
    const pauseMs = to === 'OPEN' ? this.#pauseMs() : 0;
    if (to === 'OPEN') this.#open(pauseMs);
    const error = to === 'OPEN' ? this.#lastError : undefined;
    for (const listener of this.#changeListeners) listener({ from, to, error, pauseMs });
  }

  #pauseMs(): number {
    const { pauseMs, longestPauseMs = pauseMs } = this.#options;
    return Math.min(longestPauseMs, pauseMs * 2 ** this.#failedTries);
  }

  #open(pauseMs: number): void {
    const { clock, probe } = this.#options;
    this.#tryAt = clock.monotonic() + pauseMs;
    if (probe && !this.#stopping.signal.aborted) {
      this.#cancelProbe = clock.after(pauseMs, () => this.#probe(probe));
    }
  }

  /** Its end is told by the change that it makes. */
  #probe(probe: (signal: AbortSignal) => Promise<unknown>): void {
    const tooLong = () => new Error('No answer to the probe');
    const limit = { clock: this.#options.clock, ms: PROBE_MS, tooLong, signal: this.#stopping.signal };
    const judge = (error: unknown) => (this.#options.judge(error) === 'answer' ? 'answer' : 'failure');
    this.#call(() => within(limit, probe), judge).catch(() => undefined);
  }

  #tellCall(outcome: CallOutcome): void {
    for (const listener of this.#callListeners) listener(outcome);
  }
}

async function settle<T>(work: () => Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}
