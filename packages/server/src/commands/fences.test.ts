import { expect, it } from 'vitest';
import { Replacements } from './fences.js';

const newer = (instanceId: string | null, isConfirmed = true) => ({ instanceId, isConfirmed });

it('[DL35] two instances: the older stays away; one instance: it comes back', () => {
  const replacements = new Replacements();
  expect(replacements.closingFor('scr_a', 'one', newer('two'), 0)).toBe('REPLACED_BY_OTHER');
  expect(replacements.closingFor('scr_a', 'one', newer('one'), 0)).toBe('REPLACED_BY_SELF');
});

it('[DL35] without an instance id the fourth replacement within 60 s is final', () => {
  const replacements = new Replacements();
  const at = (now: number) => replacements.closingFor('scr_a', undefined, newer('two'), now);
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

it('[DL35] of a newer one that may be dead the fourth replacement is final, unless it is the same instance', () => {
  const replacements = new Replacements();
  const by = (instanceId: string) => replacements.closingFor('scr_a', 'one', newer(instanceId, false), 0);
  expect(['one', 'one', 'one', 'one', 'one'].map(by)).toEqual(Array(5).fill('REPLACED_BY_SELF'));
  expect(['two', 'two', 'two'].map(by)).toEqual(Array(3).fill('REPLACED_BY_SELF'));
  expect(by('two')).toBe('REPLACED_BY_OTHER');
});
