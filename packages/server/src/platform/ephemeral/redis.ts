import { FreshRun } from '../fresh-run.js';
import { uuidv7 } from '../ids.js';
import type { Metrics } from '../metrics.js';
import type { CounterState, Ephemeral, EphemeralHealth } from './ephemeral.js';
import { MemoryStore } from './memory-store.js';
import { RedisBus } from './redis-bus.js';
import { createAdapterClient, type RedisClient } from './redis-client.js';
import { type RedisCommands, RedisLink, type RedisLinkDeps } from './redis-link.js';
import { RedisMirror } from './redis-mirror.js';
import { RedisPresence } from './redis-presence.js';
import type { RedisConfig } from './redis-server.js';
import type { StreamMirror } from './stream-mirror.js';

export interface RedisEphemeralDeps extends RedisLinkDeps {
  metrics: Pick<Metrics, 'counter' | 'tally'>;
}

/**
 * `Ephemeral` over Redis. No call rejects or waits for long: while Redis is away, counters, values and presence are those of this
 * process, in bounded memory.
 */
export class RedisEphemeral implements Ephemeral {
  readonly kind = 'redis';
  readonly bus: RedisBus;
  readonly presence: RedisPresence;
  readonly #link: RedisLink;
  readonly #local: MemoryStore;
  readonly #adapterClients: RedisClient[] = [];
  readonly #newStoreListeners = new Set<() => void>();
  /** Not to be printed: it holds the password. */
  readonly #config: RedisConfig;
  #store: string | undefined;

  private constructor(
    private readonly deps: RedisEphemeralDeps,
    config: RedisConfig,
  ) {
    this.#config = config;
    const { clock, log, metrics } = deps;
    this.#link = new RedisLink(deps, config);
    this.#local = new MemoryStore(clock, log);
    this.presence = new RedisPresence(this.#link, this.#local.presence, clock);
    this.bus = new RedisBus({
      clock,
      log,
      metrics,
      link: this.#link,
      onStore: (name) => this.#noteStore(name),
    });
    const announcing = new FreshRun(() => this.presence.announce());
    const announce = () => void announcing.run().catch(() => undefined);
    this.#link.onUp(() => {
      this.bus.announce();
      announce();
    });
    this.onNewStore(announce);
  }

  /** Connects; goes on without a Redis that cannot be reached. @throws RedisRefused for one that will never do */
  static async open(config: RedisConfig, deps: RedisEphemeralDeps): Promise<RedisEphemeral> {
    const ephemeral = new RedisEphemeral(deps, config);
    try {
      await ephemeral.#link.open((frame) => ephemeral.bus.hear(frame));
    } catch (error) {
      await ephemeral.close();
      throw error;
    }
    ephemeral.bus.start();
    return ephemeral;
  }

  count(key: string, windowMs: number, by = 1): Promise<CounterState> {
    return this.#try(
      async (client) => {
        const [count, resetMs] = await client.bongsuCount(
          this.#link.keys.counter(key, windowMs),
          by,
          wholeMs(windowMs),
        );
        return { count, resetMs };
      },
      () => this.#local.count(key, windowMs, by),
    );
  }

  /** What was stored here while Redis was away still holds: nonces that were used then stay used. */
  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<{ stored: boolean; value: string }> {
    const known = this.#local.valueOf(key);
    if (known !== undefined) return { stored: false, value: known };
    return this.#try(
      async (client) => {
        const there = await client.bongsuSetIfAbsent(this.#link.keys.value(key), value, wholeMs(ttlMs));
        return { stored: there === null, value: there ?? value };
      },
      () => this.#local.setIfAbsent(key, value, ttlMs),
    );
  }

  health(): EphemeralHealth {
    const fault = this.#link.fault();
    if (fault === undefined) return this.#local.health();
    const consequence = this.#link.isUp
      ? ''
      : ' Limits, nonces and presence are kept in this process, and nodes hear of each other by SQL alone.';
    return { status: 'degraded', message: `Redis: ${fault}.${consequence}` };
  }

  /** Tells when what was stored is gone: flushed, restarted empty, or lost by a failover. */
  onNewStore(listener: () => void): () => void {
    this.#newStoreListeners.add(listener);
    return () => this.#newStoreListeners.delete(listener);
  }

  /** Copies of rows under that name. */
  mirror(name: string): StreamMirror {
    return new RedisMirror(this.#link, name, (listener) => {
      this.#link.onUp(listener);
      return this.onNewStore(listener);
    });
  }

  /** For @socket.io/redis-streams-adapter; ends with this. */
  adapterClient(): RedisClient {
    const client = createAdapterClient(this.#config);
    this.#adapterClients.push(client);
    return client;
  }

  async close(): Promise<void> {
    this.bus.close();
    this.#link.close();
    this.#newStoreListeners.clear();
    for (const client of this.#adapterClients) client.disconnect();
    await this.#local.close();
  }

  #try<T>(work: (client: RedisCommands) => Promise<T>, fallback: () => Promise<T>): Promise<T> {
    return this.#link.call(work).catch(fallback);
  }

  #noteStore(name: string | null): void {
    if (name === null) this.#nameStore();
    else if (this.#store === undefined) this.#store = name;
    else if (name !== this.#store) {
      this.#store = name;
      this.deps.log.warn({}, 'What Redis held is gone: telling it anew');
      for (const listener of this.#newStoreListeners) listener();
    }
  }

  /** Of several nodes that find it without a name one gives it; all see it at their next heartbeat. */
  #nameStore(): void {
    const { store } = this.#link.keys;
    this.#link.call((client) => client.set(store, uuidv7(), 'NX')).catch(() => undefined);
  }
}

const wholeMs = (ms: number) => Math.max(1, Math.ceil(ms));
