import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { hear } from '../../../test/support/redis-ephemeral.js';
import { Metrics } from '../metrics.js';
import { RedisBus } from './redis-bus.js';
import { RedisKeys } from './redis-keys.js';

const BEAT_MS = 250;

function open() {
  const clock = new ManualClock();
  const sent: unknown[] = [];
  const link = {
    isUp: true,
    renewed: 0,
    keys: new RedisKeys('bongsu'),
    call: async (work: unknown) => {
      if (!link.isUp) throw new Error('away');
      return (work as (client: object) => Promise<never>)({
        bongsuPublish: async (_key: string, _channel: string, frame: string) =>
          void sent.push(JSON.parse(frame)),
      });
    },
    listenAnew: () => {
      link.renewed += 1;
    },
  };
  const bus = new RedisBus({ clock, log: memoryLog(), metrics: new Metrics(), link, onStore: () => {} });
  return { bus, clock, link, sent };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('RedisBus', () => {
  let at: ReturnType<typeof open>;
  beforeEach(() => {
    at = open();
  });
  /** What another node sent. */
  const receive = (...frame: unknown[]) => at.bus.hear(JSON.stringify(['other', ...frame]));

  test('[ND5] what is published in one turn goes out as one frame, and a heartbeat tells the last numbers', async () => {
    at.bus.start();
    at.bus.publish('a', 1);
    at.bus.publish('b', 2);
    at.bus.publish('a', 3);
    await settled();
    at.clock.advance(BEAT_MS);
    await settled();
    const messages = [
      ['a', 1, 1],
      ['b', 1, 2],
      ['a', 2, 3],
    ];
    const me = at.bus.publisher;
    expect(at.sent).toEqual([
      [me, [], {}],
      [me, messages],
      [me, [], { a: 2, b: 1 }],
    ]);
  });

  test('[ND5] what is much for one frame goes out as several, in order', async () => {
    const text = 'x'.repeat(300_000);
    for (let i = 0; i < 10; i += 1) at.bus.publish('a', text);
    at.bus.publish('a', text.repeat(5));
    at.bus.publish('a', 'last');
    await settled();
    const frames = at.sent as [string, [string, number, string][]][];
    expect(frames.flatMap(([, messages]) => messages.map(([, number]) => number))).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    const long = frames.filter((frame) => JSON.stringify(frame).length > 1024 * 1024 + 100);
    expect(long.map(([, messages]) => messages.length)).toEqual([1]);
    expect(frames.length).toBeLessThan(8);
  });

  test('[ND5] messages that come twice or too late are told once; what is missing is a gap before the next', async () => {
    const heard = hear(at, 'a');
    receive([['a', 1, 'one']]);
    receive([['a', 1, 'one']]);
    receive([['a', 4, 'four']]);
    receive([['a', 3, 'late']]);
    receive([], { a: 3 });
    await settled();
    expect(heard.messages()).toEqual(['one', 'four']);
    expect(heard.events[1]).toEqual({ type: 'gap', publisher: 'other', after: 1, next: 4 });
    expect(heard.gaps()).toHaveLength(1);
  });

  test('[ND5] a heartbeat shows the loss of the last messages, and of the first ones of a node that was not heard before', async () => {
    const heard = hear(at, 'a');
    receive([['a', 1, 'one']]);
    receive([], { a: 1 });
    receive([], { a: 3 });
    at.bus.hear(JSON.stringify(['third', [], { a: 2, b: 7 }]));
    await settled();
    expect(heard.gaps()).toEqual([
      [1, 4],
      [0, 3],
    ]);
  });

  test('[ND5] who is silent for more than two seconds of ours is given up, and new when it comes back', async () => {
    at.bus.start();
    const heard = hear(at, 'a');
    receive([['a', 1, 'one']]);
    for (let i = 0; i < 8; i += 1) at.clock.advance(BEAT_MS);
    receive([], { a: 1 });
    for (let i = 0; i < 8; i += 1) at.clock.advance(BEAT_MS);
    await settled();
    expect(heard.gaps()).toEqual([]);
    at.clock.advance(BEAT_MS);
    await settled();
    expect(heard.gaps()).toEqual([[1, Number.POSITIVE_INFINITY]]);
    for (let i = 0; i < 40; i += 1) at.clock.advance(BEAT_MS);
    receive([], { a: 1 });
    await settled();
    expect(heard.gaps()).toEqual([
      [1, Number.POSITIVE_INFINITY],
      [0, 2],
    ]);
  });

  test('[ND5] what is published while Redis is away is heard here, sent to nobody later, and numbered', async () => {
    const heard = hear(at, 'a');
    at.link.isUp = false;
    for (let i = 0; i < 1000; i += 1) at.bus.publish('a', i);
    await settled();
    at.link.isUp = true;
    at.bus.announce();
    await settled();
    expect(heard.messages()).toHaveLength(1000);
    expect(at.sent).toEqual([[at.bus.publisher, [], { a: 1000 }]]);
  });

  test('[ND5] a connection that brings not even what this node sends is made anew, while Redis answers', () => {
    at.bus.start();
    for (let i = 0; i < 8; i += 1) at.clock.advance(BEAT_MS);
    at.bus.hear(JSON.stringify([at.bus.publisher, [], {}]));
    for (let i = 0; i < 8; i += 1) at.clock.advance(BEAT_MS);
    expect(at.link.renewed).toBe(0);
    at.clock.advance(BEAT_MS);
    expect(at.link.renewed).toBe(1);
    at.link.isUp = false;
    for (let i = 0; i < 40; i += 1) at.clock.advance(BEAT_MS);
    expect(at.link.renewed).toBe(1);
  });
});
