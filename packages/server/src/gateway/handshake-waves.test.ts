import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { HandshakeWaves } from './handshake-waves.js';

let clock: ManualClock;
let waves: HandshakeWaves;
let letIn: number[];
let came: number;

/** So many more, by number. */
function come(count: number): void {
  for (let one = 0; one < count; one += 1) {
    came += 1;
    const number = came;
    waves.enter(() => letIn.push(number));
  }
}
const upTo = (count: number) => Array.from({ length: count }, (_, place) => place + 1);

beforeEach(() => {
  clock = new ManualClock();
  waves = new HandshakeWaves(clock);
  letIn = [];
  came = 0;
});

describe('handshake waves', () => {
  it('[ND86] ten within 100 ms are let in at once', () => {
    come(10);
    expect(letIn).toEqual(upTo(10));
    clock.advance(100);
    come(10);
    expect(letIn).toEqual(upTo(20));
  });

  it('[ND86] of a crowd those who come later wait for each other, in their order', () => {
    come(30);
    expect(letIn).toEqual(upTo(10));
    clock.advance(99);
    come(5);
    expect(letIn).toEqual(upTo(10));
    clock.advance(1);
    expect(letIn).toEqual(upTo(35));
    // It is a crowd still: the next wave begins.
    come(3);
    expect(letIn).toEqual(upTo(35));
    clock.advance(100);
    expect(letIn).toEqual(upTo(38));
  });

  it('[ND86] it is a crowd until two or fewer come in a wave', () => {
    come(20);
    clock.advance(100);
    come(3);
    clock.advance(100);
    come(2);
    expect(letIn).toEqual(upTo(23));
    clock.advance(100);
    expect(letIn).toEqual(upTo(25));
    come(10);
    expect(letIn).toEqual(upTo(35));
  });

  it('[ND86] nobody waits when it has ended', () => {
    come(12);
    waves.end();
    expect(letIn).toEqual(upTo(12));
    come(20);
    expect(letIn).toEqual(upTo(32));
  });
});
