import { NONCE_TTL_MS } from '@bongsu/protocol';
import type { Clock } from '../platform/clock.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import { ExpiringMap } from '../platform/ephemeral/expiring-map.js';
import type { Log } from '../platform/log.js';

export interface NonceManagerDeps {
  ephemeral: Pick<Ephemeral, 'setIfAbsent'>;
  clock: Pick<Clock, 'monotonic'>;
  log: Log;
}

const MAX_FALLBACK_NONCES = 100_000;

/**
 * Nonces of commands, per user, kept for ten minutes: ±5 minutes of freshness span ten. While Ephemeral fails they are
 * kept in this process, because refusing would stop commands for what the ledger's ids mostly catch as well.
 */
export class NonceManager {
  readonly #fallback: ExpiringMap<string>;
  #failing = false;

  constructor(private readonly deps: NonceManagerDeps) {
    this.#fallback = new ExpiringMap(deps.clock, MAX_FALLBACK_NONCES);
  }

  /**
   * Binds a nonce to a command. False when the user has used it for another one: REPLAY_DETECTED, unless the ledger knows the
   * command, which its caller asks first. The same pair again passes, because it is a retry.
   */
  async registerNonce(userId: string, nonce: string, commandId: string): Promise<boolean> {
    return (await this.#bind(`nonce:${userId}:${nonce}`, commandId)) === commandId;
  }

  async #bind(key: string, commandId: string): Promise<string> {
    try {
      const { value } = await this.deps.ephemeral.setIfAbsent(key, commandId, NONCE_TTL_MS);
      this.#failing = false;
      return value;
    } catch (error) {
      if (!this.#failing) this.deps.log.warn({ err: error }, 'Nonces are kept in this process only for now');
      this.#failing = true;
      const known = this.#fallback.get(key);
      if (known === undefined) this.#fallback.set(key, commandId, NONCE_TTL_MS);
      return known ?? commandId;
    }
  }
}
