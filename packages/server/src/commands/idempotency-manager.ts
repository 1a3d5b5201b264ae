import { BongsuError } from '@bongsu/protocol';
import type { DatabaseClock } from '../platform/clock.js';
import type { Queryable } from '../platform/database/database.js';
import type { IdempotencyStore } from './idempotency-store.js';
import type { Ledger } from './ledger.js';

export type Registration = { status: 'new' } | { status: 'known'; result: unknown };

export interface IdempotencyManagerDeps {
  store: IdempotencyStore;
  ledger: Pick<Ledger, 'find'>;
  databaseClock: DatabaseClock;
}

const TTL_MS = 24 * 3_600_000;
const COMMANDS = 'command:';

/**
 * Answers a repeated operation from its first result, for 24 hours. It lives in the transaction of the operation, so that either both
 * are written or none, and there is no "in progress" to be stuck in. Commands need none: their row in the ledger is the record.
 * @example
 * const seen = await manager.register(tx, scope, key, fingerprint);
 * if (seen.status === 'known') return seen.result;
 * await manager.saveResult(tx, scope, key, result);
 */
export class IdempotencyManager {
  readonly #deps: IdempotencyManagerDeps;

  constructor(deps: IdempotencyManagerDeps) {
    this.#deps = deps;
  }

  /** The scope in which `getResult` finds a sender's commands by their ids. */
  static commandScope(senderId: string): string {
    return COMMANDS + senderId;
  }

  /**
   * Takes the key, or answers what it stands for. Waits for a transaction under way with the same key.
   * @param fingerprint of the operation's content, as bytes
   * @throws IDEMPOTENCY_CONFLICT when the key stands for other content; CONFLICT for a command's scope
   */
  async register(tx: Queryable, scope: string, key: string, fingerprint: Uint8Array): Promise<Registration> {
    refuseCommands(scope);
    const now = this.#deps.databaseClock();
    const { store } = this.#deps;
    if (await store.insert(tx, { scope, key, fingerprint, now, expiresAt: now + TTL_MS }))
      return { status: 'new' };
    const stored = await store.find(tx, scope, key, now);
    // Removed between the two statements: the caller may try again.
    if (!stored) throw new BongsuError('CONFLICT');
    if (Buffer.compare(stored.fingerprint, fingerprint) !== 0) throw new BongsuError('IDEMPOTENCY_CONFLICT');
    return { status: 'known', result: stored.result };
  }

  /** Stores what a repetition is answered; in the transaction that registered the key. @throws CONFLICT */
  async saveResult(tx: Queryable, scope: string, key: string, result: unknown): Promise<void> {
    refuseCommands(scope);
    if (!(await this.#deps.store.save(tx, scope, key, result))) throw new BongsuError('CONFLICT');
  }

  /** The stored result; for a command's scope its place in the ledger; undefined when nothing is known. */
  async getResult(queryable: Queryable, scope: string, key: string): Promise<unknown> {
    if (scope.startsWith(COMMANDS)) {
      const stored = await this.#deps.ledger.find(scope.slice(COMMANDS.length), key);
      if (!stored) return undefined;
      const { stream, seq, epoch, acceptedAt } = stored;
      return { id: key, status: 'accepted', stream, seq, epoch, acceptedAt, duplicate: true };
    }
    const stored = await this.#deps.store.find(queryable, scope, key, this.#deps.databaseClock());
    return stored?.result;
  }

  /** Forgets a key. @throws CONFLICT for a command's scope: what the ledger knows stays known */
  async remove(tx: Queryable, scope: string, key: string): Promise<void> {
    refuseCommands(scope);
    await this.#deps.store.remove(tx, scope, key);
  }
}

function refuseCommands(scope: string): void {
  if (scope.startsWith(COMMANDS)) throw new BongsuError('CONFLICT');
}
