import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { ephemeralContract } from './ephemeral.contract.js';
import { ExpiringMap } from './expiring-map.js';
import { MemoryEphemeral } from './memory.js';

ephemeralContract('memory', async () => {
  const clock = new ManualClock();
  const log = memoryLog();
  const ephemeral = new MemoryEphemeral(clock, log);
  return {
    ephemeral,
    pass: async (ms) => clock.advance(ms),
    reportedFaults: () => log.lines.filter((line) => line.level === 'error').length,
    close: () => ephemeral.close(),
  };
});

describe('MemoryEphemeral', () => {
  const small = { maxCounters: 10, maxValues: 10, maxMembers: 10 };

  test('[EPH5] never holds more than its caps, forgets what ends soonest first, and says so', async () => {
    const clock = new ManualClock();
    const log = memoryLog();
    const ephemeral = new MemoryEphemeral(clock, log, small);
    expect(ephemeral.health()).toEqual({ status: 'ok' });
    for (let i = 0; i < 1_000; i += 1) {
      await ephemeral.count(`c${i}`, 60_000 + i);
      await ephemeral.setIfAbsent(`v${i}`, 'x', 60_000 + i);
      await ephemeral.presence.set(`g${i}`, 'm', 'x', 60_000 + i);
      expect(ephemeral.size).toBeLessThanOrEqual(30);
    }
    expect(ephemeral.valueOf('v989')).toBeUndefined();
    expect(ephemeral.valueOf('v990')).toBe('x');
    expect(await ephemeral.presence.count('g989')).toBe(0);
    expect(await ephemeral.presence.count('g999')).toBe(1);
    expect(ephemeral.health().status).toBe('degraded');
    expect(log.lines.filter((line) => line.level === 'warn')).toHaveLength(1);
    clock.advance(120_000);
    expect(ephemeral.health()).toEqual({ status: 'ok' });
    await ephemeral.close();
  });

  test('[EPH5] a flood of one kind pushes out nothing of another', async () => {
    const ephemeral = new MemoryEphemeral(new ManualClock(), memoryLog(), small);
    await ephemeral.setIfAbsent('nonce', 'cmd', 1);
    for (let i = 0; i < 1_000; i += 1) await ephemeral.count(`flood${i}`, 60_000);
    expect(ephemeral.valueOf('nonce')).toBe('cmd');
    await ephemeral.close();
  });

  test('[EPH5] gives ended memory back by one timer, which close disarms', async () => {
    const clock = new ManualClock();
    const ephemeral = new MemoryEphemeral(clock, memoryLog());
    for (let i = 0; i < 500; i += 1) {
      await ephemeral.count(`c${i}`, 1_000);
      await ephemeral.setIfAbsent(`v${i}`, 'x', 1_000);
      await ephemeral.presence.set('g', `m${i}`, 'x', 1_000);
    }
    expect(ephemeral.size).toBe(1_500);
    expect(clock.pending).toBe(1);
    clock.advance(10_000);
    expect(ephemeral.size).toBe(0);
    await ephemeral.close();
    expect(clock.pending).toBe(0);
  });

  test('[EPH5] moving the wall clock ends nothing', async () => {
    const clock = new ManualClock();
    const ephemeral = new MemoryEphemeral(clock, memoryLog());
    await ephemeral.setIfAbsent('k', 'v', 1_000);
    clock.now = () => 8.64e15;
    expect(ephemeral.valueOf('k')).toBe('v');
    await ephemeral.close();
  });
});

test('[EPH5] an ExpiringMap does what a plain list of entries would, whatever is done to it', () => {
  const keys = [...'abcdefghij'];
  const key = fc.constantFrom(...keys);
  const set = fc.record({ do: fc.constant('set' as const), key, ttl: fc.integer({ min: 1, max: 200 }) });
  // Mostly sets, so that the map is full most of the time.
  const step = fc.oneof(
    { weight: 8, arbitrary: set },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 30 }) }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 100, size: 'max' }), (steps) => {
      const clock = new ManualClock();
      const map = new ExpiringMap<number>(clock, 6);
      let model: { key: string; value: number; endsAt: number }[] = [];
      steps.forEach((action, value) => {
        const now = clock.monotonic();
        if (action.do === 'pass') clock.advance(action.ms);
        else if (action.do === 'delete') {
          map.delete(action.key);
          model = model.filter((entry) => entry.key !== action.key);
        } else {
          // Two that end together may go in either order, so every end is its own.
          const ttl = action.ttl + value / 1_000;
          map.set(action.key, value, ttl);
          model = model.filter((entry) => entry.endsAt > now && entry.key !== action.key);
          if (model.length === 6) model = model.sort((a, b) => a.endsAt - b.endsAt).slice(1);
          model.push({ key: action.key, value, endsAt: now + ttl });
        }
        const alive = new Map(
          model.filter((entry) => entry.endsAt > clock.monotonic()).map((entry) => [entry.key, entry.value]),
        );
        for (const name of keys) expect(map.get(name)).toBe(alive.get(name));
        expect(map.size).toBeLessThanOrEqual(6);
      });
    }),
    { numRuns: 300 },
  );
});
