import { randomBytes } from 'node:crypto';
import type { KeyedHashes } from '../keyed-hashes.js';

/** Crockford's base32: no letter that is taken for a digit. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const COUNT = 10;
/** 5 bits a character: 120 bits, so that a keyed hash is enough at rest and no salt is needed. */
const CHARACTERS = 24;
const GROUP = 4;

/** Ten codes as people are shown them: `7K2M-…`, six groups of four. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: COUNT }, newRecoveryCode);
}

function newRecoveryCode(): string {
  // 256 is a multiple of 32: no character is likelier than another.
  const characters = [...randomBytes(CHARACTERS)].map((byte) => ALPHABET[byte % ALPHABET.length]);
  const groups = Array.from({ length: CHARACTERS / GROUP }, (_, n) =>
    characters.slice(n * GROUP, (n + 1) * GROUP).join(''),
  );
  return groups.join('-');
}

/** What is stored of codes that were just made. */
export function hashNewCodes(hashes: Pick<KeyedHashes, 'hash'>, codes: readonly string[]): Uint8Array[] {
  return codes.map((code) => hashes.hash('recovery-code', code.replaceAll('-', '')));
}

/** The keyed hash that a recovery code is stored and found by, or undefined for what cannot be one. */
export function hashRecoveryCode(hashes: Pick<KeyedHashes, 'hash'>, typed: string): Uint8Array | undefined {
  const code = typed.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  const isCode = code.length === CHARACTERS && [...code].every((character) => ALPHABET.includes(character));
  return isCode ? hashes.hash('recovery-code', code) : undefined;
}
