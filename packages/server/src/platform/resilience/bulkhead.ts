import { BulkheadRejectedError, bulkhead } from 'cockatiel';
import type { Clock } from '../clock.js';

export interface BulkheadOptions {
  /** Calls at once. */
  limit: number;
  /** Calls that may wait for one of them to end. */
  queue: number;
  /** A call that waited longer is refused when its turn comes: whoever asked has given up by then. */
  patienceMs: number;
  clock: Clock;
  /** What a call beyond these is refused with. */
  refuse(): Error;
}

/** Runs only so many at once. */
export type Bulkhead = <T>(work: () => Promise<T>) => Promise<T>;

export function createBulkhead({ limit, queue, patienceMs, clock, refuse }: BulkheadOptions): Bulkhead {
  const policy = bulkhead(limit, queue);
  return (work) => {
    const giveUpAt = clock.monotonic() + patienceMs;
    const inTime = () => {
      if (clock.monotonic() > giveUpAt) throw refuse();
      return work();
    };
    return policy.execute(inTime).catch((error: unknown) => {
      throw error instanceof BulkheadRejectedError ? refuse() : error;
    });
  };
}
