import { describe, expect, it } from 'vitest';
import { Negotiation } from './negotiation.js';

const EARLIER = 0;
const LATER = 1;
const begin = () => new Negotiation(false);

describe('Negotiation', () => {
  it('[SIG4] [RM103] an answer establishes the offer that it answers, and ends what was established before', () => {
    const pair = begin();
    expect(pair.isLive('n1')).toBe(false);
    expect(pair.describe(EARLIER, 'offer', 'n1')).toBe('live');
    expect(pair.isLive('n1')).toBe(true);
    expect(pair.describe(LATER, 'answer', 'n1')).toBe('live');
    expect(pair.describe(LATER, 'offer', 'n2')).toBe('live');
    expect([pair.isLive('n1'), pair.isLive('n2')]).toEqual([true, true]);
    expect(pair.describe(EARLIER, 'answer', 'n2')).toBe('live');
    expect([pair.isLive('n1'), pair.isLive('n2')]).toEqual([false, true]);
  });

  it('[SIG4] [RM103] an answer to nothing, to oneself, to a replaced offer, or for the second time is stale', () => {
    const pair = begin();
    expect(pair.describe(LATER, 'answer', 'n1')).toBe('stale');
    pair.describe(EARLIER, 'offer', 'n1');
    expect(pair.describe(EARLIER, 'answer', 'n1')).toBe('stale');
    pair.describe(EARLIER, 'offer', 'n2');
    expect(pair.isLive('n1')).toBe(false);
    expect(pair.describe(LATER, 'answer', 'n1')).toBe('stale');
    expect(pair.describe(LATER, 'answer', 'n2')).toBe('live');
    expect(pair.describe(LATER, 'answer', 'n2')).toBe('stale');
    expect(pair.isLive('n2')).toBe(true);
  });

  it('[SIG4] [RM104] offers that cross live on, count once, and the answer ends the other', () => {
    const pair = begin();
    expect(pair.describe(EARLIER, 'offer', 'a')).toBe('live');
    expect(pair.describe(LATER, 'offer', 'b')).toBe('crossed');
    expect(pair.describe(LATER, 'offer', 'b2')).toBe('live');
    expect([pair.isLive('a'), pair.isLive('b'), pair.isLive('b2')]).toEqual([true, false, true]);
    expect(pair.describe(LATER, 'answer', 'a')).toBe('live');
    expect([pair.isLive('a'), pair.isLive('b2')]).toEqual([true, false]);
    expect(pair.describe(EARLIER, 'answer', 'b2')).toBe('stale');
    pair.describe(LATER, 'offer', 'c');
    expect(pair.describe(EARLIER, 'offer', 'd')).toBe('crossed');
  });

  it('[SIG4] [RM104] a provisional answer leaves the offer open', () => {
    const pair = begin();
    pair.describe(EARLIER, 'offer', 'a');
    expect(pair.describe(LATER, 'pranswer', 'a')).toBe('live');
    expect(pair.describe(LATER, 'pranswer', 'a')).toBe('live');
    expect(pair.describe(LATER, 'answer', 'a')).toBe('live');
    expect(pair.describe(LATER, 'pranswer', 'a')).toBe('stale');
  });

  it('[SIG4] [RM103] one id for a whole call works: each offer opens it anew', () => {
    const pair = begin();
    for (const [offerer, answerer] of [
      [EARLIER, LATER],
      [LATER, EARLIER],
    ] as const) {
      expect(pair.describe(offerer, 'offer', 'call')).toBe('live');
      expect(pair.describe(answerer, 'answer', 'call')).toBe('live');
      expect(pair.isLive('call')).toBe(true);
    }
  });

  it('[SIG4] [RM103] ids are strings and nothing else', () => {
    const pair = begin();
    for (const id of ['__proto__', 'constructor', 'toString', 'undefined']) {
      expect(pair.isLive(id), id).toBe(false);
      expect(pair.describe(EARLIER, 'answer', id), id).toBe('stale');
    }
    pair.describe(EARLIER, 'offer', '__proto__');
    expect(pair.isLive('__proto__')).toBe(true);
  });

  it('[SIG4] [RM106] tells what a plain answer answers, and what a plain candidate belongs to', () => {
    const pair = begin();
    expect([pair.answered(LATER), pair.trickled(LATER)]).toEqual([undefined, undefined]);
    pair.describe(EARLIER, 'offer', 'a');
    expect([pair.answered(LATER), pair.answered(EARLIER)]).toEqual(['a', undefined]);
    // Before its own description an answerer can only mean the offer.
    expect([pair.trickled(LATER), pair.trickled(EARLIER)]).toEqual(['a', 'a']);
    pair.describe(LATER, 'offer', 'b');
    expect(pair.trickled(LATER)).toBe('b');
    pair.describe(LATER, 'answer', 'a');
    expect([pair.trickled(LATER), pair.answered(EARLIER)]).toEqual(['a', undefined]);
  });

  it('[SIG4] [RM114] a new page begins anew; only an offer made for it goes on', () => {
    for (const keeps of [true, false]) {
      const pair = begin();
      pair.describe(EARLIER, 'offer', 'e');
      pair.describe(LATER, 'answer', 'e');
      pair.describe(EARLIER, 'offer', 'a');
      pair.describe(LATER, 'offer', 'b');
      pair.reset(LATER, keeps);
      expect(['e', 'a', 'b'].map((id) => pair.isLive(id))).toEqual([false, keeps, false]);
      expect(pair.trickled(LATER)).toBe(keeps ? 'a' : undefined);
      expect(pair.describe(EARLIER, 'answer', 'b')).toBe('stale');
      expect(pair.describe(LATER, 'answer', 'a')).toBe(keeps ? 'live' : 'stale');
    }
  });

  it('[RM119] of a pair from before a restart a late answer does not end what the other side offered since', () => {
    const pair = new Negotiation(true);
    pair.describe(EARLIER, 'offer', 'fresh');
    expect(pair.describe(LATER, 'answer', 'before')).toBe('stale');
    expect(pair.isLive('fresh')).toBe(true);
    expect(pair.describe(LATER, 'answer', 'fresh')).toBe('live');
  });

  it('[SIG4] [RM118] of a pair from before a restart nothing is stale until something was answered', () => {
    const pair = new Negotiation(true);
    expect(pair.isLive('before')).toBe(true);
    pair.describe(LATER, 'offer', 'b');
    expect(pair.describe(LATER, 'answer', 'before')).toBe('live');
    expect([pair.isLive('before'), pair.isLive('b'), pair.isLive('other')]).toEqual([true, false, false]);
    expect(pair.trickled(EARLIER)).toBe('before');
    const reloaded = new Negotiation(true);
    reloaded.reset(EARLIER, false);
    expect(reloaded.isLive('before')).toBe(false);
  });
});
