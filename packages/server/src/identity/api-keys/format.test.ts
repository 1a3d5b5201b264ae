import { expect, it } from 'vitest';
import { formatKey, isApiKey, newKeyParts, parseKey } from './format.js';

it('[SEC6] a key is 64 characters that carry its id, its secret and a checksum of both', () => {
  const parts = { id: '0123456789', secret: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ' };
  const key = formatKey(parts);
  expect(key).toMatch(/^bgs_0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ[0-9A-Za-z]{6}$/);
  expect(key).toHaveLength(64);
  expect(parseKey(key)).toEqual(parts);
  // CRC-32 of all before it, in base 62: scanners for leaked secrets rely on it.
  expect(key.slice(-6)).toBe(checksumByHand(key.slice(0, -6)));
});

it('[SEC6] ids and secrets are of chance, in the whole alphabet', () => {
  const made = Array.from({ length: 200 }, newKeyParts);
  expect(new Set(made.map(({ id }) => id)).size).toBe(200);
  const letters = new Set(made.flatMap(({ secret }) => [...secret]));
  expect(letters.size).toBe(62);
  for (const parts of made) expect(parseKey(formatKey(parts))).toEqual(parts);
});

it('[SEC6] one wrong character anywhere is noticed', () => {
  const key = formatKey(newKeyParts());
  for (let i = 0; i < key.length; i += 1) {
    const wrong = key[i] === 'a' ? 'b' : 'a';
    expect(parseKey(`${key.slice(0, i)}${wrong}${key.slice(i + 1)}`), `at ${i}`).toBeUndefined();
  }
});

it.each([
  ['empty', ''],
  ['the prefix alone', 'bgs_'],
  ['cut', (key: string) => key.slice(0, -1)],
  ['longer', (key: string) => `${key}0`],
  ['with a line break behind it', (key: string) => `${key}\n`],
  ['with an em dash', (key: string) => key.replace('_', '—')],
  ['a token of another kind', 'eyJhbGciOiJFZERTQSJ9.e30.c2ln'],
] as const)('[SEC6] no key: %s', (_, made) => {
  const text = typeof made === 'string' ? made : made(formatKey(newKeyParts()));
  expect(parseKey(text)).toBeUndefined();
});

it('[SEC6] tokens are told apart by the prefix', () => {
  expect(isApiKey(formatKey(newKeyParts()))).toBe(true);
  expect(isApiKey('bgs_nonsense')).toBe(true);
  for (const token of ['brt_abc', 'eyJhbGciOiJFZERTQSJ9', 'BGS_abc', ' bgs_abc'])
    expect(isApiKey(token)).toBe(false);
});

/** CRC-32 (IEEE) without zlib, bit by bit. */
function checksumByHand(text: string): string {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  let rest = (crc ^ 0xffffffff) >>> 0;
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let checksum = '';
  for (let i = 0; i < 6; i += 1) {
    checksum = digits.charAt(rest % 62) + checksum;
    rest = Math.floor(rest / 62);
  }
  return checksum;
}
