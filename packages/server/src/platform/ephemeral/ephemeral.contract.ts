import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BusEvent, Ephemeral } from './ephemeral.js';

/** What a suite of one implementation offers. Every `ephemeral` of a harness stands on the same store. */
export interface EphemeralHarness {
  ephemeral: Ephemeral;
  /** Lets `ms` pass for the store: by moving a clock where there is one to move, else by waiting. */
  pass(ms: number): Promise<void>;
  /** How often a subscriber's fault was reported. */
  reportedFaults(): number;
  close(): Promise<void>;
}

const TTL_MS = 1_000;
/** Long enough that nothing ends by itself while a test runs, however slow the machine. */
const LONG_MS = 600_000;

let serial = 0;
/** A store may outlive a test, so each test has its own names. */
const fresh = (name: string) => `${name}:${process.pid}:${++serial}`;

/** What every implementation must do, and all that callers may rely on. */
export function ephemeralContract(name: string, createHarness: () => Promise<EphemeralHarness>): void {
  describe(`Ephemeral: ${name}`, () => {
    let harness: EphemeralHarness;
    let ephemeral: Ephemeral;
    beforeEach(async () => {
      harness = await createHarness();
      ephemeral = harness.ephemeral;
    });
    afterEach(() => harness.close());
    const context = () => ({ harness, ephemeral });

    counters(context);
    values(context);
    presence(context);
    bus(context);
  });
}

type Context = () => { harness: EphemeralHarness; ephemeral: Ephemeral };

function counters(context: Context): void {
  test('[EPH1] a counter adds up within its window, which starts with the first count', async () => {
    const { ephemeral, harness } = context();
    const key = fresh('counter');
    expect((await ephemeral.count(key, TTL_MS)).count).toBe(1);
    await harness.pass(TTL_MS / 2);
    const second = await ephemeral.count(key, TTL_MS, 3);
    expect(second.count).toBe(4);
    expect(second.resetMs).toBeGreaterThan(0);
    expect(second.resetMs).toBeLessThanOrEqual(TTL_MS / 2);
    await harness.pass(TTL_MS / 2);
    expect((await ephemeral.count(key, TTL_MS)).count).toBe(1);
  });

  test('[EPH1] a count of 0 looks, a negative one gives back; neither starts a window nor goes below 0', async () => {
    const { ephemeral } = context();
    const key = fresh('counter');
    expect(await ephemeral.count(key, LONG_MS, 0)).toEqual({ count: 0, resetMs: 0 });
    expect(await ephemeral.count(key, LONG_MS, -1)).toEqual({ count: 0, resetMs: 0 });
    await ephemeral.count(key, LONG_MS, 2);
    expect((await ephemeral.count(key, LONG_MS, 0)).count).toBe(2);
    expect((await ephemeral.count(key, LONG_MS, -1)).count).toBe(1);
    expect((await ephemeral.count(key, LONG_MS, -5)).count).toBe(0);
    expect((await ephemeral.count(key, LONG_MS)).count).toBe(1);
  });

  test('[EPH1] keys, and one key under two windows, count apart', async () => {
    const { ephemeral } = context();
    const key = fresh('counter');
    await ephemeral.count(key, LONG_MS, 5);
    expect((await ephemeral.count(key, LONG_MS + 1)).count).toBe(1);
    expect((await ephemeral.count(`${key}b`, LONG_MS)).count).toBe(1);
  });

  test('[EPH1] counts of concurrent callers are all different', async () => {
    const { ephemeral } = context();
    const key = fresh('counter');
    const states = await Promise.all(Array.from({ length: 50 }, () => ephemeral.count(key, LONG_MS)));
    expect(new Set(states.map((state) => state.count)).size).toBe(50);
  });
}

