import { createHmac, hkdfSync } from 'node:crypto';
import type { Database } from '../platform/database/database.js';
import { KeyRing, type PiiKey } from './accounts/pii.js';
import { SealError } from './seal.js';
import { ensureDataKey } from './store/keys.js';
import { WrongSecretError } from './wrong-secret.js';

/** What a hash is of: the same text under two purposes gives two hashes. The names are part of what is stored. */
export type HashPurpose = 'api-key' | 'recovery-code' | 'mfa-challenge' | 'lockout';

const PLACE = { table: 'data_keys', column: 'wrapped', row: 'keyed-hashes' };

/**
 * HMAC-SHA-256 under a key of the installation, so that a stolen table alone lets nobody try out codes or addresses. The key is kept
 * under PII_KEYS and not made from JWT_SECRET, because what was hashed has to outlive a rotation of that.
 */
export class KeyedHashes {
  readonly #key: Uint8Array;
  readonly #keys = new Map<HashPurpose, Uint8Array>();

  private constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** @throws WrongSecretError */
  static async open(database: Database, keys: readonly PiiKey[], now: number): Promise<KeyedHashes> {
    const ring = new KeyRing(keys);
    const stored = await ensureDataKey(database, 'keyed-hashes', () => ring.newKey(PLACE), now);
    try {
      return new KeyedHashes(ring.unwrap(PLACE, stored));
    } catch (cause) {
      if (cause instanceof SealError) throw new WrongSecretError('PII_KEYS', cause);
      throw cause;
    }
  }

  /** 32 bytes. */
  hash(purpose: HashPurpose, value: string | Uint8Array): Uint8Array {
    return new Uint8Array(createHmac('sha256', this.#keyOf(purpose)).update(value).digest());
  }

  #keyOf(purpose: HashPurpose): Uint8Array {
    const known = this.#keys.get(purpose);
    if (known) return known;
    const key = new Uint8Array(hkdfSync('sha256', this.#key, 'bongsu', `bongsu/${purpose}/v1`, 32));
    this.#keys.set(purpose, key);
    return key;
  }
}
