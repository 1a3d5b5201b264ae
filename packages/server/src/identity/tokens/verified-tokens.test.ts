import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { Metrics } from '../../platform/metrics.js';
import type { AccessClaims } from './access-claims.js';
import { VerifiedTokens } from './verified-tokens.js';

const MINUTE_MS = 60_000;

describe('VerifiedTokens', () => {
  let clock: ManualClock;
  let cache: VerifiedTokens;
  let metrics: Metrics;
  let fresh: boolean;
  let dead: Set<string>;
  beforeEach(() => {
    clock = new ManualClock();
    metrics = new Metrics();
    fresh = true;
    dead = new Set();
    cache = new VerifiedTokens({
      clock,
      now: clock.now,
      metrics,
      feedIsFresh: () => fresh,
      countsKey: (kid) => !dead.has(kid),
    });
  });
  const claims = (lifeMs = 15 * MINUTE_MS): AccessClaims => ({
    kind: 'user',
    userId: 'u',
    epoch: 0,
    sessionId: 's',
    authTime: 0,
    expiresAt: clock.now() + lifeMs,
  });

  it('[MED1] answers what it was given, for this very token', () => {
    const given = claims();
    cache.keep('a.b.c', 'k', given);
    expect(cache.find('a.b.c')).toEqual(given);
    for (const other of ['a.b.d', 'a.b.', 'a.b.c ', 'A.b.c', '']) expect(cache.find(other)).toBeUndefined();
  });

  it('[MED1] for five minutes, and no longer than the token lives', () => {
    cache.keep('long', 'k', claims());
    cache.keep('short', 'k', claims(MINUTE_MS));
    clock.advance(MINUTE_MS - 1);
    expect(cache.find('short')).toBeDefined();
    clock.advance(2);
    expect(cache.find('short')).toBeUndefined();
    clock.advance(4 * MINUTE_MS - 2);
    expect(cache.find('long')).toBeDefined();
    clock.advance(2);
    expect(cache.find('long')).toBeUndefined();
  });

  it('[MED1] the thousand lately used', () => {
    for (let n = 0; n < 1000; n += 1) cache.keep(`token-${n}`, 'k', claims());
    expect(cache.find('token-0')).toBeDefined();
    cache.keep('one more', 'k', claims());
    expect(cache.find('token-0')).toBeDefined();
    expect(cache.find('token-1')).toBeUndefined();
    expect(cache.find('token-2')).toBeDefined();
  });

  it('[MED1] not when its key counts no longer, nor while changes of keys may have been missed', () => {
    cache.keep('a', 'k', claims());
    fresh = false;
    expect(cache.find('a')).toBeUndefined();
    fresh = true;
    expect(cache.find('a')).toBeDefined();
    dead.add('k');
    expect(cache.find('a')).toBeUndefined();
  });

  it('[MED1] nothing after clear, and nothing of a token that has ended', () => {
    cache.keep('a', 'k', claims());
    cache.clear();
    cache.keep('b', 'k', claims(0));
    expect([cache.find('a'), cache.find('b')]).toEqual([undefined, undefined]);
  });

  it('[MED1] [PRF3] counts hits and misses', async () => {
    cache.find('a');
    cache.keep('a', 'k', claims());
    cache.find('a');
    cache.find('a');
    const text = await metrics.text();
    expect(text).toContain('bongsu_cache_hits_total{cache="jwt"} 2');
    expect(text).toContain('bongsu_cache_misses_total{cache="jwt"} 1');
  });

  it('[MED1] what is answered cannot be changed by whoever asked', () => {
    cache.keep('a', 'k', claims());
    expect(Object.isFrozen(cache.find('a'))).toBe(true);
  });
});
