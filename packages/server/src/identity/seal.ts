import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 2;

/** Thrown when a sealed value does not open: another key, another place, or altered bytes. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

/** Where a sealed value stands. Part of what is authenticated: a value moved to another row or column does not open. */
export interface Place {
  table: string;
  column: string;
  row: string;
}

/**
 * AES-256-GCM as `version 1 | key version 1 | iv 12 | ciphertext | tag 16`.
 * `keyVersion` says which key of the subject made it.
 */
export function seal(key: Uint8Array, place: Place, plaintext: Uint8Array, keyVersion = 1): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(associated(place, keyVersion));
  const body = [cipher.update(plaintext), cipher.final()];
  return new Uint8Array(
    Buffer.concat([Uint8Array.of(VERSION, keyVersion), iv, ...body, cipher.getAuthTag()]),
  );
}

/** @throws SealError */
export function open(key: Uint8Array, place: Place, sealed: Uint8Array): Uint8Array {
  const [version, keyVersion] = sealed;
  if (
    version !== VERSION ||
    keyVersion === undefined ||
    sealed.length < HEADER_BYTES + IV_BYTES + TAG_BYTES
  ) {
    throw new SealError('not a sealed value of a known version');
  }
  const body = HEADER_BYTES + IV_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(HEADER_BYTES, body), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associated(place, keyVersion));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    const opened = decipher.update(sealed.subarray(body, -TAG_BYTES));
    return new Uint8Array(Buffer.concat([opened, decipher.final()]));
  } catch (cause) {
    throw new SealError('the value does not open with this key at this place', { cause });
  }
}

function associated({ table, column, row }: Place, keyVersion: number): Buffer {
  return Buffer.from(`${table}|${column}|${row}|${VERSION}.${keyVersion}`);
}
