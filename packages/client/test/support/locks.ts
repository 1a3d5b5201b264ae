import type { Locks } from '../../src/tabs.js';

/** navigator.locks for tabs that are objects of one process. */
export class TabLocks implements Locks {
  private readonly held = new Map<string, Promise<unknown>>();

  async request<T>(
    name: string,
    { ifAvailable, signal }: { ifAvailable?: boolean; signal?: AbortSignal },
    task: (lock: unknown) => Promise<T>,
  ): Promise<T> {
    const before = this.held.get(name);
    if (before && ifAvailable) return task(null);
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
    const run = (async () => {
      await (signal ? Promise.race([before, aborted]) : before);
      return task({ name });
    })();
    const settled = Promise.allSettled([before, run]).then(() => {
      if (this.held.get(name) === settled) this.held.delete(name);
    });
    this.held.set(name, settled);
    return run;
  }
}
