import { randomInt } from 'node:crypto';

// No 0/O, 1/I/L: what is read off a screen across a room must be typed right.
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const LENGTH = 8;
const GROUP = 4;

/** "ABCD-2345": 31^8 ≈ 8.5 × 10^11 codes. */
export function makeCode(): string {
  let code = '';
  for (let i = 0; i < LENGTH; i += 1) code += ALPHABET[randomInt(ALPHABET.length)];
  return `${code.slice(0, GROUP)}-${code.slice(GROUP)}`;
}

/** The code as it was made, however it was typed; undefined when it can be none. */
export function normalizeCode(typed: string): string | undefined {
  const bare = typed
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Dash}._]/gu, '');
  const valid = bare.length === LENGTH && [...bare].every((character) => ALPHABET.includes(character));
  return valid ? `${bare.slice(0, GROUP)}-${bare.slice(GROUP)}` : undefined;
}
