import { timingSafeEqual } from 'node:crypto';
import { AuthenticationError } from '@bongsu/protocol';
import { LRUCache } from 'lru-cache';
import type { Clock, DatabaseClock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import { upTo } from '../../platform/grown-cache.js';
import type { Log } from '../../platform/log.js';
import { type CacheCounts, countCache, type Metrics } from '../../platform/metrics.js';
import { keyLogin, type UserPrincipal } from '../../platform/principal.js';
import type { IdentityConfig } from '../config.js';
import type { KeyedHashes } from '../keyed-hashes.js';
import { LastUses } from '../last-uses.js';
import { mustHaveFactor } from '../mfa/must-have-factor.js';
import { findKeyHolder, type KeyHolderRow, writeLastUsed } from '../store/api-keys.js';
import { parseKey } from './format.js';

export interface KeyHoldersDeps {
  config: Pick<IdentityConfig, 'mfaRequiredFor'>;
  database: Database;
  clock: Clock;
  now: DatabaseClock;
  log: Log;
  metrics: Metrics;
  hashes(): KeyedHashes;
  /** False when revocations of other processes may have been missed: then nothing cached is believed. */
  feedIsFresh(): boolean;
}

const MAX_CACHED = 5_000;
const CACHE_MS = 60_000;
const MAX_UNKNOWN = 10_000;
const UNKNOWN_MS = 5000;
const USED_PERIOD_MS = 60_000;

/**
 * API keys in memory, so that a request costs no SQL. What is cached is the row, never a verdict: the secret, the end and the
 * owner's state are asked of it each time. Whatever ends or changes a key makes it be forgotten here, at once for what this
 * process does and within seconds (the revocation feed) for the others.
 */
export class KeyHolders {
  readonly #deps: KeyHoldersDeps;
  readonly #cache: LRUCache<string, KeyHolderRow>;
  /** Ids that are no key's: trying one again and again costs no SQL. No key ever gets an id that was tried before. */
  readonly #unknown: LRUCache<string, true>;
  readonly #counts: CacheCounts;
  readonly #unknownCounts: CacheCounts;
  readonly #uses: LastUses;
  /** Rises whenever something is forgotten: what was read before must not be cached after. */
  #version = 0;

  constructor(deps: KeyHoldersDeps) {
    this.#deps = deps;
    const perf = { now: () => deps.clock.monotonic() };
    this.#counts = countCache(deps.metrics, 'api_keys');
    this.#unknownCounts = countCache(deps.metrics, 'unknown_api_keys');
    this.#cache = new LRUCache({ ...upTo(MAX_CACHED), ttl: CACHE_MS, ttlResolution: 0, perf });
    this.#unknown = new LRUCache({ ...upTo(MAX_UNKNOWN), ttl: UNKNOWN_MS, ttlResolution: 0, perf });
    this.#uses = new LastUses({
      clock: deps.clock,
      log: deps.log,
      maxKnown: MAX_CACHED,
      write: (uses) => writeLastUsed(deps.database, uses),
      failure: 'when API keys were last used could not be written',
    });
  }

  start(): void {
    this.#uses.start();
  }

  stop(): Promise<void> {
    return this.#uses.stop();
  }

  /**
   * API key → whose it is. The checksum is compared before anything is looked up.
   * @param beforeLookUp awaited when it has to be read from SQL; what it throws is the answer
   * @throws AUTH_ERROR for one that never was; TOKEN_EXPIRED, TOKEN_REVOKED for one that ended
   */
  async authenticate(key: string, beforeLookUp?: () => Promise<void>): Promise<UserPrincipal> {
    const parts = parseKey(key);
    if (!parts) throw new AuthenticationError();
    const hash = this.#deps.hashes().hash('api-key', parts.secret);
    const row = await this.#find(parts.id, beforeLookUp);
    if (!row || !timingSafeEqual(row.secretHash, hash)) throw new AuthenticationError();
    const principal = this.#principalOf(row);
    this.touch(row.id);
    return principal;
  }

  /** The caller by key as it is now, for sockets that stay open. @throws TOKEN_EXPIRED, TOKEN_REVOKED */
  async current(id: string): Promise<UserPrincipal> {
    const row = await this.#find(id);
    // Deleted with its owner.
    if (!row) throw new AuthenticationError('TOKEN_REVOKED');
    return this.#principalOf(row);
  }

  /** The key is in use. */
  touch(id: string): void {
    const writtenAt = this.#cache.peek(id)?.lastUsedAt ?? 0;
    this.#uses.note(id, this.#deps.now(), { writtenAt, periodMs: USED_PERIOD_MS });
  }

  forget(id: string): void {
    this.#version += 1;
    this.#cache.delete(id);
  }

  forgetUser(userId: string): void {
    this.#version += 1;
    for (const [id, row] of this.#cache.entries()) if (row.userId === userId) this.#cache.delete(id);
  }

  /** What ended them may have been missed. */
  forgetAll(): void {
    this.#version += 1;
    this.#cache.clear();
  }

  async #find(id: string, beforeLookUp?: () => Promise<void>): Promise<KeyHolderRow | undefined> {
    if (this.#unknown.has(id)) {
      this.#unknownCounts.hit();
      return undefined;
    }
    const cached = this.#deps.feedIsFresh() ? this.#cache.get(id) : undefined;
    if (cached) {
      this.#counts.hit();
      return cached;
    }
    await beforeLookUp?.();
    const version = this.#version;
    const row = await findKeyHolder(this.#deps.database, id);
    // Which of the two has missed shows only now; one that guesses keys must not spoil the rate of those that are.
    if (!row) {
      this.#unknownCounts.miss();
      this.#unknown.set(id, true);
      return undefined;
    }
    this.#counts.miss();
    if (version === this.#version) this.#cache.set(id, row);
    return row;
  }

  #principalOf(row: KeyHolderRow): UserPrincipal {
    const { id, userId, username, role, scopes } = row;
    if (row.revokedAt !== null || row.status !== 'active') throw new AuthenticationError('TOKEN_REVOKED');
    const expiresAt = row.expiresAt ?? Number.POSITIVE_INFINITY;
    if (this.#deps.now() >= expiresAt) throw new AuthenticationError('TOKEN_EXPIRED');
    const apiKey = { id, scopes: new Set(scopes) };
    const lacksFactor = !row.hasFactor && mustHaveFactor(this.#deps.config, role);
    const sessionId = keyLogin(id);
    return { kind: 'user', userId, username, role, sessionId, expiresAt, provenAt: 0, lacksFactor, apiKey };
  }
}
