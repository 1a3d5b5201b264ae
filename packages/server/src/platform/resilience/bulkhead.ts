import { BulkheadRejectedError, bulkhead } from 'cockatiel';

export interface BulkheadOptions {
  /** Calls at once. */
  limit: number;
  /** Calls that may wait for one of them to end. */
  queue: number;
  /** What a call beyond both is refused with. */
  refuse(): Error;
}

/** Runs only so many at once. */
export type Bulkhead = <T>(work: () => Promise<T>) => Promise<T>;

export function createBulkhead({ limit, queue, refuse }: BulkheadOptions): Bulkhead {
  const policy = bulkhead(limit, queue);
  return (work) =>
    policy.execute(work).catch((error: unknown) => {
      throw error instanceof BulkheadRejectedError ? refuse() : error;
    });
}
