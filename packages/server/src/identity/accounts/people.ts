import type { User } from '@bongsu/protocol';
import type { Database } from '../../platform/database/database.js';
import { open, type Place, SealError, seal } from '../seal.js';
import { ensureDataKey } from '../store/keys.js';
import type { ProfileRow, UserRow } from '../store/users.js';
import { WrongSecretError } from '../wrong-secret.js';
import {
  blindIndex,
  emailPlace,
  KeyRing,
  openText,
  type PiiKey,
  type SubjectKey,
  sealText,
  subjectKeyPlace,
  type WrappedKey,
} from './pii.js';

const INDEX_PLACE = { table: 'data_keys', column: 'wrapped', row: 'email-index' };

/** Personal data between its stored, encrypted form and what a verb works with. */
export class People {
  readonly #ring: KeyRing;
  readonly #emailKey: Uint8Array;

  private constructor(ring: KeyRing, emailKey: Uint8Array) {
    this.#ring = ring;
    this.#emailKey = emailKey;
  }

  /** @throws WrongSecretError */
  static async open(database: Database, keys: readonly PiiKey[], now: number): Promise<People> {
    const ring = new KeyRing(keys);
    const stored = await ensureDataKey(database, 'email-index', () => ring.newKey(INDEX_PLACE), now);
    try {
      return new People(ring, ring.unwrap(INDEX_PLACE, stored));
    } catch (cause) {
      if (cause instanceof SealError) throw new WrongSecretError('PII_KEYS', cause);
      throw cause;
    }
  }

  /** What a normalised address is found by. */
  indexOf(email: string): Uint8Array {
    return blindIndex(this.#emailKey, email);
  }

  /** A new person's own key, and the address under it. */
  protect(userId: string, email: string): { key: SubjectKey; emailEnc: Uint8Array; emailIndex: Uint8Array } {
    const key = this.#ring.newKey(subjectKeyPlace(userId));
    return {
      key,
      emailEnc: sealText(key.key, emailPlace(userId), email),
      emailIndex: this.indexOf(email),
    };
  }

  /** The profile as its owner sees it. */
  profile(row: ProfileRow): User {
    return toUser(row, this.addressOf(row));
  }

  /** Somebody's address, decrypted. */
  addressOf(row: Pick<ProfileRow, 'id' | 'keyId' | 'wrapped' | 'emailEnc'>): string {
    const key = this.#ring.unwrap(subjectKeyPlace(row.id), row);
    return openText(key, emailPlace(row.id), row.emailEnc);
  }

  /** A person's secret under their own key. */
  seal(userId: string, key: WrappedKey, place: Place, secret: Uint8Array): Uint8Array {
    return seal(this.#ring.unwrap(subjectKeyPlace(userId), key), place, secret);
  }

  /** @throws SealError */
  open(userId: string, key: WrappedKey, place: Place, sealed: Uint8Array): Uint8Array {
    return open(this.#ring.unwrap(subjectKeyPlace(userId), key), place, sealed);
  }
}

export function totpSecretPlace(factorId: string): Place {
  return { table: 'mfa_factors', column: 'secret_enc', row: factorId };
}

export function toUser(row: UserRow, email: string): User {
  const { id, username, role, createdAt, lastLogin } = row;
  return { userId: id, username, email, role, createdAt, lastLoginAt: lastLogin };
}
