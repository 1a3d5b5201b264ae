import { RateLimitError } from '@bongsu/protocol';
import type { Clock } from '../platform/clock.js';
import type { Bus, CounterState, Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { Metrics } from '../platform/metrics.js';
import { addressKey } from './address.js';
import type { Limit, LimitResult } from './limit.js';
import { SharedUse } from './shared-use.js';
import { TokenBuckets } from './token-buckets.js';

export interface RateLimiterConfig {
  /** RATE_LIMIT_ENABLED: false allows everything. */
  enabled: boolean;
  /** RATE_LIMIT_PER_MINUTE: the limit of `checkLimit` when the caller names none. */
  requestsPerMinute: number;
  /** COMMAND_RATE_PER_MINUTE. */
  commandsPerMinute: number;
  /** HANDSHAKE_FAILURES_PER_MINUTE. */
  handshakeFailuresPerMinute: number;
}

export interface BurstLimit {
  perSecond: number;
  /** How many may come at once after a pause. */
  burst: number;
}

export interface RateLimiterDeps {
  ephemeral: Pick<Ephemeral, 'count'>;
  clock: Clock;
  metrics: Pick<Metrics, 'counter'>;
}

const MINUTE_MS = 60_000;
const MAX_KEYS = 100_000;
/** Commands that may come at once however low the rate is. */
const LEAST_BURST = 20;
const COMMAND_SCOPE = 'command';
const BULK_SCOPE = 'bulk';
/** What a call of that scope may make. */
const COMMANDS_A_BULK = 1000;
const HANDSHAKE_SCOPE = 'handshake';
const LOOK_UP_SCOPE = 'look-up';
const LOOK_UPS: Limit = { limit: 10, windowMs: 1000 };

/**
 * Every limit of the server. `checkLimit` counts through Ephemeral, so over several nodes it is one limit. `checkBurst` is for the command path: synchronous, and with `share` one limit as well,
 * as soon as the nodes have heard of each other.
 * `scope` is a constant of the code (it labels bongsu_rate_limited_total), `key` whoever is counted.
 */
export class RateLimiter {
  readonly #buckets: TokenBuckets;
  readonly #limited;
  #shared: SharedUse | undefined;

  constructor(
    private readonly deps: RateLimiterDeps,
    private readonly config: RateLimiterConfig,
  ) {
    const burst = Math.max(LEAST_BURST, Math.ceil(config.commandsPerMinute / 60));
    this.#buckets = new TokenBuckets({ perMinute: config.commandsPerMinute, burst, maxKeys: MAX_KEYS });
    this.#limited = deps.metrics.counter('bongsu_rate_limited_total', 'Calls refused by a rate limit', [
      'scope',
    ]);
  }

  /**
   * Counts a call and says whether it may go on. Never throws.
   * @example const result = await limiter.checkLimit('http', userId)
   */
  async checkLimit(
    scope: string,
    key: string,
    limit: Limit = this.#defaultLimit(scope),
  ): Promise<LimitResult> {
    if (!this.config.enabled) return unlimited(limit);
    return this.#judge(scope, limit, await this.#count(scope, key, limit, 1));
  }

  /** Whether the next call would be refused; counts nothing. */
  async isUsedUp(scope: string, key: string, limit: Limit = this.#defaultLimit(scope)): Promise<boolean> {
    return this.config.enabled && (await this.#count(scope, key, limit, 0)).count >= limit.limit;
  }

  /** As `checkLimit`, but a refusal is thrown. @throws RateLimitError */
  async enforceLimit(scope: string, key: string, limit?: Limit): Promise<void> {
    const { allowed, retryAfterMs = 0 } = await this.checkLimit(scope, key, limit);
    if (!allowed) throw new RateLimitError(retryAfterMs);
  }

  /** A look-up in SQL for an address that used up its failures. @throws RateLimitError past a few a second */
  paceLookUps(ip: string): Promise<void> {
    return this.enforceLimit(LOOK_UP_SCOPE, `ip:${addressKey(ip)}`, LOOK_UPS);
  }

  /**
   * Takes a call back that turned out not to count, such as a right guess. Guesses are counted before they are looked
   * at and given back afterwards, so that many at once are no way around the limit.
   */
  async refund(scope: string, key: string, limit: Limit): Promise<void> {
    if (this.config.enabled) await this.#count(scope, key, limit, -1);
  }

  /**
   * A command of `key` (a user): COMMAND_RATE_PER_MINUTE, with a burst of one second's worth or 20, whichever is more.
   * @param now milliseconds of a clock that never goes back
   */
  checkBurst(key: string, now: number = this.deps.clock.monotonic()): LimitResult {
    if (!this.config.enabled) return unlimited({ limit: this.config.commandsPerMinute, windowMs: MINUTE_MS });
    const result = this.#buckets.take(key, now);
    if (result.allowed) this.#shared?.note(key);
    else this.#limited.inc({ scope: COMMAND_SCOPE });
    return result;
  }

  /** From now on commands that other nodes let through count here too, and those of this one there. @returns what ends it */
  share(bus: Bus): () => void {
    const { clock } = this.deps;
    const shared = new SharedUse({
      ...{ bus, clock, perMinute: this.config.commandsPerMinute },
      onUse: (key, count) => this.#buckets.spend(key, count, clock.monotonic()),
    });
    this.#shared = shared;
    return () => shared.stop();
  }

  /**
   * A limit of its own for a hot path: synchronous, each node for itself. What it answers counts one call of a key, and throws
   * RateLimitError past the limit.
   * @example const countSignal = limiter.burstLimit('signal', { perSecond: 200, burst: 400 })
   */
  burstLimit(scope: string, { perSecond, burst }: BurstLimit): (key: string) => void {
    const buckets = new TokenBuckets({ perMinute: perSecond * 60, burst, maxKeys: MAX_KEYS });
    return (key) => {
      if (!this.config.enabled) return;
      const { allowed, retryAfterMs = 0 } = buckets.take(key, this.deps.clock.monotonic());
      if (allowed) return;
      this.#limited.inc({ scope });
      throw new RateLimitError(retryAfterMs);
    };
  }

  /** Counts a refused or unauthenticated handshake. */
  async recordFailure(ip: string): Promise<void> {
    if (this.config.enabled) await this.#count(HANDSHAKE_SCOPE, addressKey(ip), this.#handshakeLimit(), 1);
  }

  /** To ask of a failed handshake: has the address used up its failures for this minute? Valid tokens pass all the same. */
  async isBlocked(ip: string): Promise<boolean> {
    if (!this.config.enabled) return false;
    const limit = this.#handshakeLimit();
    const { count } = await this.#count(HANDSHAKE_SCOPE, addressKey(ip), limit, 0);
    if (count < limit.limit) return false;
    this.#limited.inc({ scope: HANDSHAKE_SCOPE });
    return true;
  }

  #judge(scope: string, { limit }: Limit, { count, resetMs }: CounterState): LimitResult {
    if (count <= limit) return { allowed: true, limit, remaining: limit - count, resetMs };
    this.#limited.inc({ scope });
    return { allowed: false, limit, remaining: 0, resetMs, retryAfterMs: resetMs };
  }

  #count(scope: string, key: string, { windowMs }: Limit, by: number): Promise<CounterState> {
    return this.deps.ephemeral.count(`limit:${scope}:${key}`, windowMs, by);
  }

  #defaultLimit(scope: string): Limit {
    const { requestsPerMinute, commandsPerMinute } = this.config;
    const limit =
      scope === BULK_SCOPE ? Math.max(1, Math.floor(commandsPerMinute / COMMANDS_A_BULK)) : requestsPerMinute;
    return { limit, windowMs: MINUTE_MS };
  }

  #handshakeLimit(): Limit {
    return { limit: this.config.handshakeFailuresPerMinute, windowMs: MINUTE_MS };
  }
}

function unlimited({ limit }: Limit): LimitResult {
  return { allowed: true, limit, remaining: limit, resetMs: 0 };
}
