import type { Clock } from './platform/clock.js';
import type { Log } from './platform/log.js';

/** A stop that was not clean: names the steps that hung or failed. */
export class StopError extends Error {
  override readonly name = 'StopError';
  constructor(
    readonly hung: readonly string[],
    readonly failed: readonly { step: string; error: unknown }[],
  ) {
    const parts = [
      ...hung.map((step) => `"${step}" did not end in time`),
      ...failed.map(({ step }) => `"${step}" failed`),
    ];
    super(`Stopping was not clean: ${parts.join(', ')}`, { cause: failed[0]?.error });
  }
}

interface Undo {
  step: string;
  run: (signal: AbortSignal) => unknown;
}

/** What steps after a hung one still get: locks and files should be released even then. */
const GRACE_MS = 2_000;

/**
 * Starts in order, stops in reverse.
 * @example
 * const database = await lifecycle.step('database', () => open(config), (opened) => opened.close());
 * await lifecycle.stop(30_000);
 */
export class Lifecycle {
  readonly #undos: Undo[] = [];
  readonly #stopAsked = new AbortController();
  #starting: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(private readonly deps: { clock: Clock; log: Log }) {}

  /** Aborted when a stop is asked for: a start that waits should give up. */
  get signal(): AbortSignal {
    return this.#stopAsked.signal;
  }

  /** Runs `start`; what it resolved to is handed to `undo` at the stop. @throws AbortError after a stop was asked for */
  async step<T>(
    step: string,
    start: (signal: AbortSignal) => T | Promise<T>,
    undo?: (value: T, signal: AbortSignal) => unknown,
  ): Promise<T> {
    this.signal.throwIfAborted();
    const from = this.deps.clock.monotonic();
    const started = (async () => {
      const value = await start(this.signal);
      if (undo) this.#undos.push({ step, run: (signal) => undo(value, signal) });
      return value;
    })();
    this.#starting = started.catch(() => {});
    const value = await started;
    this.deps.log.debug({ step, ms: Math.round(this.deps.clock.monotonic() - from) }, 'Started');
    return value;
  }

  /**
   * Undoes every step that was started, last first, also in the midst of a start. Always the same promise.
   * @throws StopError when a step failed, or had not ended `deadlineMs` after the first call
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopAsked.abort();
    this.#stopped ??= this.#undoAll(this.deps.clock.monotonic() + deadlineMs);
    return this.#stopped;
  }

  async #undoAll(deadline: number): Promise<void> {
    const hung: string[] = [];
    const failed: { step: string; error: unknown }[] = [];
    const run = async (undo: Undo) => {
      const from = this.deps.clock.monotonic();
      const patienceMs = Math.max(deadline - from, GRACE_MS * Math.sign(hung.length));
      const outcome = await this.#within(patienceMs, undo).catch((error: unknown) => ({ error }));
      const ms = Math.round(this.deps.clock.monotonic() - from);
      if (outcome === 'done') return this.deps.log.debug({ step: undo.step, ms }, 'Stopped');
      if (outcome === 'late') {
        hung.push(undo.step);
        return this.deps.log.error({ step: undo.step, ms }, 'A step did not stop in time');
      }
      failed.push({ step: undo.step, error: outcome.error });
      this.deps.log.error({ step: undo.step, ms, err: outcome.error }, 'A step failed to stop');
    };
    await run({ step: 'start', run: () => this.#starting });
    for (let undo = this.#undos.pop(); undo; undo = this.#undos.pop()) await run(undo);
    if (hung.length > 0 || failed.length > 0) throw new StopError(hung, failed);
  }

  async #within(patienceMs: number, undo: Undo): Promise<'done' | 'late'> {
    const late = new AbortController();
    let cancel = () => {};
    const deadline = new Promise<'late'>((resolve) => {
      cancel = this.deps.clock.after(patienceMs, () => {
        late.abort();
        resolve('late');
      });
    });
    const undone = (async () => {
      await undo.run(late.signal);
      return 'done' as const;
    })();
    // Once the deadline won nobody listens any more.
    undone.catch(() => {});
    try {
      return await Promise.race([undone, deadline]);
    } finally {
      cancel();
    }
  }
}
