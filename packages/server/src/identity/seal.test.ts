import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { blindIndex, KeyRing } from './accounts/pii.js';
import { deriveKeys } from './derive.js';
import { open, SealError, seal } from './seal.js';

const key = new Uint8Array(randomBytes(32));
const place = { table: 'users', column: 'email_enc', row: '1' };
const text = Buffer.from('ada@example.com');

describe('seal', () => {
  it('[USR6] opens with its key at its place, and differs each time', () => {
    const sealed = seal(key, place, text);
    expect(Buffer.from(open(key, place, sealed))).toEqual(text);
    expect(Buffer.from(seal(key, place, text))).not.toEqual(Buffer.from(sealed));
  });

  it('[USR6] opens nowhere else, with no other key, and not when altered', () => {
    const sealed = seal(key, place, text);
    for (const other of [{ table: 'x' }, { column: 'x' }, { row: '2' }]) {
      expect(() => open(key, { ...place, ...other }, sealed)).toThrow(SealError);
    }
    expect(() => open(new Uint8Array(32), place, sealed)).toThrow(SealError);
    for (let at = 0; at < sealed.length; at += 1) {
      const altered = Uint8Array.from(sealed, (byte, i) => (i === at ? byte ^ 1 : byte));
      expect(() => open(key, place, altered)).toThrow(SealError);
    }
    for (const length of [0, 1, 2, 20, sealed.length - 1]) {
      expect(() => open(key, place, sealed.subarray(0, length))).toThrow(SealError);
    }
  });
});

describe('KeyRing', () => {
  it('[USR6] the first key wraps, every key unwraps', () => {
    const [a, b] = ['a', 'b'].map((kid) => ({ kid, key: new Uint8Array(randomBytes(32)) }));
    if (!a || !b) throw new Error('unreachable');
    const wrapped = new KeyRing([a]).newKey(place);
    expect(wrapped.keyId).toBe('a');
    expect(new KeyRing([b, a]).unwrap(place, wrapped)).toEqual(wrapped.key);
    expect(() => new KeyRing([b]).unwrap(place, wrapped)).toThrow(/no key "a"/);
  });
});

describe('derived keys', () => {
  it('[SEC4] every purpose has its own, and another secret makes others', () => {
    const hex = (secret: string) =>
      Object.values(deriveKeys(secret)).map((value) => Buffer.from(value as Uint8Array).toString('hex'));
    const [first, second] = [hex('a'.repeat(64)), hex('b'.repeat(64))];
    expect(new Set([...first, ...second]).size).toBe(first.length + second.length);
    expect(hex('a'.repeat(64))).toEqual(first);
  });

  it('[USR6] a blind index is the same for the same value and key only', () => {
    const index = (value: string, by = key) => Buffer.from(blindIndex(by, value)).toString('hex');
    expect(index('ada@example.com')).toBe(index('ada@example.com'));
    expect(index('ada@example.com')).not.toBe(index('adb@example.com'));
    expect(index('ada@example.com')).not.toBe(index('ada@example.com', new Uint8Array(32)));
  });
});
