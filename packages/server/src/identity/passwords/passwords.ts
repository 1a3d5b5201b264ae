import { hash, parseOptions, verify } from '@node-rs/argon2';
import type { Clock } from '../../platform/clock.js';
import { randomToken } from '../../platform/ids.js';
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
  #dummy: Promise<string> | undefined;

  constructor(config: PasswordsConfig, clock: Pick<Clock, 'monotonic'>) {
    this.#cost = config.cost;
    this.#pool = new WorkPool(config.concurrency, config.maxQueued, clock);
  }

  /** A PHC string. @throws BUSY with retryAfterMs */
  hash(password: string, signal?: AbortSignal): Promise<string> {
    return this.#pool.run(() => this.#hash(password), signal);
  }

  /**
   * True when the password is right. Without a hash (nobody has that address) the same work is done against one that no
   * password fits. @throws BUSY with retryAfterMs
   */
  async verify(
    password: string,
    passwordHash: string | null | undefined,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const known = passwordHash ?? (await this.#dummyHash());
    return this.#pool.run(async () => {
      const right = await verify(known, password.normalize('NFKC'));
      return right && passwordHash === known;
    }, signal);
  }

  /** True for a hash made with other parameters than today's. */
  needsRehash(passwordHash: string): boolean {
    const { memoryCost, timeCost, parallelism, algorithm } = parseOptions(passwordHash);
    const cost = this.#cost;
    return (
      Number(algorithm) !== ARGON2ID ||
      memoryCost !== cost.memoryCost ||
      timeCost !== cost.timeCost ||
      parallelism !== cost.parallelism
    );
  }

  /** Made before the first log-in needs it, so that no answer is slower for it. */
  async prepare(): Promise<void> {
    await this.#dummyHash();
  }

  get queued(): number {
    return this.#pool.queued;
  }

  #dummyHash(): Promise<string> {
    this.#dummy ??= this.#hash(randomToken(32));
    return this.#dummy;
  }

  #hash(password: string): Promise<string> {
    return hash(password.normalize('NFKC'), { ...this.#cost, algorithm: ARGON2ID });
  }
}
