import { expect, it } from 'vitest';
import { crossingOf } from './crossing.js';

it('[BEY3] counts as crossed only what is known to have come in at another node alone', () => {
  const one = { cameIn: new Set(['a', 'b', 'both']), sent: ['a', 'c', 'both', 'requeued'] };
  const other = { cameIn: new Set(['c', 'both']), sent: ['a', 'a', 'both'] };
  expect(crossingOf([one, other])).toEqual({ crossed: 3, stayed: 3, unknown: 1 });
});

it('[BEY3] knows nothing of what a killed node could not tell', () => {
  const restarted = { cameIn: new Set<string>(), sent: ['a', 'b'] };
  expect(crossingOf([restarted, { cameIn: new Set(), sent: [] }])).toEqual({
    crossed: 0,
    stayed: 0,
    unknown: 2,
  });
});
