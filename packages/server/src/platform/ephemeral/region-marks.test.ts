import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Frame, parseFrame } from './bus-frames.js';
import { type Crossing, cross, inward, type Mark, outward } from './region-marks.js';

/** Where a message is heard that is said at `from`, when bridges of these regions carry between them and home, `*` for home. */
function heardAt(regions: readonly string[], from: string): string[] {
  const heard = [from];
  const carry = (mark: Mark, at: string) => {
    const ways: [string, Crossing][] =
      at === '*' ? regions.map((region) => [region, inward(region)]) : [['*', outward(at)]];
    for (const [to, crossing] of ways) {
      const next = crossing(mark);
      if (next === undefined) continue;
      heard.push(to);
      carry(next, to);
    }
  };
  carry(undefined, from);
  return heard.sort();
}

it('[ND62] from wherever something is said, every region hears it once', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9._-]{1,8}$/), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(names, (regions) => {
      for (const from of ['*', ...regions]) expect(heardAt(regions, from)).toEqual(['*', ...regions].sort());
    }),
  );
});

it('[ND62] nothing goes round, though one Redis stands for both sides or two regions have one name', () => {
  const crossings = [outward('a'), inward('a'), outward('b'), inward('b')];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...crossings), { maxLength: 20 }), (path) => {
      let mark: Mark;
      let steps = 0;
      for (const crossing of path) {
        const next = crossing(mark);
        if (next === undefined) continue;
        mark = next;
        steps += 1;
      }
      expect(steps).toBeLessThanOrEqual(2);
    }),
  );
});

it('[ND65] what nodes tell each other of limits stays in its region, and leaves no gap elsewhere', () => {
  const frame: Frame = [
    'p',
    [
      ['ledger', 3, 'entry'],
      ['limits.commands', 7, 'use'],
    ],
    { ledger: 3, 'limits.commands': 7 },
  ];
  const crossed = cross(frame, outward('far'));
  expect(crossed).toEqual(['p', [['ledger', 3, 'entry']], { ledger: 3 }, 'far']);
  expect(parseFrame(JSON.stringify(crossed))).toEqual(crossed);
  expect(cross(['p', [['limits.connections', 1, 'all']]], outward('far'))).toBeUndefined();
});
