import type { Clock } from '../platform/clock.js';

/** A socket whose unsent packets can be weighed and which can be ended. */
export interface Consumer {
  /** Bytes that wait for the peer to read. */
  queuedBytes(): number;
  endAsSlow(): void;
}

export interface SlowConsumersDeps {
  clock: Clock;
  consumers(): Iterable<Consumer>;
  onEnded(): void;
}

const PERIOD_MS = 1000;
/** As much as other systems allow; more than a window of the largest entries. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/**
 * Ends sockets whose peer reads more slowly than it is sent to, so that the server's memory is bounded: over 1 MiB at two looks in a
 * row, a second apart. Looking now and then costs nothing a packet.
 */
export class SlowConsumers {
  readonly #deps: SlowConsumersDeps;
  #suspects = new WeakSet<Consumer>();
  #stop = () => {};

  constructor(deps: SlowConsumersDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#stop = this.#deps.clock.every(PERIOD_MS, () => this.#look());
  }

  stop(): void {
    this.#stop();
  }

  #look(): void {
    const suspects = new WeakSet<Consumer>();
    for (const consumer of this.#deps.consumers()) {
      if (consumer.queuedBytes() <= MAX_QUEUED_BYTES) continue;
      if (this.#suspects.has(consumer)) {
        consumer.endAsSlow();
        this.#deps.onEnded();
      } else suspects.add(consumer);
    }
    this.#suspects = suspects;
  }
}
