import { CreateApiKeySchema, SCOPES } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import en from '../../i18n/en.json' with { type: 'json' };
import { endOf, LIFETIMES, NOT_YET, OFFERED, scopeParts } from './scopes.js';

describe('scopes', () => {
  it('[USR4] every scope of the protocol is offered, or named as one that nothing asks for yet', () => {
    const offered = OFFERED.flatMap(({ scopes }) => scopes);
    expect([...offered, ...NOT_YET].sort()).toEqual([...SCOPES].sort());
  });

  it('[USR4] every scope says what it allows', () => {
    const texts: Record<string, Record<string, string>> = en.scopes;
    for (const scope of SCOPES) {
      const { area, verb } = scopeParts(scope);
      expect(texts[area]?.[verb], scope).toBeTruthy();
    }
  });

  it('[USR4] every lifetime is one that the server takes', () => {
    const now = 1_700_000_000_000.5;
    expect(endOf('30', now)).toBe(1_700_000_000_001 + 30 * 86_400_000);
    for (const lifetime of LIFETIMES) {
      const key = { name: 'k', scopes: ['screens:read'], expiresAt: endOf(lifetime, now) };
      expect(CreateApiKeySchema.parse(key).expiresAt).toBe(endOf(lifetime, now));
    }
  });
});
