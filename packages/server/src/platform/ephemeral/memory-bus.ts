import { uuidv7 } from '../ids.js';
import type { Log } from '../log.js';
import type { Bus, BusEvent, BusMessage } from './ephemeral.js';

type Handler = (event: BusEvent) => void;

interface Subscription {
  readonly handler: Handler;
  active: boolean;
}

interface Channel {
  lastNumber: number;
  /** Replaced, never changed, so that a message goes to those who were there when it was published. */
  subscriptions: readonly Subscription[];
}

interface Delivery {
  readonly channel: string;
  readonly subscriptions: readonly Subscription[];
  readonly event: BusEvent;
}

/**
 * The bus of one process. Handlers run in a microtask after the publisher's own turn, never inside `publish`, so that
 * code which works here also works over a network; still in the order of publishing. Nothing is ever missed, so there
 * are no gaps. A channel that nobody listens to keeps no state and starts at 1 again.
 */
export class MemoryBus implements Bus {
  readonly publisher = uuidv7();
  readonly #channels = new Map<string, Channel>();
  #queue: Delivery[] = [];

  constructor(private readonly log: Log) {}

  publish(channelName: string, message: BusMessage): void {
    const channel = this.#channels.get(channelName);
    if (!channel) return;
    channel.lastNumber += 1;
    if (this.#queue.length === 0) queueMicrotask(() => this.#drain());
    this.#queue.push({
      channel: channelName,
      subscriptions: channel.subscriptions,
      event: { type: 'message', publisher: this.publisher, number: channel.lastNumber, message },
    });
  }

  subscribe(channelName: string, handler: Handler): () => void {
    const subscription: Subscription = { handler, active: true };
    const channel = this.#channels.get(channelName) ?? { lastNumber: 0, subscriptions: [] };
    channel.subscriptions = [...channel.subscriptions, subscription];
    this.#channels.set(channelName, channel);
    return () => {
      subscription.active = false;
      channel.subscriptions = channel.subscriptions.filter((other) => other !== subscription);
      if (channel.subscriptions.length === 0 && this.#channels.get(channelName) === channel) {
        this.#channels.delete(channelName);
      }
    };
  }

  close(): void {
    for (const channel of this.#channels.values()) {
      for (const subscription of channel.subscriptions) subscription.active = false;
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
