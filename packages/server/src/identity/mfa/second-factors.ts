import { AuthenticationError, BongsuError } from '@bongsu/protocol';
import type { DatabaseClock } from '../../platform/clock.js';
import type { Database, Queryable } from '../../platform/database/database.js';
import { type People, totpSecretPlace } from '../accounts/people.js';
import type { IdentityConfig } from '../config.js';
import type { IdentityMetrics } from '../identity-metrics.js';
import type { KeyedHashes } from '../keyed-hashes.js';
import type { LoginTransaction } from '../logins/login-transaction.js';
import { type FactorRow, findFactor, hasActiveFactor, spendRecoveryCode, spendStep } from '../store/mfa.js';
import {
  clearSecondFactorTries,
  countSecondFactorTry,
  deleteOldSecondFactorTries,
  type TryLimits,
} from '../store/second-factor-tries.js';
import { hashRecoveryCode } from './recovery-codes.js';
import { matchingSteps } from './totp.js';

/** What a right code was. */
export type SecondFactor = 'totp' | 'recovery';
export type SecondFactorRefusal = { refused: 'wrong' } | { refused: 'locked'; retryAfterMs: number };

export interface SecondFactorsDeps {
  config: Pick<IdentityConfig, 'totpPreviousSteps'>;
  database: Database;
  /** Commits, and tells of the logins that began or ended in it. */
  transaction<T>(work: (tx: LoginTransaction) => Promise<T>): Promise<T>;
  now: DatabaseClock;
  metrics: Pick<IdentityMetrics, 'secondFactor'>;
  /** Both are ready once identity has started. */
  people(): People;
  hashes(): KeyedHashes;
}

/** Wrong codes in a row, whoever sent them and wherever: then nobody's code is looked at for 15 minutes. */
const TRIES: TryLimits = { max: 10, lockMs: 15 * 60_000, forgetMs: 24 * 3_600_000 };

/**
 * Whether a user has a second factor, and whether a code is right. Every code of every route goes through `attempt`, which
 * counts it apart from passwords and before it is looked at.
 */
export class SecondFactors {
  readonly #deps: SecondFactorsDeps;

  constructor(deps: SecondFactorsDeps) {
    this.#deps = deps;
  }

  /** Whether a code is due beside the password. */
  isOn(userId: string, db: Queryable = this.#deps.database): Promise<boolean> {
    return hasActiveFactor(db, userId);
  }

  /**
   * Checks a code of a signed-in user and spends it, in a transaction of its own. False without a factor.
   * @example
   * const checked = await core.mfa.checkSecondFactor(userId, code);
   * if (isRefusal(checked)) throw refusalError(checked);
   */
  async checkSecondFactor(userId: string, code: string): Promise<SecondFactor | SecondFactorRefusal> {
    const result = await this.attempt(userId, async (tx) => {
      const factor = await this.spend(tx, userId, code);
      return factor && { factor };
    });
    return 'factor' in result ? result.factor : result;
  }

  /**
   * Counts a try, then has it judged in one transaction. Undefined is a wrong code, and stays counted as what throws does;
   * anything else takes the failures before it off. Never within a transaction: the count must outlive a rollback.
   */
  async attempt<Judged extends { factor: SecondFactor }>(
    userId: string,
    judge: (tx: LoginTransaction) => Promise<Judged | undefined>,
  ): Promise<Judged | SecondFactorRefusal> {
    const { database, transaction, now, metrics } = this.#deps;
    const key = this.#tryKey(userId);
    const { n, lockedUntil } = await countSecondFactorTry(database, key, now(), TRIES);
    if (n > TRIES.max) {
      metrics.secondFactor('locked');
      return { refused: 'locked', retryAfterMs: Math.max(0, (lockedUntil ?? 0) - now()) };
    }
    const judged = await transaction(async (tx) => {
      const outcome = await judge(tx);
      if (outcome) await clearSecondFactorTries(tx, key);
      return outcome;
    });
    metrics.secondFactor(judged?.factor ?? 'wrong');
    return judged ?? { refused: 'wrong' };
  }

  /** For `attempt` only, which counts: what a code is, spent by the asking; undefined for a wrong or used one. */
  async spend(tx: Queryable, userId: string, code: string): Promise<SecondFactor | undefined> {
    const factor = await findFactor(tx, userId, 'active');
    if (!factor) return undefined;
    // A wrong code spends nothing: a guess must not cost the owner the code of this step.
    for (const step of this.matchingSteps(factor, code)) {
      if (await spendStep(tx, factor.id, step)) return 'totp';
    }
    const { now, hashes } = this.#deps;
    const hash = hashRecoveryCode(hashes(), code);
    if (hash && (await spendRecoveryCode(tx, userId, hash, now()))) return 'recovery';
    return undefined;
  }

  /** The time steps that a TOTP belongs to, latest first; none for anything else. */
  matchingSteps(factor: FactorRow, code: string): number[] {
    const { config, people, now } = this.#deps;
    const digits = code.normalize('NFKC').replaceAll(/[\s-]/g, '');
    if (!/^\d{6}$/.test(digits)) return [];
    const secret = people().open(factor.userId, factor, totpSecretPlace(factor.id), factor.secretEnc);
    return matchingSteps(secret, digits, { now: now(), previousSteps: config.totpPreviousSteps });
  }

  async prune(now: number): Promise<void> {
    await deleteOldSecondFactorTries(this.#deps.database, now - TRIES.forgetMs);
  }

  #tryKey(userId: string): Uint8Array {
    return this.#deps.hashes().hash('lockout', `otp:${userId}`);
  }
}

export function isRefusal(result: unknown): result is SecondFactorRefusal {
  return typeof result === 'object' && result !== null && 'refused' in result;
}

/** AUTH_ERROR, or ACCOUNT_LOCKED with retryAfterMs. */
export function refusalError(refusal: SecondFactorRefusal): BongsuError {
  if (refusal.refused === 'wrong') return new AuthenticationError();
  return new BongsuError('ACCOUNT_LOCKED', { retryAfterMs: refusal.retryAfterMs });
}
