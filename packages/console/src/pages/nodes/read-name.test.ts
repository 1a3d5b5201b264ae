import { expect, it } from 'vitest';
import { readName } from './read-name.js';

it('[ND48] an address, a user ID and a screen ID are told apart, and anything else is none of them', () => {
  const id = '0197a7ce-3c1e-7000-8000-00000000000a';
  expect(readName(' ana@example.org ')).toEqual({ email: 'ana@example.org' });
  expect(readName(`${id}\n`)).toEqual({ user: id });
  expect(readName('scr_2a')).toEqual({ screen: 'scr_2a' });
  expect(['', 'scr_', 'Ana', `${id}0`, 'scr_2a b'].map(readName)).toEqual(
    [1, 2, 3, 4, 5].map(() => undefined),
  );
});
