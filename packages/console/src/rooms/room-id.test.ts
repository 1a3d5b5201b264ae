import { describe, expect, it } from 'vitest';
import { readRoomId } from './room-id.js';

const ORIGIN = 'https://bongsu.example.org';

describe('the id of a room as it is typed', () => {
  it('[RM203] a link of this console does as well as the id', () => {
    for (const typed of [
      'stand-up',
      ' stand-up ',
      `${ORIGIN}/rooms/stand-up`,
      `${ORIGIN}/rooms/stand-up/call`,
      ` ${ORIGIN}/rooms/stand-up/call/?from=mail#now `,
    ])
      expect(readRoomId(typed, ORIGIN), typed).toBe('stand-up');
  });

  it('[RM203] a link to elsewhere, or to another page, is none', () => {
    for (const typed of [
      'https://elsewhere.example.org/rooms/stand-up',
      `${ORIGIN}/screens/stand-up`,
      `${ORIGIN}/rooms`,
      `${ORIGIN}/rooms/a/call`,
      `${ORIGIN}/rooms/stand-up/call/now`,
      'two words',
      '',
    ])
      expect(readRoomId(typed, ORIGIN), typed).toBeUndefined();
  });
});
