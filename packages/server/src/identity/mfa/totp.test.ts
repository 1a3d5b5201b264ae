import { URI } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { matchingSteps, newTotpSecret, otpauthUrl, typedSecret } from './totp.js';

/** The secret and the times of RFC 6238, appendix B; six digits are the last six of its eight. */
const RFC_SECRET = new Uint8Array(Buffer.from('12345678901234567890'));
const RFC_CODES: [seconds: number, code: string][] = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
];

describe('TOTP', () => {
  it.each(RFC_CODES)(
    '[USR2] knows the code of RFC 6238 at %i s, in its step and the next one only',
    (at, code) => {
      const step = Math.floor(at / 30);
      const accepted = [-1, 0, 1, 2].map((later) =>
        matchingSteps(RFC_SECRET, code, { now: (at + later * 30) * 1000, previousSteps: 1 }),
      );
      expect(accepted).toEqual([[], [step], [step], []]);
    },
  );

  it.each([
    [1, 89_999],
    [0, 59_999],
  ])(
    '[USR2] with %i steps before the present one a code counts up to %i ms, and no longer',
    (previousSteps, last) => {
      const at = (now: number) => matchingSteps(RFC_SECRET, '287082', { now, previousSteps });
      expect([at(29_999), at(30_000), at(last), at(last + 1)]).toEqual([[], [1], [1], []]);
    },
  );

  it.each(['', '28708', '2870820', '287083', '２８７０８２'])('[USR2] does not take %j', (code) => {
    expect(matchingSteps(RFC_SECRET, code, { now: 59_000, previousSteps: 1 })).toEqual([]);
  });

  it('[USR2] makes 160 bits, and a URL that says all of it to an app', () => {
    const secret = newTotpSecret();
    expect(secret).toHaveLength(20);
    expect(newTotpSecret()).not.toEqual(secret);
    expect(typedSecret(RFC_SECRET)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
    const url = otpauthUrl(secret, 'bongsu.example.com', 'ada+kiosk@example.com');
    expect(URI.parse(url)).toMatchObject({
      issuer: 'bongsu.example.com',
      label: 'ada+kiosk@example.com',
      algorithm: 'SHA1',
      digits: 6,
      period: 30,
    });
    expect(new URL(url).searchParams.get('secret')).toBe(typedSecret(secret));
  });
});
