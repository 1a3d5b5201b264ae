import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { CounterState, Ephemeral, EphemeralHealth } from './ephemeral.js';
import { ExpiringMap } from './expiring-map.js';
import { MemoryBus } from './memory-bus.js';
import { MemoryPresence } from './memory-presence.js';
import { WindowCounters } from './window-counters.js';

export interface MemoryEphemeralConfig {
  /** Each kind has its own room, so that a flood of one cannot push out another. */
  maxCounters: number;
  maxValues: number;
  maxMembers: number;
}

const MEMORY_EPHEMERAL_DEFAULTS: MemoryEphemeralConfig = {
  maxCounters: 100_000,
  maxValues: 200_000,
  maxMembers: 100_000,
};

const SWEEP_PERIOD_MS = 5_000;
/** How long health tells of an eviction. */
const EVICTION_NOTICE_MS = 60_000;

/** `Ephemeral` in one process. Reads are exact; the sweep only gives memory back. */
export class MemoryEphemeral implements Ephemeral {
  readonly kind = 'memory';
  readonly bus: MemoryBus;
  readonly presence: MemoryPresence;
  readonly #counters: WindowCounters;
  readonly #values: ExpiringMap<string>;
  readonly #stopSweeping: () => void;
  #evictedBefore = 0;
  #evictedAt: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    config: MemoryEphemeralConfig = MEMORY_EPHEMERAL_DEFAULTS,
  ) {
    this.bus = new MemoryBus(log);
    this.presence = new MemoryPresence(clock, config.maxMembers);
    this.#counters = new WindowCounters(clock, config.maxCounters);
    this.#values = new ExpiringMap(clock, config.maxValues);
    this.#stopSweeping = clock.every(SWEEP_PERIOD_MS, () => this.#sweep());
  }

  async count(key: string, windowMs: number, by?: number): Promise<CounterState> {
    return this.#counters.count(key, windowMs, by);
  }

  async resetCount(key: string, windowMs: number): Promise<void> {
    this.#counters.reset(key, windowMs);
  }

  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<{ stored: boolean; value: string }> {
    const known = this.#values.get(key);
    if (known !== undefined) return { stored: false, value: known };
    this.#values.set(key, value, ttlMs);
    return { stored: true, value };
  }

  async get(key: string): Promise<string | undefined> {
    return this.#values.get(key);
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    this.#values.set(key, value, ttlMs);
  }

  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }

  /** Degraded while live entries had to go for want of room: limits and nonces then forget too early. */
  health(): EphemeralHealth {
    this.#noticeEvictions();
    if (!this.#evictedLately()) return { status: 'ok' };
    return { status: 'degraded', message: 'The in-process store is full and forgets early.' };
  }

  /** How many entries are held, ended ones that were not swept yet included. */
  get size(): number {
    return this.#counters.size + this.#values.size + this.presence.size;
  }

  async close(): Promise<void> {
    this.#stopSweeping();
    this.bus.close();
    this.presence.clear();
    this.#counters.clear();
    this.#values.clear();
  }

  #sweep(): void {
    this.#counters.sweep();
    this.#values.sweep();
    this.presence.sweep();
    this.#noticeEvictions();
  }

  #noticeEvictions(): void {
    const evicted = this.#counters.evicted + this.#values.evicted + this.presence.evicted;
    if (evicted === this.#evictedBefore) return;
    if (!this.#evictedLately()) {
      this.log.warn({ evicted }, 'The in-process store is full and forgets what ends soonest');
    }
    this.#evictedBefore = evicted;
    this.#evictedAt = this.clock.monotonic();
  }

  #evictedLately(): boolean {
    return this.#evictedAt !== undefined && this.clock.monotonic() - this.#evictedAt <= EVICTION_NOTICE_MS;
  }
}
