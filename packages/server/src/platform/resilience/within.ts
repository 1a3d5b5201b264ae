import type { Clock } from '../clock.js';

export interface TimeLimit {
  clock: Clock;
  ms: number;
  /** What it rejects with past `ms`. */
  tooLong(): Error;
  /** Ends the wait earlier, with its reason. */
  signal?: AbortSignal;
}

/**
 * Rejects when the time is over or the signal is aborted, whether `work` heeds its signal or not. Not by AbortSignal.any, whose
 * results a long-lived signal remembers in Node 20.
 */
export async function within<T>(
  { clock, ms, tooLong, signal }: TimeLimit,
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const over = new Promise<never>((_, reject) => {
    limit.signal.addEventListener('abort', () => reject(limit.signal.reason), { once: true });
  });
  const giveUp = () => limit.abort(signal?.reason);
  signal?.addEventListener('abort', giveUp, { once: true });
  const cancel = clock.after(ms, () => limit.abort(tooLong()));
  try {
    return await Promise.race([work(limit.signal), over]);
  } finally {
    cancel();
    signal?.removeEventListener('abort', giveUp);
  }
}