function values(context: Context): void {
  test('[EPH2] of concurrent setIfAbsent one stores, and all learn what is stored', async () => {
    const { ephemeral } = context();
    const key = fresh('value');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ephemeral.setIfAbsent(key, `v${i}`, LONG_MS)),
    );
    expect(answers.filter((answer) => answer.stored)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.value)).size).toBe(1);
  });

  test('[EPH2] setIfAbsent keeps the first end', async () => {
    const { ephemeral, harness } = context();
    const once = fresh('value');
    await ephemeral.setIfAbsent(once, 'a', TTL_MS);
    await harness.pass(TTL_MS / 2);
    expect(await ephemeral.setIfAbsent(once, 'b', TTL_MS)).toEqual({ stored: false, value: 'a' });
    await harness.pass(TTL_MS / 2);
    expect(await ephemeral.setIfAbsent(once, 'c', LONG_MS)).toEqual({ stored: true, value: 'c' });
  });

  test('[EPH2] any text goes in and comes out, as key and as value', async () => {
    const { ephemeral } = context();
    const text = fc.string({ unit: 'grapheme', maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(text, text, async (suffix, value) => {
        const key = `${fresh('value')}:${suffix}`;
        expect(await ephemeral.setIfAbsent(key, value, LONG_MS)).toEqual({ stored: true, value });
        expect(await ephemeral.setIfAbsent(key, 'other', LONG_MS)).toEqual({ stored: false, value });
      }),
      { numRuns: 50 },
    );
  });

  test('[EPH2] values and counters of one name do not touch', async () => {
    const { ephemeral } = context();
    const key = fresh('both');
    await ephemeral.setIfAbsent(key, '41', LONG_MS);
    expect((await ephemeral.count(key, LONG_MS)).count).toBe(1);
    expect((await ephemeral.setIfAbsent(key, 'x', LONG_MS)).value).toBe('41');
  });
}

function presence(context: Context): void {
  test('[EPH3] members are listed with their values until removed', async () => {
    const { ephemeral } = context();
    const [group, other] = [fresh('group'), fresh('group')];
    await ephemeral.presence.set(group, 'a', '1', LONG_MS);
    await ephemeral.presence.set(group, 'b', '2', LONG_MS);
    await ephemeral.presence.set(group, 'a', '3', LONG_MS);
    await ephemeral.presence.set(other, 'a', '4', LONG_MS);
    expect(await ephemeral.presence.list(group)).toEqual(
      new Map([
        ['a', '3'],
        ['b', '2'],
      ]),
    );
    await ephemeral.presence.remove(group, 'a');
    await ephemeral.presence.remove(group, 'nobody');
    expect(await ephemeral.presence.list(group)).toEqual(new Map([['b', '2']]));
    expect(await ephemeral.presence.count(other)).toBe(1);
    expect(await ephemeral.presence.count(fresh('group'))).toBe(0);
  });

  test('[EPH3] a member that is not renewed is gone; a renewed one stays', async () => {
    const { ephemeral, harness } = context();
    const group = fresh('group');
    await ephemeral.presence.set(group, 'renewed', '1', TTL_MS);
    await ephemeral.presence.set(group, 'silent', '1', TTL_MS);
    await harness.pass(TTL_MS / 2);
    await ephemeral.presence.set(group, 'renewed', '1', TTL_MS);
    await harness.pass(TTL_MS / 2);
    expect(await ephemeral.presence.count(group)).toBe(1);
    expect([...(await ephemeral.presence.list(group)).keys()]).toEqual(['renewed']);
    await harness.pass(TTL_MS);
    expect(await ephemeral.presence.count(group)).toBe(0);
  });

  test('[EPH3] a change tells how many others are there, and whether it was there itself', async () => {
    const { ephemeral, harness } = context();
    const { presence } = ephemeral;
    const group = fresh('group');
    expect(await presence.set(group, 'a', '', LONG_MS)).toMatchObject({ others: 0, wasMember: false });
    expect(await presence.set(group, 'a', '', LONG_MS)).toMatchObject({ others: 0, wasMember: true });
    expect(await presence.set(group, 'b', '', TTL_MS)).toMatchObject({ others: 1, wasMember: false });
    expect(await presence.remove(group, 'nobody')).toMatchObject({ others: 2, wasMember: false });
    expect(await presence.remove(group, 'a')).toMatchObject({ others: 1, wasMember: true });
    await harness.pass(TTL_MS);
    expect(await presence.remove(group, 'a')).toMatchObject({ others: 0, wasMember: false });
    expect(await presence.set(group, 'b', '', TTL_MS)).toMatchObject({ others: 0, wasMember: false });
  });

  test('[EPH3] the moment of a change is not before that of the one before, and that of a later clock is as given', async () => {
    const { presence } = context().ephemeral;
    const group = fresh('group');
    expect((await presence.set(group, 'a', '', LONG_MS, 1_000)).at).toBe(1_000);
    expect((await presence.remove(group, 'a', 5_000)).at).toBe(5_000);
    expect((await presence.set(group, 'b', '', LONG_MS, 6_000)).at).toBe(6_000);
    expect((await presence.set(group, 'b', '', LONG_MS, 6_000)).at).toBeGreaterThanOrEqual(6_000);
  });

  test('[EPH3] what a list answered does not change later', async () => {
    const { ephemeral } = context();
    const group = fresh('group');
    await ephemeral.presence.set(group, 'a', '1', LONG_MS);
    const list = await ephemeral.presence.list(group);
    await ephemeral.presence.set(group, 'b', '2', LONG_MS);
    expect(list.size).toBe(1);
  });
}

