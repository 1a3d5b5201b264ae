import { hash } from '@node-rs/argon2';
import type { Clock } from '../../platform/clock.js';
import { kindOf, matches, unfittingHash } from './hashes.js';
import { WorkPool } from './work-pool.js';

/** OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane. */
export interface Argon2Cost {
  /** KiB. */
  memoryCost: number;
  timeCost: number;
  parallelism: number;
}

export const ARGON2_COST: Argon2Cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** `Algorithm.Argon2id` of the library, whose const enum does not survive isolated modules. */
const ARGON2ID = 2;

export interface PasswordsConfig {
  cost: Argon2Cost;
  /** Hashes computed at once. */
  concurrency: number;
  /** Hashes that may wait; one more is refused as BUSY. */
  maxQueued: number;
}

/**
 * argon2id in a bounded pool: a flood of log-ins fills its own queue and is told when to come back, and sockets
 * never notice. Passwords are normalised (NFKC), so that one typed on another keyboard is the same.
 */
export class Passwords {
  readonly #cost: Argon2Cost;
  readonly #pool: WorkPool;
  readonly #kind: string;
  /** By kind: hashes that no password fits. */
  readonly #unfitting = new Map<string, string>();

  constructor(config: PasswordsConfig, clock: Pick<Clock, 'monotonic'>) {
    const { memoryCost, timeCost, parallelism } = config.cost;
    this.#cost = config.cost;
    this.#kind = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}`;
    this.#pool = new WorkPool(config.concurrency, config.maxQueued, clock);
  }

  /** A PHC string. @throws BUSY with retryAfterMs */
  hash(password: string): Promise<string> {
    return this.#pool.run(() => this.#hash(password));
  }

  /**
   * True when the password is right. Otherwise the work of all kinds of hashes was done, whichever of them the account has, if any: so
   * the time tells nothing about it. @throws BUSY with retryAfterMs
   * @param foreignKinds kinds that are left beside today's
   */
  verify(
    password: string,
    passwordHash: string | null | undefined,
    foreignKinds: readonly string[] = [],
  ): Promise<boolean> {
    const hashes = this.hashesToTry(passwordHash, foreignKinds);
    return this.#pool.run(async () => {
      for (const hash of hashes) if ((await matches(password, hash)) && hash === passwordHash) return true;
      return false;
    });
  }

  /** The account's own first, and one of each other kind that no password fits. */
  hashesToTry(passwordHash: string | null | undefined, foreignKinds: readonly string[]): string[] {
    const own = passwordHash ? [passwordHash] : [];
    const others = new Set([this.#kind, ...foreignKinds]);
    for (const hash of own) others.delete(kindOf(hash));
    return [...own, ...[...others].map((kind) => this.#unfittingOf(kind))];
  }

  /** True for a hash made with another algorithm or other parameters than today's. */
  needsRehash(passwordHash: string): boolean {
    return kindOf(passwordHash) !== this.#kind;
  }

  get queued(): number {
    return this.#pool.queued;
  }

  /** Milliseconds from one finished hash to the next while there is enough to do, as measured. */
  get paceMs(): number {
    return this.#pool.paceMs;
  }

  #unfittingOf(kind: string): string {
    const hash = this.#unfitting.get(kind) ?? unfittingHash(kind);
    this.#unfitting.set(kind, hash);
    return hash;
  }

  #hash(password: string): Promise<string> {
    return hash(password.normalize('NFKC'), { ...this.#cost, algorithm: ARGON2ID });
  }
}
