import { createHmac, randomBytes } from 'node:crypto';
import { open, type Place, SealError, seal } from '../seal.js';

/** One key of PII_KEYS. */
export interface PiiKey {
  readonly kid: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** A key as it is stored: wrapped by the ring key `keyId`. */
export interface WrappedKey {
  keyId: string;
  wrapped: Uint8Array;
}

/** A person's own key, and how it is stored. */
export interface SubjectKey extends WrappedKey {
  key: Uint8Array;
}

/** PII_KEYS: the first wraps, all unwrap. Only wrapped keys depend on it, so changing it rewrites no personal data. */
export class KeyRing {
  readonly #keys: readonly PiiKey[];

  constructor(keys: readonly PiiKey[]) {
    this.#keys = keys;
  }

  newKey(place: Place): SubjectKey {
    const [active] = this.#keys;
    if (!active) throw new Error('PII_KEYS holds no key');
    const key = new Uint8Array(randomBytes(32));
    return { key, keyId: active.kid, wrapped: seal(active.key, place, key) };
  }

  /** @throws SealError when the ring lacks the key or the row was tampered with */
  unwrap(place: Place, { keyId, wrapped }: WrappedKey): Uint8Array {
    const entry = this.#keys.find(({ kid }) => kid === keyId);
    if (!entry) throw new SealError(`PII_KEYS has no key "${keyId}"`);
    return open(entry.key, place, wrapped);
  }
}

export function subjectKeyPlace(subjectId: string): Place {
  return { table: 'subject_keys', column: 'wrapped', row: subjectId };
}

export function emailPlace(userId: string): Place {
  return { table: 'users', column: 'email_enc', row: userId };
}

export function sealText(key: Uint8Array, place: Place, text: string): Uint8Array {
  return seal(key, place, Buffer.from(text));
}

export function openText(key: Uint8Array, place: Place, sealed: Uint8Array): string {
  return Buffer.from(open(key, place, sealed)).toString();
}

/** Finds equal values without decrypting any: HMAC-SHA-256 of the normalised value under a key of its column. */
export function blindIndex(key: Uint8Array, normalised: string): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(normalised).digest());
}
