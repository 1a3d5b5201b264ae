import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { CounterState, EphemeralHealth } from './ephemeral.js';
import { ExpiringMap } from './expiring-map.js';
import { MemoryPresence } from './memory-presence.js';
import { WindowCounters } from './window-counters.js';

export interface MemoryStoreConfig {
  /** Each kind has its own room, so that a flood of one cannot push out another. */
  maxCounters: number;
  maxValues: number;
  maxMembers: number;
}

const DEFAULTS: MemoryStoreConfig = {
  maxCounters: 100_000,
  maxValues: 200_000,
  maxMembers: 100_000,
};

const SWEEP_PERIOD_MS = 5_000;
/** How long health tells of an eviction. */
const EVICTION_NOTICE_MS = 60_000;

/** Counters, values and presence of one process. Reads are exact; the sweep only gives memory back. */
export class MemoryStore {
  readonly presence: MemoryPresence;
  readonly #counters: WindowCounters;
  readonly #values: ExpiringMap<string>;
  readonly #stopSweeping: () => void;
  #evictedBefore = 0;
  #evictedAt: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    config: MemoryStoreConfig = DEFAULTS,
  ) {
    this.presence = new MemoryPresence(clock, config.maxMembers);
    this.#counters = new WindowCounters(clock, config.maxCounters);
    this.#values = new ExpiringMap(clock, config.maxValues);
    this.#stopSweeping = clock.every(SWEEP_PERIOD_MS, () => this.#sweep());
  }

  async count(key: string, windowMs: number, by?: number): Promise<CounterState> {
    return this.#counters.count(key, windowMs, by);
  }

  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<{ stored: boolean; value: string }> {
    const known = this.#values.get(key);
    if (known !== undefined) return { stored: false, value: known };
    this.#values.set(key, value, ttlMs);
    return { stored: true, value };
  }

  valueOf(key: string): string | undefined {
    return this.#values.get(key);
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
