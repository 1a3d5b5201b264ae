import { describe, expect, it } from 'vitest';
import type { Tile } from '../../rooms/call-types.js';
import { arrange, largeOf, OWN, sharerOf } from './spotlight.js';

const tile = (participantId: string, screen = false): Tile => ({
  participantId,
  userId: 'somebody',
  username: 'Somebody',
  seat: 'joined',
  link: 'connected',
  stream: undefined,
  says: { microphone: true, camera: true, screen },
});

describe('the tiles of a call', () => {
  it('[RM205] stand in as square a grid as their number allows', () => {
    const shapes = [1, 2, 3, 4, 5, 6, 7, 9, 10].map((count) => {
      const { columns, rows } = arrange(count, false);
      return `${count}: ${columns}×${rows}`;
    });
    expect(shapes).toEqual([
      '1: 1×1',
      '2: 2×1',
      '3: 2×2',
      '4: 2×2',
      '5: 3×2',
      '6: 3×2',
      '7: 3×3',
      '9: 3×3',
      '10: 4×3',
    ]);
    expect([arrange(2, true), arrange(6, true), arrange(7, true)]).toEqual([
      { columns: 1, rows: 1 },
      { columns: 1, rows: 5 },
      { columns: 2, rows: 3 },
    ]);
  });

  it('[RM206] who shares a screen is large, until the reader chooses otherwise', () => {
    const quiet = [tile('a'), tile('b')];
    const sharing = [tile('a'), tile('b', true)];
    expect([largeOf(quiet, undefined), largeOf(sharing, undefined)]).toEqual([undefined, 'b']);
    expect([largeOf(sharing, null), largeOf(sharing, 'a'), largeOf(quiet, 'a')]).toEqual([
      undefined,
      'a',
      'a',
    ]);
    expect(largeOf([tile('b')], 'a')).toBeUndefined();
    expect([largeOf(quiet, OWN), largeOf([], OWN)]).toEqual([OWN, undefined]);
    expect(sharerOf([tile('a', true), tile('b', true), tile('c')])).toBe('b');
  });
});
