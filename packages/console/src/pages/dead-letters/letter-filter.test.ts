import { describe, expect, it } from 'vitest';
import { howMany, toReason } from './letter-filter.js';

const stats = { total: 9, byReason: { lost: 4, rejected: 5 }, byScreen: { scr_1: 6 }, oldestAt: 1 };
const loaded = { count: 50, all: false };

describe('the filter of dead letters', () => {
  it('[MSG2] says how many a requeue by screen or by reason takes', () => {
    expect(howMany({ screenId: 'scr_1' }, stats, loaded)).toEqual({ count: 6, exact: true });
    expect(howMany({ reason: 'lost' }, stats, loaded)).toEqual({ count: 4, exact: true });
    expect(howMany({ reason: 'overflow' }, stats, loaded)).toEqual({ count: 0, exact: true });
    expect(howMany({}, stats, loaded)).toEqual({ count: 9, exact: true });
  });

  it('[MSG2] does not claim to know what nobody counted', () => {
    const both = { screenId: 'scr_1', reason: 'lost' } as const;
    expect(howMany(both, stats, loaded)).toEqual({ count: 50, exact: false });
    expect(howMany(both, stats, { count: 3, all: true })).toEqual({ count: 3, exact: true });
  });

  it('[SEC4] takes only reasons that there are out of an address', () => {
    expect(toReason('no-receipt')).toBe('no-receipt');
    expect(toReason('bored')).toBeUndefined();
    expect(toReason(undefined)).toBeUndefined();
  });
});
