import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hashNewCodes, hashRecoveryCode, newRecoveryCodes } from './recovery-codes.js';

const hashes = {
  hash: (purpose: string, value: string | Uint8Array) =>
    new Uint8Array(createHash('sha256').update(purpose).update(value).digest()),
};

describe('recovery codes', () => {
  it('[USR2] are ten, of 120 bits each, in groups that people can type', () => {
    const codes = newRecoveryCodes();
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$/);
  });

  it('[USR2] are found again in any case, without dashes, and with O for 0 and I or L for 1', () => {
    const code = '0123-4567-89AB-CDEF-GHJK-MNPQ';
    const [stored] = hashNewCodes(hashes, [code]);
    const typed = [
      code,
      code.toLowerCase(),
      code.replaceAll('-', ''),
      code.replaceAll('-', '  '),
      'o123-4567-89ab-cdef-ghjk-mnpq',
      'OI23-4567-89AB-CDEF-GHJK-MNPQ',
      'Ol23-4567-89AB-CDEF-GHJK-MNPQ',
    ];
    for (const one of typed) expect(hashRecoveryCode(hashes, one), one).toEqual(stored);
    expect(hashRecoveryCode(hashes, '0123-4567-89AB-CDEF-GHJK-MNPR')).not.toEqual(stored);
  });

  it.each(['', '123456', '0123-4567-89AB-CDEF-GHJK-MNP', '0123-4567-89AB-CDEF-GHJK-MNPU'])(
    '[USR2] cannot be %j',
    (typed) => {
      expect(hashRecoveryCode(hashes, typed)).toBeUndefined();
    },
  );
});
