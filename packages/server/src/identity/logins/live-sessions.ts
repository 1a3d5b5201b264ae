import { LRUCache } from 'lru-cache';
import type { Clock, DatabaseClock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import { upTo } from '../../platform/grown-cache.js';
import type { Log } from '../../platform/log.js';
import { type CacheCounts, countCache, type Metrics } from '../../platform/metrics.js';
import { BatchProcessor } from '../../platform/resilience/batch-processor.js';
import { fewStatements } from '../../platform/resilience/few-statements.js';
import { LastUses } from '../last-uses.js';
import { findSessions, type SessionRow, writeLastSeen } from '../store/sessions.js';
import { isIdle, type Liveness, latestSeen } from './liveness.js';

/** A login and its user, as every request needs them. */
export interface LiveSession extends Liveness {
  readonly row: SessionRow;
  used: boolean;
}

export interface LiveSessionsDeps {
  database: Database;
  clock: Clock;
  now: DatabaseClock;
  log: Log;
  metrics: Metrics;
  /** Of a rotation; its nonce is erased after it. */
  graceMs: number;
  /** False when revocations of other processes may have been missed: then nothing cached is believed. */
  feedIsFresh(): boolean;
}

const MAX_CACHED = 20_000;
const CACHE_MS = 5 * 60_000;
/** More than sockets come at once, see gateway/overload.ts. */
const MAX_READING = 10_000;
const SEEN_PERIOD_MS = 60_000;
/** So often at most is a login read again because something was forgotten meanwhile. */
const MAX_READINGS = 5;
/** How long a login that somebody else's transaction may be ending is asked for in SQL each time. */
const DISTRUST_MS = 60_000;

/**
 * Logins in memory, so that a request costs no SQL. Right because whatever ends a login also makes it be forgotten here:
 * at once for what this process does, within seconds (the revocation feed) for the others.
 */
export class LiveSessions {
  readonly #deps: LiveSessionsDeps;
  readonly #cache: LRUCache<string, LiveSession>;
  readonly #counts: CacheCounts;
  readonly #byUser = new Map<string, Set<string>>();
  readonly #distrusted = new Map<string, number>();
  readonly #uses: LastUses;
  /** Sockets that come back by the thousand read their logins by few statements. */
  readonly #readings: BatchProcessor<string, SessionRow | undefined>;
  /** Rises whenever something is forgotten: what was read before must not be cached after. */
  #version = 0;

  constructor(deps: LiveSessionsDeps) {
    this.#deps = deps;
    const perf = { now: () => deps.clock.monotonic() };
    this.#counts = countCache(deps.metrics, 'logins');
    this.#cache = new LRUCache({
      ...upTo(MAX_CACHED),
      ttl: CACHE_MS,
      perf,
      dispose: (session, id) => this.#unlink(session, id),
    });
    this.#uses = new LastUses({
      clock: deps.clock,
      log: deps.log,
      maxKnown: 5 * MAX_CACHED,
      write: (seen) => writeLastSeen(deps.database, seen, deps.now() - deps.graceMs),
      failure: 'when logins were last seen could not be written',
    });
    this.#readings = new BatchProcessor({
      ...fewStatements(deps.clock),
      maxQueued: MAX_READING,
      keyOf: (id: string) => id,
      process: (ids: string[]) => this.#read(ids),
    });
  }

  start(): void {
    this.#uses.start();
  }

  stop(): Promise<void> {
    return this.#uses.stop();
  }

  /** The login as it is now, or undefined when there is none. Cached; an idle-looking one is read again first. */
  async find(id: string): Promise<LiveSession | undefined> {
    const cached = this.#deps.feedIsFresh() && !this.#isDistrusted(id) ? this.#cache.get(id) : undefined;
    // Another process may have seen it more lately than this one.
    if (cached && !isIdle(cached, this.#deps.now())) {
      this.#counts.hit();
      return cached;
    }
    this.#counts.miss();
    return this.#load(id);
  }

  /** The login is in use. */
  touch(id: string): void {
    const now = this.#deps.now();
    const cached = this.#cache.peek(id);
    // A login that idled out stays ended, though its socket may not have heard of it yet.
    if (cached && isIdle(cached, now)) return;
    if (cached) cached.lastSeen = Math.max(cached.lastSeen, now);
    const periodMs = Math.min(SEEN_PERIOD_MS, (cached?.idleMs ?? SEEN_PERIOD_MS * 4) / 4);
    this.#uses.note(id, now, { writtenAt: cached?.row.lastSeen ?? 0, periodMs });
  }

  /** When a login that was read from SQL was seen last, there or by this process. */
  lastSeen(row: Pick<SessionRow, 'id' | 'lastSeen' | 'idleMs'>): number {
    const here = Math.max(this.#cache.peek(row.id)?.lastSeen ?? 0, this.#uses.pending(row.id));
    return latestSeen(row, here);
  }

  /** Writes what was seen. */
  flush(): Promise<void> {
    return this.#uses.flush();
  }

  forget(id: string): void {
    this.#version += 1;
    this.#cache.delete(id);
  }

  forgetUser(userId: string): void {
    this.#version += 1;
    for (const id of [...(this.#byUser.get(userId) ?? [])]) this.#cache.delete(id);
  }

  /** What ended them may have been missed. */
  forgetAll(): void {
    this.#version += 1;
    this.#cache.clear();
  }

  /** A transaction that is not ours to see the end of may be ending these. */
  distrust(ids: readonly string[]): void {
    const until = this.#deps.clock.monotonic() + DISTRUST_MS;
    for (const id of ids) {
      this.forget(id);
      this.#distrusted.set(id, until);
    }
  }

  /** What was distrusted is decided. */
  settle(id: string): void {
    this.forget(id);
    this.#distrusted.delete(id);
  }

  async #load(id: string): Promise<LiveSession | undefined> {
    let version: number;
    let row: SessionRow | undefined;
    let readings = 0;
    do {
      readings += 1;
      version = this.#version;
      row = await this.#readings.add(id);
      // What is forgotten during the reading may be this login, of which older things were read.
    } while (version !== this.#version && readings < MAX_READINGS);
    if (!row) return undefined;
    const { revokedAt, expiresAt, idleMs, status, usedAt } = row;
    const lastSeen = this.lastSeen(row);
    const session = { row, revokedAt, expiresAt, idleMs, status, lastSeen, used: usedAt !== null };
    if (version === this.#version && !this.#isDistrusted(id)) this.#keep(id, session);
    return session;
  }

  async #read(ids: readonly string[]): Promise<(SessionRow | undefined)[]> {
    const rows = await findSessions(this.#deps.database, ids);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id));
  }

  #keep(id: string, session: LiveSession): void {
    this.#cache.set(id, session);
    const { userId } = session.row;
    if (userId === null) return;
    const ids = this.#byUser.get(userId) ?? new Set();
    ids.add(id);
    this.#byUser.set(userId, ids);
  }

  #unlink(session: LiveSession, id: string): void {
    const { userId } = session.row;
    const ids = userId === null ? undefined : this.#byUser.get(userId);
    if (!ids || userId === null) return;
    ids.delete(id);
    if (ids.size === 0) this.#byUser.delete(userId);
  }

  #isDistrusted(id: string): boolean {
    const until = this.#distrusted.get(id);
    if (until === undefined) return false;
    if (this.#deps.clock.monotonic() < until) return true;
    this.#distrusted.delete(id);
    return false;
  }
}
