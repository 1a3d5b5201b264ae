import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { MemoryEphemeral } from '../platform/ephemeral/memory.js';
import { Metrics } from '../platform/metrics.js';
import { addressKey, addressPrefix, withoutPort } from './address.js';
import { type LimitResult, rateLimitHeaders } from './limit.js';
import { RateLimiter, type RateLimiterConfig } from './rate-limiter.js';
import { TokenBuckets } from './token-buckets.js';

const CONFIG: RateLimiterConfig = {
  enabled: true,
  requestsPerMinute: 100,
  commandsPerMinute: 6_000,
  handshakeFailuresPerMinute: 10,
};
const MINUTE_MS = 60_000;

let clock: ManualClock;
let metrics: Metrics;
beforeEach(() => {
  clock = new ManualClock();
  metrics = new Metrics();
});

function build(config: Partial<RateLimiterConfig> = {}): RateLimiter {
  const ephemeral = new MemoryEphemeral(clock, memoryLog());
  return new RateLimiter({ ephemeral, clock, metrics }, { ...CONFIG, ...config });
}
const times = (count: number) => Array.from({ length: count });

async function callUntilRefused(
  call: () => Promise<LimitResult> | LimitResult,
  most = 1_000,
): Promise<number> {
  for (let allowed = 0; allowed < most; allowed += 1) if (!(await call()).allowed) return allowed;
  return most;
}

describe('RateLimiter.checkLimit', () => {
  test.each([
    [6000, 6],
    [100, 1],
  ])(
    '[SEC3] of %d commands a minute, %d calls may make a thousand each',
    async (commandsPerMinute, calls) => {
      const limiter = build({ commandsPerMinute });
      expect(await callUntilRefused(() => limiter.checkLimit('bulk', 'u1'))).toBe(calls);
      expect((await limiter.checkLimit('general', 'u1')).allowed).toBe(true);
      clock.advance(MINUTE_MS);
      expect(await callUntilRefused(() => limiter.checkLimit('bulk', 'u1'))).toBe(calls);
    },
  );

  test('[SEC3] 100 a minute by default, then refused until the window ends', async () => {
    const limiter = build();
    expect(await limiter.checkLimit('http', 'u1')).toEqual({
      allowed: true,
      limit: 100,
      remaining: 99,
      resetMs: MINUTE_MS,
    });
    clock.advance(20_000);
    expect(await callUntilRefused(() => limiter.checkLimit('http', 'u1'))).toBe(99);
    expect(await limiter.checkLimit('http', 'u1')).toEqual({
      allowed: false,
      limit: 100,
      remaining: 0,
      resetMs: 40_000,
      retryAfterMs: 40_000,
    });
    clock.advance(39_999);
    expect((await limiter.checkLimit('http', 'u1')).allowed).toBe(false);
    clock.advance(1);
    expect((await limiter.checkLimit('http', 'u1')).remaining).toBe(99);
  });

  test('[SEC3] parallel calls get exactly the limit', async () => {
    const limiter = build();
    const results = await Promise.all(times(250).map(() => limiter.checkLimit('http', 'u1')));
    expect(results.filter((result) => result.allowed)).toHaveLength(100);
  });

  test('[SEC3] users, scopes and limits count apart', async () => {
    const limiter = build();
    const few = { limit: 2, windowMs: MINUTE_MS };
    expect(await callUntilRefused(() => limiter.checkLimit('a', 'u1', few))).toBe(2);
    expect((await limiter.checkLimit('a', 'u2', few)).allowed).toBe(true);
    expect((await limiter.checkLimit('b', 'u1', few)).allowed).toBe(true);
    await expect(limiter.enforceLimit('a', 'u1', few)).rejects.toMatchObject({
      code: 'RATE_LIMIT',
      retryAfterMs: MINUTE_MS,
    });
  });

  test('[SEC3] a refund gives one call back and never more than was there', async () => {
    const limiter = build();
    const few = { limit: 2, windowMs: MINUTE_MS };
    for (const _ of times(5)) await limiter.refund('a', 'u1', few);
    expect(await callUntilRefused(() => limiter.checkLimit('a', 'u1', few))).toBe(2);
    await limiter.refund('a', 'u1', few);
    await limiter.refund('a', 'u1', few);
    expect(await callUntilRefused(() => limiter.checkLimit('a', 'u1', few))).toBe(1);
  });

  test('[SEC3] refusals are counted by scope, never by key', async () => {
    const limiter = build();
    const one = { limit: 1, windowMs: MINUTE_MS };
    for (const _ of times(3)) await limiter.checkLimit('http', 'secret-user', one);
    const text = await metrics.text();
    expect(text).toContain('bongsu_rate_limited_total{scope="http"} 2');
    expect(text).not.toContain('secret-user');
  });

  test('[SEC3] RATE_LIMIT_ENABLED=false lifts every limit', async () => {
    const limiter = build({ enabled: false, commandsPerMinute: 1 });
    expect(await callUntilRefused(() => limiter.checkLimit('http', 'u1', { limit: 1, windowMs: 1 }))).toBe(
      1_000,
    );
    expect(await callUntilRefused(() => limiter.checkBurst('u1'))).toBe(1_000);
    for (const _ of times(50)) await limiter.recordFailure('10.0.0.1');
    expect(await limiter.isBlocked('10.0.0.1')).toBe(false);
  });

  test('[SEC3] the standard headers round up to seconds', () => {
    expect(rateLimitHeaders({ allowed: true, limit: 5, remaining: 3, resetMs: 1_200 })).toEqual({
      'RateLimit-Limit': '5',
      'RateLimit-Remaining': '3',
      'RateLimit-Reset': '2',
    });
    const refused = { allowed: false, limit: 5, remaining: 0, resetMs: 1, retryAfterMs: 1 };
    expect(rateLimitHeaders(refused)).toMatchObject({ 'RateLimit-Remaining': '0', 'Retry-After': '1' });
  });
});

