import type { User } from '@bongsu/protocol';
import type { Database } from '../../platform/database/database.js';
import { SealError } from '../seal.js';
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
}

export function toUser(row: UserRow, email: string): User {
  const { id, username, role, createdAt, lastLogin } = row;
  return { userId: id, username, email, role, createdAt, lastLoginAt: lastLogin };
}
