import { randomUUID } from 'node:crypto';
import type { Bus, BusEvent, BusMessage } from '../../src/platform/ephemeral/ephemeral.js';

type Handler = (event: BusEvent) => void;

/** One bus for several processes of a test, which can be told to lose what is published. */
export class HubBus {
  readonly #subscribers = new Map<string, Set<Handler>>();
  /** While true, messages are lost, and no gap shows it. */
  isDeaf = false;

  join(): Bus {
    const publisher = randomUUID();
    let number = 0;
    return {
      publisher,
      publish: (channel: string, message: BusMessage) => {
        number += 1;
        const event: BusEvent = { type: 'message', publisher, number, message };
        if (this.isDeaf) return;
        for (const handler of this.#subscribers.get(channel) ?? []) queueMicrotask(() => handler(event));
      },
      subscribe: (channel, handler) => {
        const handlers = this.#subscribers.get(channel) ?? new Set();
        this.#subscribers.set(channel, handlers.add(handler));
        return () => void handlers.delete(handler);
      },
    };
  }
}