function bus(context: Context): void {
  test('[EPH4] every subscriber gets every message in order, numbered from 1 by this publisher', async () => {
    const { ephemeral } = context();
    const channel = fresh('channel');
    const [first, second] = [listen(ephemeral, channel), listen(ephemeral, channel)];
    for (let i = 1; i <= 100; i += 1) ephemeral.bus.publish(channel, { i });
    for (const events of [await first.received(100), await second.received(100)]) {
      expect(events).toEqual(
        Array.from({ length: 100 }, (_, i) => ({
          type: 'message',
          publisher: ephemeral.bus.publisher,
          number: i + 1,
          message: { i: i + 1 },
        })),
      );
    }
  });

  test('[EPH4] no handler runs inside publish', async () => {
    const { ephemeral } = context();
    const channel = fresh('channel');
    const listener = listen(ephemeral, channel);
    ephemeral.bus.publish(channel, 1);
    expect(listener.events).toHaveLength(0);
    await listener.received(1);
  });

  test('[EPH4] channels are numbered apart and do not hear each other', async () => {
    const { ephemeral } = context();
    const [one, other] = [fresh('channel'), fresh('channel')];
    const [first, second] = [listen(ephemeral, one), listen(ephemeral, other)];
    ephemeral.bus.publish(one, 'a');
    ephemeral.bus.publish(other, 'b');
    ephemeral.bus.publish(one, 'c');
    expect((await first.received(2)).map(numberAndMessage)).toEqual([
      [1, 'a'],
      [2, 'c'],
    ]);
    expect((await second.received(1)).map(numberAndMessage)).toEqual([[1, 'b']]);
  });

  test('[EPH4] what handlers publish comes after what was published before, in the same order everywhere', async () => {
    const { ephemeral } = context();
    const channel = fresh('channel');
    ephemeral.bus.subscribe(channel, (event) => {
      if (event.type === 'message' && event.message === 'ask') ephemeral.bus.publish(channel, 'answer');
    });
    const listener = listen(ephemeral, channel);
    ephemeral.bus.publish(channel, 'ask');
    ephemeral.bus.publish(channel, 'next');
    const events = await listener.received(3);
    expect(events.map(numberAndMessage)).toEqual([
      [1, 'ask'],
      [2, 'next'],
      [3, 'answer'],
    ]);
  });

  test('[EPH4] a subscriber that throws is reported and harms nobody else', async () => {
    const { ephemeral, harness } = context();
    const channel = fresh('channel');
    ephemeral.bus.subscribe(channel, () => {
      throw new Error('planted');
    });
    const listener = listen(ephemeral, channel);
    ephemeral.bus.publish(channel, 1);
    ephemeral.bus.publish(channel, 2);
    expect((await listener.received(2)).map(numberAndMessage)).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(harness.reportedFaults()).toBe(2);
  });

  test('[EPH4] an unsubscribed handler hears nothing more; unsubscribing twice is harmless', async () => {
    const { ephemeral } = context();
    const channel = fresh('channel');
    const [leaver, stayer] = [listen(ephemeral, channel), listen(ephemeral, channel)];
    ephemeral.bus.publish(channel, 1);
    await Promise.all([leaver.received(1), stayer.received(1)]);
    ephemeral.bus.publish(channel, 2);
    leaver.unsubscribe();
    leaver.unsubscribe();
    ephemeral.bus.publish(channel, 3);
    await stayer.received(3);
    expect(leaver.events).toHaveLength(1);
  });
}

const numberAndMessage = (event: BusEvent) => event.type === 'message' && [event.number, event.message];

/** Collects events; `received(n)` resolves when the n-th has come, whenever that is. */
function listen(ephemeral: Ephemeral, channel: string) {
  const events: BusEvent[] = [];
  const waiters: { count: number; resolve: () => void }[] = [];
  const unsubscribe = ephemeral.bus.subscribe(channel, (event) => {
    events.push(event);
    for (const waiter of waiters) if (events.length >= waiter.count) waiter.resolve();
  });
  return {
    events,
    unsubscribe,
    received: async (count: number) => {
      if (events.length < count) await new Promise<void>((resolve) => waiters.push({ count, resolve }));
      return events.slice();
    },
  };
}