describe('RateLimiter.checkBurst', () => {
  test('[SEC3] a burst is one second of the rate, or 20, whichever is more', async () => {
    const fast = build();
    expect(await callUntilRefused(() => fast.checkBurst('u1'))).toBe(100);
    metrics = new Metrics();
    const slow = build({ commandsPerMinute: 60 });
    expect(await callUntilRefused(() => slow.checkBurst('u1'))).toBe(20);
    expect((await Promise.resolve(slow.checkBurst('u2'))).allowed).toBe(true);
  });

  test('[SEC3] after a burst tokens come back one by one, and a refusal names the wait that is enough', async () => {
    const limiter = build({ commandsPerMinute: 60 });
    await callUntilRefused(() => limiter.checkBurst('u1'));
    const refused = limiter.checkBurst('u1');
    expect(refused).toMatchObject({
      allowed: false,
      limit: 20,
      remaining: 0,
      retryAfterMs: 1_000,
      resetMs: 20_000,
    });
    clock.advance(999);
    expect(limiter.checkBurst('u1').allowed).toBe(false);
    clock.advance(1);
    expect(limiter.checkBurst('u1')).toMatchObject({ allowed: true, remaining: 0 });
    expect(limiter.checkBurst('u1').allowed).toBe(false);
    expect(await metrics.text()).toContain('bongsu_rate_limited_total{scope="command"} 4');
  });

  test('[SEC3] what comes behind a refused call is refused with it for 100 ms, though tokens come back sooner', async () => {
    const limiter = build();
    await callUntilRefused(() => limiter.checkBurst('u1'));
    clock.advance(60);
    expect(limiter.checkBurst('u1')).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 40 });
    expect(limiter.checkBurst('u2').allowed).toBe(true);
    clock.advance(39);
    expect(limiter.checkBurst('u1')).toMatchObject({ allowed: false, retryAfterMs: 1 });
    clock.advance(1);
    // The refused took nothing: all that came back meanwhile is there, and then the next hold begins.
    expect(await callUntilRefused(() => limiter.checkBurst('u1'))).toBe(10);
    expect(limiter.checkBurst('u1')).toMatchObject({ allowed: false, retryAfterMs: 100 });
  });

  test('[SEC3] whatever the arrivals, no window takes more than burst plus rate, and waiting as told always helps', () => {
    const arrivals = fc.array(fc.integer({ min: 0, max: 500 }), {
      minLength: 1,
      maxLength: 200,
      size: 'max',
    });
    fc.assert(
      fc.property(
        arrivals,
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 1, max: 50 }),
        (gaps, perMinute, burst) => {
          const buckets = new TokenBuckets({ perMinute, burst, maxKeys: 10 });
          let now = 0;
          const taken: number[] = [];
          for (const gap of gaps) {
            now += gap;
            const result = buckets.take('k', now);
            if (result.allowed) taken.push(now);
            else {
              now += result.retryAfterMs ?? 0;
              expect(buckets.take('k', now).allowed).toBe(true);
              taken.push(now);
            }
          }
          taken.forEach((start, i) => {
            taken.slice(i).forEach((end, n) => {
              expect(n + 1).toBeLessThanOrEqual(burst + ((end - start) * perMinute) / 60_000 + 1e-3);
            });
          });
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('RateLimiter handshake failures', () => {
  test('[SEC3] ten failures a minute block an address, and nothing else counts', async () => {
    const limiter = build();
    for (const _ of times(200)) expect(await limiter.isBlocked('198.51.100.7')).toBe(false);
    for (const _ of times(9)) await limiter.recordFailure('198.51.100.7');
    expect(await limiter.isBlocked('198.51.100.7')).toBe(false);
    await limiter.recordFailure('198.51.100.7');
    expect(await limiter.isBlocked('198.51.100.7')).toBe(true);
    expect(await limiter.isBlocked('::ffff:198.51.100.7')).toBe(true);
    expect(await limiter.isBlocked('198.51.100.8')).toBe(false);
    clock.advance(MINUTE_MS);
    expect(await limiter.isBlocked('198.51.100.7')).toBe(false);
  });

  test('[SEC3] rotating within a /64 is one address; another /64 is another', async () => {
    const limiter = build();
    for (const i of times(10).keys()) await limiter.recordFailure(`2001:db8:1:2::${i.toString(16)}`);
    expect(await limiter.isBlocked('2001:DB8:1:2:ffff:ffff:ffff:ffff')).toBe(true);
    expect(await limiter.isBlocked('2001:db8:1:3::1')).toBe(false);
  });
});

describe('addresses', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2.0/24'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.0/24'],
    ['::FFFF:c000:0201', '192.0.2.1', '192.0.2.0/24'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1', '192.0.2.0/24'],
    ['::1', '0:0:0:0::/64', '0:0:0::/48'],
    ['2001:db8::1', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['2001:0db8:0000:0000:1:2:3:4', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64', 'fe80:0:0::/48'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::/64', '1:2:3::/48'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64', '1:2:3::/48'],
    ['203.0.113.9:51234', '203.0.113.9', '203.0.113.0/24'],
    ['[2001:db8::1]:443', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['[2001:db8::1]', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1', '192.0.2.0/24'],
    ['203.0.113.9:port', 'unknown', undefined],
    ['not an address', 'unknown', undefined],
    ['', 'unknown', undefined],
  ])('[SEC3] %s counts as %s and is recorded as %s', (address, key, prefix) => {
    expect(addressKey(address)).toBe(key);
    expect(addressPrefix(address)).toBe(prefix);
  });

  test('[SEC3] a peer that has gone before it was asked for has no address, and that is no fault', () => {
    expect(addressKey(undefined)).toBe('unknown');
    expect(withoutPort(undefined)).toBe('');
  });
});
