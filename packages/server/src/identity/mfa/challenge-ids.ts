import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyedHashes } from '../keyed-hashes.js';

const RANDOM_BYTES = 32;
const MAC_BYTES = 16;
const SHAPE = /^mfc_([A-Za-z0-9_-]{64})$/;

/** 256 bits of chance and a proof that they were drawn here, so that made-up ones cost no look-up. Stored as its hash only. */
export function newChallengeId(hashes: Pick<KeyedHashes, 'hash'>): string {
  const random = randomBytes(RANDOM_BYTES);
  return `mfc_${Buffer.concat([random, macOf(hashes, random)]).toString('base64url')}`;
}

export function isGenuineChallengeId(hashes: Pick<KeyedHashes, 'hash'>, id: string): boolean {
  const [, encoded] = SHAPE.exec(id) ?? [];
  if (encoded === undefined) return false;
  const bytes = Buffer.from(encoded, 'base64url');
  return timingSafeEqual(bytes.subarray(RANDOM_BYTES), macOf(hashes, bytes.subarray(0, RANDOM_BYTES)));
}

export function hashChallengeId(id: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(id).digest());
}

function macOf(hashes: Pick<KeyedHashes, 'hash'>, random: Uint8Array): Uint8Array {
  return hashes.hash('mfa-challenge', random).subarray(0, MAC_BYTES);
}
