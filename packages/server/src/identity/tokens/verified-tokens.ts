import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock, DatabaseClock } from '../../platform/clock.js';
import { upTo } from '../../platform/grown-cache.js';
import { type CacheCounts, countCache, type Metrics } from '../../platform/metrics.js';
import type { AccessClaims } from './access-claims.js';

export interface VerifiedTokensDeps {
  clock: Pick<Clock, 'monotonic'>;
  now: DatabaseClock;
  metrics: Metrics;
  /** False when keys may have been changed by other processes: then nothing cached is believed. */
  feedIsFresh(): boolean;
  /** Whether tokens of this key still count. */
  countsKey(kid: string): boolean;
}

interface Verified {
  kid: string;
  claims: AccessClaims;
}

const MAX_CACHED = 1000;
const CACHE_MS = 5 * 60_000;
/** For clocks that differ: a token counts so long past its end. */
export const CLOCK_TOLERANCE_MS = 5000;

/**
 * Access tokens whose signature was found right. Only successes are kept, by SHA-256 of the whole token: what differs in one
 * character is another token. Time and key are looked at again at each hit; whether the login lives is the caller's to ask.
 */
export class VerifiedTokens {
  readonly #deps: VerifiedTokensDeps;
  readonly #cache: LRUCache<string, Verified>;
  readonly #counts: CacheCounts;

  constructor(deps: VerifiedTokensDeps) {
    this.#deps = deps;
    this.#counts = countCache(deps.metrics, 'jwt');
    this.#cache = new LRUCache({
      ...upTo(MAX_CACHED),
      perf: { now: () => deps.clock.monotonic() },
      ttlResolution: 0,
    });
  }

  find(token: string): AccessClaims | undefined {
    const { claims, kid } = this.#cache.get(keyOf(token)) ?? {};
    if (claims && kid !== undefined && this.#stillCounts(claims, kid)) {
      this.#counts.hit();
      return claims;
    }
    this.#counts.miss();
    return undefined;
  }

  keep(token: string, kid: string, claims: AccessClaims): void {
    const ttl = Math.min(CACHE_MS, claims.expiresAt - this.#deps.now());
    if (ttl > 0) this.#cache.set(keyOf(token), { kid, claims: Object.freeze(claims) }, { ttl });
  }

  clear(): void {
    this.#cache.clear();
  }

  #stillCounts({ expiresAt }: AccessClaims, kid: string): boolean {
    const { now, feedIsFresh, countsKey } = this.#deps;
    const isInTime = now() < expiresAt + CLOCK_TOLERANCE_MS;
    return isInTime && countsKey(kid) && feedIsFresh();
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}
