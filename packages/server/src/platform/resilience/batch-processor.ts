import type { Clock } from '../clock.js';

export interface BatchOptions<Item, Result> {
  /** Handles one batch and answers one result an item, in order. A rejection refuses every item of the batch. */
  process(items: Item[]): Promise<Result[]>;
  /** What two batches under way must not share: an item waits while its key is in an unanswered batch. */
  keyOf(item: Item): string | number;
  bytesOf?(item: Item): number;
  /** Items a batch at first; under load it grows to `maxSize`. */
  size: number;
  maxSize: number;
  /** Batches under way at once. */
  maxInFlight: number;
  /** Milliseconds an item waits at most for one of them to end; then one batch more may go. */
  maxWaitMs: number;
  /** Items and bytes that may wait; above it `add` throws what `refuse` makes. */
  maxQueued: number;
  maxQueuedBytes: number;
  refuse(): Error;
  clock: Clock;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly key: string | number;
  readonly bytes: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Batches naturally: flushes at once when idle and collects while batches are under way, so that nobody waits for a timer.
 * Items of one key keep their order.
 */
export class BatchProcessor<Item, Result> {
  readonly #options: BatchOptions<Item, Result>;
  #ready: Waiting<Item, Result>[] = [];
  readonly #parked = new Map<string | number, Waiting<Item, Result>[]>();
  readonly #busy = new Set<string | number>();
  readonly #idleListeners: (() => void)[] = [];
  #cap: number;
  #inFlight = 0;
  #queued = 0;
  #queuedBytes = 0;
  #scheduled = false;
  #overdue = false;
  #cancelDeadline: (() => void) | undefined;

  constructor(options: BatchOptions<Item, Result>) {
    this.#options = options;
    this.#cap = options.size;
  }

  /** Items that wait or are under way. */
  get pending(): number {
    return this.#queued;
  }

  /** @throws what `refuse` makes, synchronously, when the queue is full; then nothing was done with the item */
  add(item: Item): Promise<Result> {
    const { maxQueued, maxQueuedBytes, keyOf, bytesOf, refuse } = this.#options;
    const bytes = bytesOf ? bytesOf(item) : 0;
    if (this.#queued >= maxQueued || this.#queuedBytes + bytes > maxQueuedBytes) throw refuse();
    this.#queued += 1;
    this.#queuedBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#place({ item, key: keyOf(item), bytes, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    if (this.#queued > 0) await new Promise<void>((resolve) => this.#idleListeners.push(resolve));
  }

  #place(waiting: Waiting<Item, Result>): void {
    if (!this.#busy.has(waiting.key)) {
      this.#ready.push(waiting);
      return;
    }
    const parked = this.#parked.get(waiting.key);
    if (parked) parked.push(waiting);
    else this.#parked.set(waiting.key, [waiting]);
  }

  /** At the end of this turn of the event loop, so that what arrived together goes together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    while (this.#ready.length > 0 && this.#hasSlot()) this.#send(this.#take());
    this.#watchDeadline();
  }

  #hasSlot(): boolean {
    return this.#inFlight < this.#options.maxInFlight + (this.#overdue ? 1 : 0);
  }

  #take(): Waiting<Item, Result>[] {
    const { size, maxSize } = this.#options;
    const batch = this.#ready.splice(0, this.#cap);
    if (this.#ready.length > 0) this.#cap = Math.min(maxSize, this.#cap * 2);
    else if (batch.length * 2 < this.#cap) this.#cap = Math.max(size, this.#cap >> 1);
    for (const { key } of batch) this.#busy.add(key);
    const rest = this.#ready;
    this.#ready = [];
    for (const waiting of rest) this.#place(waiting);
    return batch;
  }

  #send(batch: Waiting<Item, Result>[]): void {
    this.#inFlight += 1;
    this.#overdue = false;
    this.#process(batch).then(
      (results) => this.#end(batch, (waiting, index) => waiting.resolve(results[index] as Result)),
      (error: unknown) => this.#end(batch, (waiting) => waiting.reject(error)),
    );
  }

  async #process(batch: Waiting<Item, Result>[]): Promise<Result[]> {
    const results = await this.#options.process(batch.map(({ item }) => item));
    if (results.length !== batch.length) throw new Error('A batch must have one result an item');
    return results;
  }

  #end(
    batch: Waiting<Item, Result>[],
    answer: (waiting: Waiting<Item, Result>, index: number) => void,
  ): void {
    this.#inFlight -= 1;
    for (const { key, bytes } of batch) {
      this.#queued -= 1;
      this.#queuedBytes -= bytes;
      this.#busy.delete(key);
      const parked = this.#parked.get(key);
      if (!parked) continue;
      this.#parked.delete(key);
      for (const waiting of parked) this.#ready.push(waiting);
    }
    batch.forEach(answer);
    this.flush();
    if (this.#queued === 0) for (const listener of this.#idleListeners.splice(0)) listener();
  }

  #watchDeadline(): void {
    if (this.#ready.length === 0) {
      this.#cancelDeadline?.();
      this.#cancelDeadline = undefined;
    } else if (!this.#cancelDeadline) {
      this.#cancelDeadline = this.#options.clock.after(this.#options.maxWaitMs, () => {
        this.#cancelDeadline = undefined;
        this.#overdue = true;
        this.flush();
        this.#overdue = false;
      });
    }
  }
}
