import { setImmediate } from 'node:timers/promises';
import { BongsuError } from '@bongsu/protocol';
import type { Log } from '../../platform/log.js';

interface Errand {
  name: string;
  work: () => Promise<void>;
}

const MAX_WAITING = 1000;
const RETRY_MS = 1000;

/**
 * Work that is done after the answer, one piece after the other: what a caller must not learn from how long it takes. The queue
 * is bounded, and a full one refuses everybody alike.
 */
export class Errands {
  readonly #log: Log;
  readonly #waiting: Errand[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @throws BUSY with retryAfterMs */
  add(name: string, work: () => Promise<void>): void {
    if (!this.offer(name, work)) throw new BongsuError('BUSY', { retryAfterMs: RETRY_MS });
  }

  /** False when there is no room: for what may be left undone. */
  offer(name: string, work: () => Promise<void>): boolean {
    if (this.#stopped || this.#waiting.length >= MAX_WAITING) {
      this.#log.warn({ errand: name }, 'Too much waits to be done after its answer');
      return false;
    }
    this.#waiting.push({ name, work });
    this.#running ??= this.#run();
    return true;
  }

  /** What waits is still done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // The answer goes first.
    await setImmediate();
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      try {
        await next.work();
      } catch (err) {
        this.#log.error({ err, errand: next.name }, 'What was to be done after an answer failed');
      }
    }
    this.#running = undefined;
  }
}
