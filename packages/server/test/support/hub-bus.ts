import { randomUUID } from 'node:crypto';
import type { Bus, BusEvent, BusMessage } from '../../src/platform/ephemeral/ephemeral.js';

type Handler = (event: BusEvent) => void;
interface Subscriber {
  reader: string;
  handler: Handler;
}

/** One bus for several processes of a test, which can be told to lose what is published, or to take its time. */
export class HubBus {
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  /** What is on its way, from each process to each other one. */
  readonly #links = new Map<string, (() => void)[]>();
  /** While true, messages are lost, and no gap shows it. */
  isDeaf = false;
  /** Whether the processes take it for working. */
  isUp = true;
  /** While true, a message comes when `deliver` says so. */
  isSlow = false;

  join(): Bus {
    const publisher = randomUUID();
    let number = 0;
    const isUp = () => this.isUp;
    return {
      publisher,
      get isUp() {
        return isUp();
      },
      publish: (channel: string, message: BusMessage) => {
        number += 1;
        const event: BusEvent = { type: 'message', publisher, number, message };
        if (this.isDeaf) return;
        for (const subscriber of this.#subscribers.get(channel) ?? []) this.#send(subscriber, event);
      },
      subscribe: (channel, handler) => {
        const subscriber = { reader: publisher, handler };
        const subscribers = this.#subscribers.get(channel) ?? new Set();
        this.#subscribers.set(channel, subscribers.add(subscriber));
        return () => void subscribers.delete(subscriber);
      },
    };
  }

  /** Every process hears that something of every other one was lost. */
  tellGaps(): void {
    for (const subscribers of this.#subscribers.values())
      for (const { handler } of subscribers)
        queueMicrotask(() => handler({ type: 'gap', publisher: 'another', after: 1, next: 3 }));
  }

  /** Every process hears that this one is not heard any more. */
  leave(publisher: string): void {
    for (const subscribers of this.#subscribers.values())
      for (const { handler } of subscribers)
        queueMicrotask(() => handler({ type: 'gap', publisher, after: 1, next: Number.POSITIVE_INFINITY }));
  }

  /** How much is on its way. */
  get waiting(): number {
    return [...this.#links.values()].reduce((sum, link) => sum + link.length, 0);
  }

  /** The first message of a link arrives, or is lost. -1: of the last link. */
  deliver(link: number, isLost = false): void {
    const busy = [...this.#links.values()].filter(({ length }) => length > 0);
    const arrive = busy.at(link % busy.length)?.shift();
    if (!isLost) arrive?.();
  }

  #send({ reader, handler }: Subscriber, event: BusEvent): void {
    const arrive = () => handler(event);
    if (!this.isSlow || reader === event.publisher) queueMicrotask(arrive);
    else {
      const name = `${event.publisher} ${reader}`;
      const link = this.#links.get(name) ?? [];
      this.#links.set(name, link);
      link.push(arrive);
    }
  }
}
