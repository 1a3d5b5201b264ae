import { randomBytes, randomInt } from 'node:crypto';
import { v5, v7 } from 'uuid';

/** A time-ordered UUID. */
export function uuidv7(): string {
  return v7();
}

/** The UUID that always belongs to this name in this namespace, itself a UUID. */
export function uuidv5(name: string, namespace: string): string {
  return v5(name, namespace);
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** A readable id with 103 bits of chance: `scr_7f3k…`. */
export function prefixedId(prefix: string): string {
  let id = `${prefix}_`;
  for (let i = 0; i < 20; i += 1) id += ALPHABET[randomInt(ALPHABET.length)];
  return id;
}

/** `bytes` of chance as base64url. */
export function randomToken(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}
