import { LRUCache } from 'lru-cache';
import type { Clock } from '../platform/clock.js';
import { FreshRun } from '../platform/fresh-run.js';
import { upTo } from '../platform/grown-cache.js';
import type { Log } from '../platform/log.js';

interface LastUsesDeps {
  clock: Clock;
  log: Log;
  /** Of so many at most it is known when they were written last. */
  maxKnown: number;
  /** Writes when each was used last, ms of the database's clock. */
  write(uses: readonly (readonly [id: string, at: number])[]): Promise<void>;
  /** Logged when writing fails; the next flush tries again. */
  failure: string;
}

interface Known {
  /** What the row says, ms; 0 when nobody knows. */
  writtenAt: number;
  /** It is not written again sooner. */
  periodMs: number;
}

const FLUSH_MS = 5000;

/** When logins and keys were last used: a use costs no SQL, and is written every few seconds, of each at most once a period. */
export class LastUses {
  readonly #deps: LastUsesDeps;
  readonly #written: LRUCache<string, number>;
  /** Not written yet. */
  readonly #used = new Map<string, number>();
  readonly #flushing = new FreshRun(() => this.#flushQuietly());
  #cancel: (() => void) | undefined;

  constructor(deps: LastUsesDeps) {
    this.#deps = deps;
    this.#written = new LRUCache(upTo(deps.maxKnown));
  }

  start(): void {
    this.#cancel = this.#deps.clock.every(FLUSH_MS, () => void this.#flushing.run());
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    await this.#flushing.run();
  }

  note(id: string, at: number, { writtenAt, periodMs }: Known): void {
    if (at - (this.#written.get(id) ?? writtenAt) >= periodMs) this.#used.set(id, at);
  }

  /** What will be written of it, ms; 0 when there is nothing. */
  pending(id: string): number {
    return this.#used.get(id) ?? 0;
  }

  async flush(): Promise<void> {
    if (this.#used.size === 0) return;
    const used = [...this.#used];
    this.#used.clear();
    // Before the answer: a use between it and the commit would be written a second time. What fails stays in `#used`.
    for (const [id, at] of used) this.#written.set(id, at);
    try {
      await this.#deps.write(used);
    } catch (error) {
      for (const [id, at] of used) if (!this.#used.has(id)) this.#used.set(id, at);
      throw error;
    }
  }

  /** Losing a use ends nothing that goes on: the next one is written. */
  #flushQuietly(): Promise<void> {
    return this.flush().catch((err: unknown) => this.#deps.log.warn({ err }, this.#deps.failure));
  }
}
