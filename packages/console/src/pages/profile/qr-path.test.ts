import { encode } from 'uqr';
import { describe, expect, it } from 'vitest';
import { qrPath } from './qr-path.js';

const URL =
  'otpauth://totp/Bongsu:ana%40example.org?issuer=Bongsu&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&digits=6';

/** The modules that a path of bars one high darkens. */
function drawn({ size, path }: { size: number; path: string }): string[] {
  const rows = Array.from({ length: size }, () => Array.from({ length: size }, () => '.'));
  for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
    for (let step = 0; step < Number(width); step += 1) {
      const row = rows[Number(y)];
      if (row) row[Number(x) + step] = '#';
    }
  }
  return rows.map((row) => row.join(''));
}

describe('the QR code', () => {
  it('[USR2] is drawn module for module, with the quiet zone that scanners need', () => {
    const code = qrPath(URL);
    const rows = drawn(code);
    const wanted = encode(URL, { ecc: 'M', border: 4 }).data;
    expect(rows).toEqual(wanted.map((row) => row.map((dark) => (dark ? '#' : '.')).join('')));
    expect(rows.slice(0, 4).join('')).not.toContain('#');
    // The corner by which a scanner finds it.
    expect(rows.slice(4, 11).map((row) => row.slice(4, 11))).toEqual([
      '#######',
      '#.....#',
      '#.###.#',
      '#.###.#',
      '#.###.#',
      '#.....#',
      '#######',
    ]);
  });

  it('[USR2] needs no more path commands than it has bars', () => {
    const { path } = qrPath(URL);
    expect(path.replace(/M\d+ \d+h\d+v1h-\d+z/g, '')).toBe('');
  });
});
