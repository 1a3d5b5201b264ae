import { expect, it } from 'vitest';
import { failureOf } from './chaos.js';

it.each([
  [30, 0, { runs: '30' }, undefined],
  [31, 0, { runs: '30' }, undefined],
  [30, 1, { runs: '30' }, '1 violations'],
  [29, 0, { runs: '30' }, 'Only 29 of 30 runs counted'],
  [29, 0, { runs: '30', duration: '600' }, undefined],
  [0, 0, { runs: '1' }, 'No run counted, so nothing is shown'],
  [0, 0, { runs: '30', duration: '600' }, 'No run counted, so nothing is shown'],
])(
  '[MSG1] bongsu chaos: %d counted runs with %d violations of %j fail by: %s',
  (runs, violations, asked, failure) => {
    expect(failureOf({ runs, violations }, asked)).toBe(failure);
  },
);
