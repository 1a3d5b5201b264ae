import type { Clock } from '../clock.js';
import { uuidv7 } from '../ids.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { parseFrame } from './bus-frames.js';
import { BusSubscribers } from './bus-subscribers.js';
import type { Bus, BusEvent, BusMessage } from './ephemeral.js';
import type { RedisLink } from './redis-link.js';

export interface RedisBusDeps {
  clock: Clock;
  log: Log;
  metrics: Pick<Metrics, 'counter' | 'tally'>;
  link: Pick<RedisLink, 'isUp' | 'call' | 'keys' | 'listenAnew'>;
  /** The name under which Redis knows its store, at each heartbeat; null when it has none. */
  onStore(name: string | null): void;
}

interface Other {
  /** Heartbeats of ours since it was heard. */
  silence: number;
  /** The last number of each channel. */
  readonly numbers: Map<string, number>;
}

const HEARTBEAT_MS = 250;
/** Characters of messages. Redis cuts off a listener that has tens of megabytes waiting for it. */
const LARGEST_FRAME = 1024 * 1024;
/** Heartbeats of ours, so that a process that stood still blames nobody else for it. */
const SILENT_AFTER = 8;

/**
 * The bus over Pub/Sub, which loses what is sent while a connection is away. Everything is numbered, and a heartbeat tells the last
 * numbers, so that each loss shows within moments of the connection's return. This process hears its own messages without Redis.
 */
export class RedisBus implements Bus {
  readonly publisher = uuidv7();
  readonly #subscribers: BusSubscribers;
  readonly #numbers = new Map<string, number>();
  readonly #others = new Map<string, Other>();
  readonly #count;
  readonly #countGap: () => void;
  #outgoing: string[] = [];
  #ownSilence = 0;
  #stopBeating = () => {};

  constructor(private readonly deps: RedisBusDeps) {
    const { metrics, log } = deps;
    this.#subscribers = new BusSubscribers(log);
    const messages = metrics.counter('bongsu_bus_messages_total', 'Messages of the bus between nodes', [
      'direction',
    ]);
    const tally = (direction: string) => metrics.tally(messages, { direction });
    this.#count = { sent: tally('sent'), dropped: tally('dropped'), received: tally('received') };
    const gaps = metrics.counter('bongsu_bus_gaps_total', 'Gaps in what other nodes told');
    this.#countGap = metrics.tally(gaps, {});
  }

  start(): void {
    this.announce();
    this.#stopBeating = this.deps.clock.every(HEARTBEAT_MS, () => this.#beat());
  }

  get isUp(): boolean {
    return this.deps.link.isUp;
  }

  publish(channel: string, message: BusMessage): void {
    const number = (this.#numbers.get(channel) ?? 0) + 1;
    this.#numbers.set(channel, number);
    this.#subscribers.tell(channel, { type: 'message', publisher: this.publisher, number, message });
    if (this.isUp) this.#queue(JSON.stringify([channel, number, message]));
    else this.#count.dropped();
  }

  subscribe(channel: string, handler: (event: BusEvent) => void): () => void {
    return this.#subscribers.add(channel, handler);
  }

  /** What came over Redis. */
  hear(text: string): void {
    const frame = parseFrame(text);
    if (!frame) return;
    const [publisher, messages, numbers] = frame;
    if (publisher === this.publisher) {
      this.#ownSilence = 0;
      return;
    }
    const other = this.#others.get(publisher) ?? { silence: 0, numbers: new Map() };
    this.#others.set(publisher, other);
    other.silence = 0;
    for (const [channel, number, message] of messages) {
      if (!this.#follow(publisher, other, channel, number)) continue;
      this.#count.received();
      this.#subscribers.tell(channel, { type: 'message', publisher, number, message });
    }
    for (const [channel, last] of Object.entries(numbers ?? {}))
      this.#follow(publisher, other, channel, last + 1, last);
  }

  /** At once, so that what was lost while Redis was away shows. */
  announce(): void {
    this.#send(Object.fromEntries(this.#numbers));
  }

  close(): void {
    this.#stopBeating();
    this.#subscribers.close();
    this.#outgoing = [];
  }

  /**
   * `next` is the number that comes now, or would come next. False for one that was told already.
   * @param reached what is known to be told up to, once this is done
   */
  #follow(publisher: string, { numbers }: Other, channel: string, next: number, reached = next): boolean {
    const after = numbers.get(channel) ?? 0;
    if (next <= after) return false;
    if (next > after + 1) this.#tellGap(publisher, channel, after, next);
    numbers.set(channel, reached);
    return true;
  }

  #tellGap(publisher: string, channel: string, after: number, next: number): void {
    this.#countGap();
    this.#subscribers.tell(channel, { type: 'gap', publisher, after, next });
  }

  #beat(): void {
    this.announce();
    for (const [publisher, other] of this.#others) {
      other.silence += 1;
      if (other.silence > SILENT_AFTER) this.#giveUp(publisher, other);
    }
    this.#ownSilence += 1;
    if (this.#ownSilence <= SILENT_AFTER || !this.deps.link.isUp) return;
    this.#ownSilence = 0;
    this.deps.log.warn({}, 'Nothing comes over Redis, though it answers: listening anew');
    this.deps.link.listenAnew();
  }

  /** It ended, or one of us cannot be reached. Whatever it told last may be missing; should it come back, it is new. */
  #giveUp(publisher: string, { numbers }: Other): void {
    this.#others.delete(publisher);
    for (const [channel, after] of numbers)
      this.#tellGap(publisher, channel, after, Number.POSITIVE_INFINITY);
  }

  #queue(text: string): void {
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#send());
    this.#outgoing.push(text);
  }

  /** What was published in one turn goes out as one, unless it is much. */
  #send(numbers?: Record<string, number>): void {
    const messages = this.#outgoing;
    this.#outgoing = [];
    if (messages.length === 0 && numbers === undefined) return;
    const frames = inFrames(messages);
    frames.forEach((frame, index) => {
      this.#sendFrame(frame, index === frames.length - 1 ? numbers : undefined);
    });
  }

  #sendFrame(messages: readonly string[], numbers: Record<string, number> | undefined): void {
    const { link, onStore } = this.deps;
    const { store, channel } = link.keys;
    const frame = `["${this.publisher}",[${messages.join(',')}]${numbers ? `,${JSON.stringify(numbers)}` : ''}]`;
    link
      .call((client) => client.bongsuPublish(store, channel, frame))
      .then(
        (name) => {
          this.#count.sent(messages.length);
          onStore(name);
        },
        () => this.#count.dropped(messages.length),
      );
  }
}

/** At least one. A message that is longer than a frame goes alone. */
function inFrames(messages: readonly string[]): string[][] {
  let frame: string[] = [];
  let length = 0;
  const frames = [frame];
  for (const message of messages) {
    if (frame.length > 0 && length + message.length > LARGEST_FRAME) {
      [frame, length] = [[], 0];
      frames.push(frame);
    }
    frame.push(message);
    length += message.length;
  }
  return frames;
}
