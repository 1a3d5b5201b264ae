import { LRUCache } from 'lru-cache';
import type { LimitResult } from './limit.js';

export interface TokenBucketsConfig {
  perMinute: number;
  /** How many may come at once after a pause. */
  burst: number;
  maxKeys: number;
}

// Sums of fractions of a millisecond drift by far less than this.
const ROUNDING_MS = 1e-3;

/**
 * Token buckets by the generic cell rate algorithm: one number a key, and no timer. Synchronous, for the hot path. Of
 * more than `maxKeys` keys the longest unused is forgotten, which is as good as a full bucket.
 */
export class TokenBuckets {
  /** When the bucket of a key will be full again, in milliseconds. */
  readonly #fullAt: LRUCache<string, number>;
  readonly #intervalMs: number;

  constructor(private readonly config: TokenBucketsConfig) {
    this.#intervalMs = 60_000 / config.perMinute;
    this.#fullAt = new LRUCache({ max: config.maxKeys });
  }

  /** Takes a token if there is one. `now` in milliseconds of a clock that never goes back. */
  take(key: string, now: number): LimitResult {
    const { burst } = this.config;
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now);
    const spent = (fullAt - now) / this.#intervalMs;
    const missingMs = fullAt - now - (burst - 1) * this.#intervalMs;
    if (missingMs > ROUNDING_MS) {
      return {
        allowed: false,
        limit: burst,
        remaining: 0,
        resetMs: Math.ceil(fullAt - now),
        retryAfterMs: Math.ceil(missingMs),
      };
    }
    this.#fullAt.set(key, fullAt + this.#intervalMs);
    return {
      allowed: true,
      limit: burst,
      remaining: Math.max(0, Math.floor(burst - spent - 1 + ROUNDING_MS / this.#intervalMs)),
      resetMs: Math.ceil(fullAt + this.#intervalMs - now),
    };
  }
}
