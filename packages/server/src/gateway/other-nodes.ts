import { createAdapter } from '@socket.io/redis-streams-adapter';
import type { Namespace } from 'socket.io';
import { type Clock, sleep } from '../platform/clock.js';
import type { Metrics } from '../platform/metrics.js';

/** What the adapter needs of the driver's client. */
export interface AdapterClient {
  readonly status: string;
  xadd(entry: unknown): Promise<unknown>;
  xread(...args: unknown[]): Promise<unknown>;
  duplicate(): AdapterClient;
  disconnect(): void;
  on(event: 'close', listener: () => void): unknown;
  once(event: 'ready', listener: () => void): unknown;
}

export interface OtherNodesDeps {
  client: AdapterClient;
  /** REDIS_PREFIX. */
  prefix: string;
  clock: Clock;
  metrics: Pick<Metrics, 'counter'>;
}

/** What the adapter sends for a broadcast, and emits on each node that gets it. */
interface Broadcast {
  type: typeof BROADCAST;
  data: {
    packet: { type: typeof EVENT; data: [event: string, payload: unknown] };
    opts: { rooms: readonly string[]; except: readonly string[]; flags: object };
  };
}

/** As socket.io-adapter and socket.io-parser number them. */
const BROADCAST = 3;
const EVENT = 2;
/** Some seconds of many pushes: who lags further behind misses some. */
const MAX_ENTRIES = 5000;
/** Of a Redis that takes entries but does not answer. */
const MAX_UNDER_WAY = 1000;
const PAUSE_MS = 500;

/**
 * The sockets of the other nodes, over a stream of Redis. Nothing here is sent to sockets of this node: whoever tells a group has told
 * them before, and did not wait. What Redis does not take is lost.
 */
export class OtherNodes {
  /** For the Socket.IO server. */
  readonly adapter: ReturnType<typeof createAdapter>;
  readonly #client: AdapterClient;
  readonly #readers: AdapterClient[] = [];
  readonly #ending = new AbortController();
  readonly #publish: AdapterClient['xadd'];
  readonly #countDropped: () => void;
  #underWay = 0;
  #namespace: Namespace | undefined;

  constructor({ client, prefix, clock, metrics }: OtherNodesDeps) {
    const dropped = metrics.counter('bongsu_pushes_dropped_total', 'Pushes that other nodes were not sent.');
    this.#countDropped = () => dropped.inc();
    this.#client = client;
    this.#publish = client.xadd.bind(client);
    const duplicate = client.duplicate.bind(client);
    client.duplicate = () => this.#patient(duplicate(), clock);
    client.xadd = (entry) => this.#add(entry);
    this.adapter = createAdapter(client, {
      streamName: `${prefix}:pushes`,
      channelPrefix: `${prefix}:pushes`,
      maxLen: MAX_ENTRIES,
      onlyPlaintext: true,
    });
  }

  bind(namespace: Namespace): void {
    this.#namespace = namespace;
  }

  /**
   * Once to each socket that is in one of these rooms. Not by `namespace.except(all that are here)`: that would walk through all sockets
   * of this node each time.
   */
  emit(rooms: readonly string[], event: string, payload: unknown): void {
    const adapter = this.#namespace?.adapter as unknown as { publish(message: Broadcast): void } | undefined;
    adapter?.publish({
      type: BROADCAST,
      data: { packet: { type: EVENT, data: [event, payload] }, opts: { rooms, except: [], flags: {} } },
    });
  }

  close(): void {
    this.#ending.abort();
    this.#namespace?.adapter.close();
    for (const client of [this.#client, ...this.#readers]) client.disconnect();
  }

  /** Never waits for Redis to come back: what is told late is worth nothing. */
  async #add(entry: unknown): Promise<unknown> {
    if (this.#client.status !== 'ready' || this.#underWay >= MAX_UNDER_WAY) {
      this.#countDropped();
      throw new Error('Redis does not take pushes for now');
    }
    this.#underWay += 1;
    try {
      return await this.#publish(entry);
    } catch (error) {
      this.#countDropped();
      throw error;
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * Reads while there is a connection. What was told while there was none is late, and a Redis that was started anew may number lower: so
   * after that it begins with what comes next. The adapter reads again at once when a read failed, even one that failed at once: without
   * a pause this process would do nothing else.
   */
  #patient(reader: AdapterClient, clock: Clock): AdapterClient {
    this.#readers.push(reader);
    const xread = reader.xread.bind(reader);
    let beginsAnew = false;
    let giveUp = () => {};
    reader.on('close', () => giveUp());
    reader.xread = async (...args) => {
      if (reader.status !== 'ready') await new Promise<void>((resolve) => reader.once('ready', resolve));
      const lost = new Promise<never>((_, reject) => {
        giveUp = () => reject(new Error('The connection was lost'));
      });
      try {
        const entries = await Promise.race([
          xread(...(beginsAnew ? [...args.slice(0, -1), '$'] : args)),
          lost,
        ]);
        if (entries !== null) beginsAnew = false;
        return entries;
      } catch (error) {
        beginsAnew = true;
        if (reader.status === 'ready') await sleep(clock, PAUSE_MS, this.#ending.signal).catch(forever);
        throw error;
      }
    };
    return reader;
  }
}

/** Ends the loop of a reader: what it waits for never comes. */
function forever(): Promise<never> {
  return new Promise(() => {});
}
