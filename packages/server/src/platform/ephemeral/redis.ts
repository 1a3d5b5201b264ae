import { FreshRun } from '../fresh-run.js';
import type { Metrics } from '../metrics.js';
import type { CounterState, Ephemeral, EphemeralHealth } from './ephemeral.js';
import { MemoryStore } from './memory-store.js';
import { RedisBridge } from './redis-bridge.js';
import { RedisBus } from './redis-bus.js';
import { createAdapterClient, type RedisClient } from './redis-client.js';
import { type RedisCommands, RedisLink, type RedisLinkDeps } from './redis-link.js';
import { RedisMirror } from './redis-mirror.js';
import { RedisPresence } from './redis-presence.js';
import type { RedisConfig } from './redis-server.js';
import { StoreWatch } from './store-watch.js';
import type { StreamMirror } from './stream-mirror.js';

export interface RedisEphemeralDeps extends RedisLinkDeps {
  metrics: Pick<Metrics, 'counter' | 'tally' | 'gauge'>;
}

/** On nodes of a further region. */
export interface HomeConfig {
  redis: RedisConfig;
  /** REGION: of this node. */
  region: string;
}

/** How often a node of a further region looks whether what it told at home is still there. */
const LOOK_MS = 1000;

/**
 * `Ephemeral` over Redis. In a further region counters, values and the bus are over its own, the bus carried to the others by a bridge;
 * presence and mirrors, which are one for all nodes, are over the Redis at home (docs/decisions/0090). No call rejects or waits for
 * long: while Redis is away, counters, values and presence are those of this process, in bounded memory.
 */
export class RedisEphemeral implements Ephemeral {
  readonly kind = 'redis';
  readonly bus: RedisBus;
  readonly presence: RedisPresence;
  readonly #link: RedisLink;
  /** Where what all regions share is kept: the same, but in a further region. */
  readonly #shared: RedisLink;
  readonly #bridge: RedisBridge | undefined;
  readonly #stores: { own: StoreWatch; shared: StoreWatch };
  readonly #local: MemoryStore;
  readonly #adapterClients: RedisClient[] = [];
  /** Not to be printed: it holds the password. */
  readonly #config: RedisConfig;
  #stopLooking = () => {};

  private constructor(
    private readonly deps: RedisEphemeralDeps,
    config: RedisConfig,
    home: HomeConfig | undefined,
  ) {
    this.#config = config;
    const { clock, log, metrics } = deps;
    this.#link = new RedisLink(deps, config);
    this.#shared = home ? new RedisLink(deps, home.redis, { isHome: true }) : this.#link;
    const own = new StoreWatch(this.#link, log);
    this.#stores = { own, shared: home ? new StoreWatch(this.#shared, log) : own };
    this.#local = new MemoryStore(clock, log);
    this.presence = new RedisPresence(this.#shared, this.#local.presence, clock);
    this.bus = new RedisBus({
      clock,
      log,
      metrics,
      link: this.#link,
      onStore: (name) => own.note(name),
    });
    this.#bridge = home && this.#makeBridge(home);
    this.#announceWhenBack();
  }

  #makeBridge({ redis, region }: HomeConfig): RedisBridge {
    return new RedisBridge({
      ...this.deps,
      ...{ region, own: this.bus.publisher },
      stores: () => ({ here: this.#stores.own.name, home: this.#stores.shared.name }),
      here: { link: this.#link, config: this.#config },
      home: { link: this.#shared, config: redis },
    });
  }

  #announceWhenBack(): void {
    const announcing = new FreshRun(() => this.presence.announce());
    const announce = () => void announcing.run().catch(() => undefined);
    this.#link.onUp(() => this.bus.announce());
    this.#shared.onUp(announce);
    this.#stores.shared.onNew(announce);
  }

  /** Connects; goes on without a Redis that cannot be reached. @throws RedisRefused for one that will never do */
  static async open(
    config: RedisConfig,
    deps: RedisEphemeralDeps,
    home?: HomeConfig,
  ): Promise<RedisEphemeral> {
    const ephemeral = new RedisEphemeral(deps, config, home);
    try {
      await ephemeral.#open();
      return ephemeral;
    } catch (error) {
      await ephemeral.close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const bridge = this.#bridge;
    const opening = [
      this.#link.open((frame) => {
        this.bus.hear(frame);
        bridge?.hearHere(frame);
      }),
      ...(bridge ? [this.#shared.open((frame) => bridge.hearHome(frame))] : []),
    ];
    for (const opened of await Promise.allSettled(opening))
      if (opened.status === 'rejected') throw opened.reason;
    this.bus.start();
    if (!bridge) return;
    bridge.start();
    // Nodes at home hear of their store at each heartbeat.
    void this.#stores.shared.look();
    this.#stopLooking = this.deps.clock.every(LOOK_MS, () => void this.#stores.shared.look());
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
    const kept = this.#bridge ? 'Limits and nonces' : 'Limits, nonces and presence';
    const consequence = this.#link.isUp
      ? ''
      : ` ${kept} are kept in this process, and nodes hear of each other by SQL alone.`;
    return { status: 'degraded', message: `Redis: ${fault}.${consequence}` };
  }

  /** Of the bridge to the home region; undefined where there is none. */
  bridgeHealth(): EphemeralHealth | undefined {
    return this.#bridge?.health();
  }

  /** Tells when what all nodes share is gone from Redis. */
  onNewStore(listener: () => void): () => void {
    return this.#stores.shared.onNew(listener);
  }

  /** Copies of rows under that name. */
  mirror(name: string): StreamMirror {
    return new RedisMirror(this.#shared, name, (listener) => {
      this.#shared.onUp(listener);
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
    this.#stopLooking();
    this.bus.close();
    await this.#bridge?.close();
    for (const link of [this.#link, this.#shared]) link.close();
    for (const store of [this.#stores.own, this.#stores.shared]) store.close();
    for (const client of this.#adapterClients) client.disconnect();
    await this.#local.close();
  }

  #try<T>(work: (client: RedisCommands) => Promise<T>, fallback: () => Promise<T>): Promise<T> {
    return this.#link.call(work).catch(fallback);
  }
}

const wholeMs = (ms: number) => Math.max(1, Math.ceil(ms));
