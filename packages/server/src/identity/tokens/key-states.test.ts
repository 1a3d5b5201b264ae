import { describe, expect, it } from 'vitest';
import {
  ACTIVE_MS,
  dueChanges,
  isNothing,
  JWKS_MAX_AGE_MS,
  type KeyFacts,
  PENDING_MS,
} from './key-states.js';

const TOKEN_MS = 900_000;
const DAY_MS = 86_400_000;

const key = (kid: string, state: KeyFacts['state'], over: Partial<KeyFacts> = {}): KeyFacts => ({
  kid,
  state,
  createdAt: 0,
  activatedAt: state === 'pending' ? null : 0,
  retiredAt: state === 'retired' ? 0 : null,
  ...over,
});
const due = (keys: KeyFacts[], now: number) => dueChanges(keys, now, TOKEN_MS);

describe('dueChanges', () => {
  it('[TOK1] the first key signs at once, for nobody could sign otherwise', () => {
    expect(due([], 0)).toEqual({ destroy: [], make: 'active' });
    expect(due([key('old', 'destroyed')], 0)).toEqual({ destroy: [], make: 'active' });
    expect(due([key('next', 'pending')], 0)).toEqual({ destroy: [], activate: 'next' });
  });

  it('[TOK1] nothing is due while one key signs and is young', () => {
    expect(isNothing(due([key('a', 'active')], ACTIVE_MS - 1))).toBe(true);
  });

  it('[TOK1] after 90 days a new key is made, once, and waits longer than the key set is cached', () => {
    expect(ACTIVE_MS).toBe(90 * DAY_MS);
    expect(PENDING_MS).toBeGreaterThan(JWKS_MAX_AGE_MS);
    const old = key('a', 'active');
    expect(due([old], ACTIVE_MS)).toEqual({ destroy: [], make: 'pending' });
    const next = key('b', 'pending', { createdAt: ACTIVE_MS });
    expect(isNothing(due([old, next], ACTIVE_MS))).toBe(true);
    expect(isNothing(due([old, next], ACTIVE_MS + PENDING_MS - 1))).toBe(true);
    expect(due([old, next], ACTIVE_MS + PENDING_MS)).toEqual({ destroy: [], retire: 'a', activate: 'b' });
  });

  it('[TOK1] a retired key is destroyed once the last token that it signed has ended, tolerance included', () => {
    const keys = [key('a', 'retired'), key('b', 'active')];
    // Signed in the moment of its retirement, with 5 s of tolerance, by a node that heard of it a minute late.
    expect(isNothing(due(keys, TOKEN_MS + 65_000))).toBe(true);
    expect(due(keys, TOKEN_MS + 120_000)).toEqual({ destroy: ['a'] });
  });

  it('[TOK1] several things may be due at one time', () => {
    const keys = [key('a', 'retired'), key('b', 'active'), key('c', 'pending')];
    expect(due(keys, DAY_MS)).toEqual({ destroy: ['a'], retire: 'b', activate: 'c' });
  });
});
