import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { MemoryEphemeral } from '../platform/ephemeral/memory.js';
import { NonceManager } from './nonce-manager.js';

describe('NonceManager', () => {
  let clock: ManualClock;
  let nonces: NonceManager;
  beforeEach(() => {
    clock = new ManualClock();
    nonces = new NonceManager({ ephemeral: new MemoryEphemeral(clock, memoryLog()) });
  });

  test('[SEC2] a nonce serves one command of one user', async () => {
    expect(await nonces.registerNonce('user-1', 'n', 'cmd-1')).toBe(true);
    expect(await nonces.registerNonce('user-1', 'n', 'cmd-1')).toBe(true);
    expect(await nonces.registerNonce('user-1', 'n', 'cmd-2')).toBe(false);
    expect(await nonces.registerNonce('user-1', 'n', 'cmd-1')).toBe(true);
    expect(await nonces.registerNonce('user-2', 'n', 'cmd-2')).toBe(true);
    expect(await nonces.registerNonce('user-1', 'other', 'cmd-2')).toBe(true);
  });

  test('[SEC2] of many commands at once with one nonce, one passes', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => nonces.registerNonce('user-3', 'race', `cmd-${i}`)),
    );
    expect(results.filter((bound) => bound)).toHaveLength(1);
  });

  test('[SEC2] a nonce outlives the whole freshness window, ten minutes, and no longer', async () => {
    expect(await nonces.registerNonce('user-4', 'n', 'cmd-1')).toBe(true);
    clock.advance(10 * 60_000 - 1);
    expect(await nonces.registerNonce('user-4', 'n', 'cmd-2')).toBe(false);
    clock.advance(1);
    expect(await nonces.registerNonce('user-4', 'n', 'cmd-2')).toBe(true);
  });
});
