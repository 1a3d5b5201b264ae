import { uuidv7 } from '../ids.js';
import type { Log } from '../log.js';
import { BusSubscribers } from './bus-subscribers.js';
import type { Bus, BusEvent, BusMessage } from './ephemeral.js';

/**
 * The bus of one process. Handlers run after the publisher's own turn, so that code which works here also works over a network. Nothing
 * is ever missed, so there are no gaps. What nobody listens to is not numbered.
 */
export class MemoryBus implements Bus {
  readonly publisher = uuidv7();
  readonly #subscribers: BusSubscribers;
  readonly #numbers = new Map<string, number>();

  constructor(log: Log) {
    this.#subscribers = new BusSubscribers(log);
  }

  publish(channel: string, message: BusMessage): void {
    if (!this.#subscribers.has(channel)) return;
    const number = (this.#numbers.get(channel) ?? 0) + 1;
    this.#numbers.set(channel, number);
    this.#subscribers.tell(channel, { type: 'message', publisher: this.publisher, number, message });
  }

  subscribe(channel: string, handler: (event: BusEvent) => void): () => void {
    const leave = this.#subscribers.add(channel, handler);
    return () => {
      leave();
      if (!this.#subscribers.has(channel)) this.#numbers.delete(channel);
    };
  }

  close(): void {
    this.#subscribers.close();
    this.#numbers.clear();
  }
}
