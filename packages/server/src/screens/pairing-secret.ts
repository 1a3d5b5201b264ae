import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { type DeviceCredential, DeviceCredentialSchema } from '@bongsu/protocol';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** What the server keeps of a pairing secret. 256 bits of chance need no slow hash. */
export function hashSecret(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}

export function isSecret(secret: string, hash: Uint8Array): boolean {
  return timingSafeEqual(hashSecret(secret), hash);
}

/**
 * The device's answer as it is stored until first use: readable only with the pairing secret, which the server does not
 * keep, and only as the answer of this pairing. Layout: iv | ciphertext | tag.
 */
export function sealAnswer(secret: string, pairingId: string, answer: DeviceCredential): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, answerKey(secret, pairingId), iv).setAAD(Buffer.from(pairingId));
  return Buffer.concat([
    iv,
    cipher.update(JSON.stringify(answer), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

/** @throws Error when secret, pairing or bytes do not belong together */
export function openAnswer(secret: string, pairingId: string, sealed: Uint8Array): DeviceCredential {
  const iv = sealed.subarray(0, IV_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, answerKey(secret, pairingId), iv, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(pairingId))
    .setAuthTag(tag);
  const body = sealed.subarray(IV_BYTES, sealed.length - TAG_BYTES);
  const text = Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  return DeviceCredentialSchema.parse(JSON.parse(text));
}

function answerKey(secret: string, pairingId: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, pairingId, 'bongsu pairing answer', 32));
}
