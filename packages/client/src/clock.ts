/** Every wait and every time of the SDK goes through here, so that tests move time instead of sleeping. */
export interface Clock {
  /** Milliseconds since 1970 by this machine, right or wrong. */
  now(): number;
  /** Runs `task` once after `delayMs`; returns its canceller. `background` timers do not keep a Node process alive. */
  after(delayMs: number, task: () => void, options?: { background?: boolean }): () => void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task, { background = false } = {}) {
    const timer: unknown = setTimeout(task, Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS));
    if (background) unref(timer);
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
};

/** Browsers have no `unref`, and need none. */
export function unref(handle: unknown): void {
  if (typeof handle === 'object' && handle !== null && 'unref' in handle) {
    (handle as { unref(): void }).unref();
  }
}

/** Resolves after `delayMs`, or rejects with the signal's reason. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The promise's outcome, or the signal's reason if that comes first. The work itself goes on. */
export function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
