import { expect, it } from 'vitest';
import { Replacements } from './fences.js';

it('[DL35] two instances: the older stays away; one instance: it comes back', () => {
  const replacements = new Replacements();
  expect(replacements.closingFor('scr_a', 'one', 'two', 0)).toBe('REPLACED_BY_OTHER');
  expect(replacements.closingFor('scr_a', 'one', 'one', 0)).toBe('REPLACED_BY_SELF');
});

it('[DL35] without an instance id the fourth replacement within 60 s is final', () => {
  const replacements = new Replacements();
  const at = (now: number) => replacements.closingFor('scr_a', undefined, 'two', now);
  expect([at(0), at(1000), at(2000), at(3000)]).toEqual([
    'REPLACED_BY_SELF',
    'REPLACED_BY_SELF',
    'REPLACED_BY_SELF',
    'REPLACED_BY_OTHER',
  ]);
  expect(at(63_000)).toBe('REPLACED_BY_SELF');
  replacements.sweep(200_000);
  expect(replacements.size).toBe(0);
});
