import type { Log } from '../log.js';
import type { BusEvent } from './ephemeral.js';

type Handler = (event: BusEvent) => void;

interface Subscription {
  readonly handler: Handler;
  active: boolean;
}

interface Delivery {
  readonly channel: string;
  readonly subscriptions: readonly Subscription[];
  readonly event: BusEvent;
}

/**
 * Who listens to a bus in this process. Handlers run in a microtask after the turn that told them, never inside `tell`, in the order of
 * telling; one that throws is reported and harms nobody else.
 */
export class BusSubscribers {
  /** Lists are replaced, never changed, so that an event goes to those who were there when it was told. */
  readonly #channels = new Map<string, readonly Subscription[]>();
  #queue: Delivery[] = [];

  constructor(private readonly log: Log) {}

  has(channel: string): boolean {
    return this.#channels.has(channel);
  }

  add(channel: string, handler: Handler): () => void {
    const subscription: Subscription = { handler, active: true };
    this.#channels.set(channel, [...(this.#channels.get(channel) ?? []), subscription]);
    return () => {
      subscription.active = false;
      const left = this.#channels.get(channel)?.filter((other) => other !== subscription) ?? [];
      if (left.length > 0) this.#channels.set(channel, left);
      else this.#channels.delete(channel);
    };
  }

  tell(channel: string, event: BusEvent): void {
    const subscriptions = this.#channels.get(channel);
    if (!subscriptions) return;
    if (this.#queue.length === 0) queueMicrotask(() => this.#drain());
    this.#queue.push({ channel, subscriptions, event });
  }

  close(): void {
    for (const subscriptions of this.#channels.values()) {
      for (const subscription of subscriptions) subscription.active = false;
    }
    this.#channels.clear();
    this.#queue = [];
  }

  #drain(): void {
    const deliveries = this.#queue;
    this.#queue = [];
    for (const { channel, subscriptions, event } of deliveries) {
      for (const subscription of subscriptions) {
        if (subscription.active) this.#deliver(channel, subscription, event);
      }
    }
  }

  #deliver(channel: string, { handler }: Subscription, event: BusEvent): void {
    try {
      handler(event);
    } catch (error) {
      this.log.error(
        { err: error, channel, number: event.type === 'message' ? event.number : event.next },
        'A subscriber of the bus failed',
      );
    }
  }
}
