import { BongsuError, RateLimitError } from '@bongsu/protocol';
import { LRUCache } from 'lru-cache';
import { addressKey } from '../../guards/address.js';
import type { RecordAudit } from '../../platform/audit.js';
import type { Clock, DatabaseClock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import { upTo } from '../../platform/grown-cache.js';
import type { Log } from '../../platform/log.js';
import type { Origin } from '../../platform/principal.js';
import type { IdentityMetrics } from '../identity-metrics.js';
import type { KeyedHashes } from '../keyed-hashes.js';
import { type CounterKey, deleteOldCounters } from '../store/auth-counters.js';
import { AttemptCounters, type AttemptState } from './attempt-counters.js';
import {
  afterFailure,
  afterForgiving,
  afterReserving,
  afterReturning,
  afterSuccess,
  type Counter,
  judge,
  type LockoutScope,
} from './lockout-rules.js';
import { LoginGate } from './login-gate.js';
import { anonymousFailure } from './sign-in.js';

export interface LockoutDeps {
  database: Database;
  now: DatabaseClock;
  clock: Clock;
  log: Log;
  metrics: Pick<IdentityMetrics, 'lockout'>;
  recordAudit: RecordAudit;
  /** Ready once identity has started. */
  hashes(): Pick<KeyedHashes, 'hash'>;
  /** Milliseconds from one finished password check to the next. */
  paceMs(): number;
}

export interface AttemptInput {
  /** Whom somebody wants to be: the normalised address as typed, whether or not anybody has it. */
  subject: string;
  origin: Origin;
  /** Answers the lane of its own that the caller may prove to have, such as a known device. Without one the lane is the IP address. */
  lane?: (() => Promise<string | undefined>) | undefined;
  /** Called with each name that it counts by, once there is a place for it; what it throws refuses it. */
  count?: ((key: string) => Promise<void>) | undefined;
}

/** One guess at a password, counted as a failure until it is settled; settle it once. */
export interface Attempt {
  /** The password was right. Never throws: the log-in is open, and stays so. */
  succeeded(): Promise<void>;
  /** @param userId whom it concerns, where that is known */
  failed(userId?: string): Promise<void>;
  /** It was never found out. Never throws. */
  abandoned(): Promise<void>;
}

type Settle = (scope: LockoutScope, counter: Counter, now: number) => Counter;

const KEPT_MS = 24 * 3_600_000;
const MAX_CLOSED = 10_000;

/**
 * How often somebody may guess. Three counters, in SQL so that restarts and other nodes change nothing: by address and lane, by address
 * over all lanes that are not known, and by IP address. All are by what was typed, so a lock tells nothing about who has an account.
 */
export class Lockout {
  readonly #deps: LockoutDeps;
  readonly #gate: LoginGate;
  /** For lanes of their own, apart: no flood of strangers fills it, and one of known devices leaves the other gate open. */
  readonly #knownGate: LoginGate;
  readonly #counters: AttemptCounters;
  /** IP addresses that used up their failures, and until when: a flood of theirs costs no SQL. */
  readonly #closed = new LRUCache<string, number>(upTo(MAX_CLOSED));

  constructor(deps: LockoutDeps) {
    this.#deps = deps;
    this.#gate = new LoginGate(deps);
    this.#knownGate = new LoginGate(deps);
    this.#counters = new AttemptCounters(deps);
  }

  /**
   * Counts an attempt before its password is looked at, so that many at once are no way around a limit.
   * @throws ACCOUNT_LOCKED, RATE_LIMIT, BUSY, each with retryAfterMs
   */
  async reserve({ subject, origin, lane, count }: AttemptInput): Promise<Attempt> {
    const address = addressKey(origin.address);
    const places: (() => void)[] = [];
    const leave = () => {
      for (const place of places.splice(0)) place();
    };
    try {
      if (lane) places.push(this.#knownGate.enter(address));
      const own = await lane?.();
      if (own === undefined) {
        leave();
        places.push(this.#enter(address));
      }
      const keys = this.#keysOf(subject, address, own);
      // The known lanes of one address take turns together: it has as many as its owner ever had browsers.
      const turn =
        own === undefined ? this.#gate.turn(`${subject}|${address}`) : this.#knownGate.turn(subject);
      places.push(await turn);
      // By lane first: a flood that the lock of its lane refuses would cost SQL each time.
      await count?.(`lane:${keys[0].hash}`);
      await this.#reserve(keys, address);
      const attempt = this.#attempt(keys, origin, leave);
      // By address only what no lock refused, lest one network use up the log-ins of all others.
      const lanes = own === undefined ? 'unknown' : 'known';
      await count?.(`${lanes}:${this.#hash(subject)}`).catch(async (error: unknown) => {
        await attempt.abandoned();
        throw error;
      });
      return attempt;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** The owner of the address has shown that it is theirs: it is closed no longer, and neither is their network to it. Never throws. */
  async forgive(subject: string, origin: Origin): Promise<void> {
    const keys = this.#keysOf(subject, addressKey(origin.address), undefined);
    const ofAddress = keys.filter(({ scope }) => scope !== 'login-ip');
    await this.#settle(ofAddress, afterForgiving).catch((err: unknown) =>
      this.#deps.log.warn({ err }, 'failed log-ins before a reset could not be forgiven'),
    );
  }

  async prune(): Promise<void> {
    const now = this.#deps.now();
    await deleteOldCounters(this.#deps.database, now - KEPT_MS, now);
  }

  #enter(address: string): () => void {
    const openAt = this.#closed.get(address) ?? 0;
    const now = this.#deps.now();
    if (openAt > now) throw new RateLimitError(Math.ceil(openAt - now));
    return this.#gate.enter(address);
  }

  /** That of the lane first. */
  #keysOf(subject: string, address: string, own: string | undefined): [CounterKey, ...CounterKey[]] {
    const key = (scope: LockoutScope, ...parts: string[]) => ({ scope, hash: this.#hash(scope, ...parts) });
    if (own !== undefined) return [key('login-pair', subject, 'own', own)];
    return [
      key('login-pair', subject, 'ip', address),
      key('login-address', subject),
      key('login-ip', address),
    ];
  }

  #hash(...parts: string[]): string {
    return Buffer.from(this.#deps.hashes().hash('lockout', parts.join('\0'))).toString('hex');
  }

  async #reserve(keys: readonly CounterKey[], address: string): Promise<void> {
    let refusal: BongsuError | undefined;
    await this.#counters.change({
      keys,
      decide: (state, now) => {
        refusal = this.#refusal(state, now, address);
        return refusal ? {} : { write: each(state, now, afterReserving) };
      },
    });
    if (refusal) throw refusal;
  }

  #refusal(state: AttemptState, now: number, address: string): BongsuError | undefined {
    const judged = [...state].map(([scope, counter]) => ({ scope, ...judge(scope, counter, now) }));
    const locks = judged.flatMap((one) => (one.kind === 'locked' ? [one] : []));
    const closed = locks.find(({ scope }) => scope === 'login-ip');
    if (closed) {
      this.#closed.set(address, closed.until);
      return new RateLimitError(Math.ceil(closed.until - now));
    }
    if (locks.length > 0) {
      const until = Math.max(...locks.map((lock) => lock.until));
      return new BongsuError('ACCOUNT_LOCKED', { retryAfterMs: Math.ceil(until - now) });
    }
    return judged.some(({ kind }) => kind === 'full') ? this.#gate.busy(address) : undefined;
  }

  #attempt(keys: readonly CounterKey[], origin: Origin, leave: () => void): Attempt {
    const { log } = this.#deps;
    // It lapses by itself then.
    const lapse = (err: unknown) => log.warn({ err }, 'a reserved log-in could not be given back');
    return {
      succeeded: () => this.#settle(keys, afterSuccess).catch(lapse).finally(leave),
      failed: (userId) => this.#fail(keys, origin, userId).finally(leave),
      abandoned: () => this.#settle(keys, afterReturning).catch(lapse).finally(leave),
    };
  }

  #settle(keys: readonly CounterKey[], how: Settle): Promise<void> {
    return this.#counters.change({ keys, decide: (state, now) => ({ write: each(state, now, how) }) });
  }

  async #fail(keys: readonly CounterKey[], origin: Origin, userId: string | undefined): Promise<void> {
    let closing: LockoutScope[] = [];
    await this.#counters.change({
      keys,
      decide: (state, now) => {
        closing = [];
        const write = each(state, now, (scope, before) => {
          const { counter, locks } = afterFailure(scope, before, now);
          if (locks) closing.push(scope);
          return counter;
        });
        const audit = closing.map((scope) => anonymousFailure('authn_login_lock', scope, origin, userId));
        return { write, audit };
      },
    });
    for (const scope of closing) this.#deps.metrics.lockout(scope);
  }
}

function each(state: AttemptState, now: number, how: Settle): AttemptState {
  return new Map([...state].map(([scope, counter]) => [scope, how(scope, counter, now)]));
}
