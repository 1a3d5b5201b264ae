import { NONCE_TTL_MS } from '@bongsu/protocol';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';

export interface NonceManagerDeps {
  ephemeral: Pick<Ephemeral, 'setIfAbsent'>;
}

/** Nonces of commands, per user, kept for ten minutes: ±5 minutes of freshness span ten. */
export class NonceManager {
  constructor(private readonly deps: NonceManagerDeps) {}

  /**
   * Binds a nonce to a command. False when the user has used it for another one: REPLAY_DETECTED, unless the ledger knows the
   * command, which its caller asks first. The same pair again passes, because it is a retry.
   */
  async registerNonce(userId: string, nonce: string, commandId: string): Promise<boolean> {
    const { value } = await this.deps.ephemeral.setIfAbsent(
      `nonce:${userId}:${nonce}`,
      commandId,
      NONCE_TTL_MS,
    );
    return value === commandId;
  }
}
