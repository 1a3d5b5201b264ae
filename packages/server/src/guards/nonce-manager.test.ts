import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { MemoryEphemeral } from '../platform/ephemeral/memory.js';
import { NonceManager } from './nonce-manager.js';

const failing = { setIfAbsent: () => Promise.reject(new Error('away')) };

describe('NonceManager', () => {
  const clock = new ManualClock();
  const log = memoryLog();
  const stores = {
    'through Ephemeral': new MemoryEphemeral(clock, log),
    'while Ephemeral fails': failing,
  };

  for (const [name, ephemeral] of Object.entries(stores)) {
    test(`[SEC2] ${name}: a nonce serves one command of one user`, async () => {
      const nonces = new NonceManager({ ephemeral, clock, log });
      expect(await nonces.registerNonce('user-1', 'n', 'cmd-1')).toBe(true);
      expect(await nonces.registerNonce('user-1', 'n', 'cmd-1')).toBe(true);
      expect(await nonces.registerNonce('user-1', 'n', 'cmd-2')).toBe(false);
      expect(await nonces.registerNonce('user-1', 'n', 'cmd-1')).toBe(true);
      expect(await nonces.registerNonce('user-2', 'n', 'cmd-2')).toBe(true);
      expect(await nonces.registerNonce('user-1', 'other', 'cmd-2')).toBe(true);
    });

    test(`[SEC2] ${name}: of many commands at once with one nonce, one passes`, async () => {
      const nonces = new NonceManager({ ephemeral, clock, log });
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => nonces.registerNonce('user-3', 'race', `cmd-${i}`)),
      );
      expect(results.filter((bound) => bound)).toHaveLength(1);
    });

    test(`[SEC2] ${name}: a nonce outlives the whole freshness window, ten minutes, and no longer`, async () => {
      const nonces = new NonceManager({ ephemeral, clock, log });
      expect(await nonces.registerNonce('user-4', 'n', 'cmd-1')).toBe(true);
      clock.advance(10 * 60_000 - 1);
      expect(await nonces.registerNonce('user-4', 'n', 'cmd-2')).toBe(false);
      clock.advance(1);
      expect(await nonces.registerNonce('user-4', 'n', 'cmd-2')).toBe(true);
    });
  }

  test('[SEC2] an outage is logged once, without the nonce', async () => {
    const { lines, ...own } = memoryLog();
    const nonces = new NonceManager({ ephemeral: failing, clock, log: own });
    for (let i = 0; i < 5; i += 1) await nonces.registerNonce('user-5', `secret-${i}`, 'cmd');
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});
