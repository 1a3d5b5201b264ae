import { LRUCache } from 'lru-cache';
import { upTo } from '../platform/grown-cache.js';
import type { LimitResult } from './limit.js';

export interface TokenBucketsConfig {
  perMinute: number;
  /** How many may come at once after a pause. */
  burst: number;
  maxKeys: number;
}

/** A refused key stays refused for so long at least, so that what was sent behind a refused call does not overtake it. */
const LEAST_HOLD_MS = 100;
// Sums of fractions of a millisecond drift by far less than this.
const ROUNDING_MS = 1e-3;

/** What others spent keeps nobody waiting for longer, whatever they say. */
const LONGEST_DEBT_MS = 10_000;

interface Bucket {
  /** When it will be full again, in milliseconds. */
  fullAt: number;
  /** Until then everything is refused. */
  heldUntil: number;
}

/**
 * Token buckets by the generic cell rate algorithm, with a hold after each refusal: two numbers a key, and no timer.
 * Synchronous, for the hot path. Of more than `maxKeys` keys the longest unused is forgotten, which is as good as a
 * full bucket.
 */
export class TokenBuckets {
  readonly #buckets: LRUCache<string, Bucket>;
  readonly #intervalMs: number;

  constructor(private readonly config: TokenBucketsConfig) {
    this.#intervalMs = 60_000 / config.perMinute;
    this.#buckets = new LRUCache(upTo(config.maxKeys));
  }

  /** Takes a token if there is one. `now` in milliseconds of a clock that never goes back. */
  take(key: string, now: number): LimitResult {
    const { burst } = this.config;
    const bucket = this.#bucketOf(key, now);
    bucket.fullAt = Math.max(bucket.fullAt, now);
    const missingMs = bucket.fullAt - now - (burst - 1) * this.#intervalMs;
    const isHeld = bucket.heldUntil - now > ROUNDING_MS;
    if (!isHeld && missingMs > ROUNDING_MS) bucket.heldUntil = now + Math.max(missingMs, LEAST_HOLD_MS);
    if (isHeld || missingMs > ROUNDING_MS) return this.#refusal(bucket, now);
    const spent = (bucket.fullAt - now) / this.#intervalMs;
    bucket.fullAt += this.#intervalMs;
    return {
      allowed: true,
      limit: burst,
      remaining: Math.max(0, Math.floor(burst - spent - 1 + ROUNDING_MS / this.#intervalMs)),
      resetMs: Math.ceil(bucket.fullAt - now),
    };
  }

  /** Takes tokens that others spent, also those that there are not: then nothing is left for a while. */
  spend(key: string, count: number, now: number): void {
    const bucket = this.#bucketOf(key, now);
    const spentAt = Math.max(bucket.fullAt, now) + count * this.#intervalMs;
    const emptyAt = now + this.config.burst * this.#intervalMs;
    bucket.fullAt = Math.min(spentAt, Math.max(bucket.fullAt, emptyAt + LONGEST_DEBT_MS));
  }

  #bucketOf(key: string, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known) return known;
    const bucket = { fullAt: now, heldUntil: now };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #refusal({ fullAt, heldUntil }: Bucket, now: number): LimitResult {
    return {
      allowed: false,
      limit: this.config.burst,
      remaining: 0,
      resetMs: Math.ceil(Math.max(fullAt, heldUntil) - now),
      retryAfterMs: Math.ceil(heldUntil - now - ROUNDING_MS / 2),
    };
  }
}
