import { describe, expect, it } from 'vitest';
import { type Attempt, stopsOf } from './attempt.js';

const pressed: Attempt = {
  key: 1,
  draft: { type: 'trigger', target: { screenId: 'scr_1' }, action: 'play' },
  screenName: 'Lobby',
  pressedAt: 0,
};
const accepted = { id: 'a', seq: 7, duplicate: false, afterMs: 12 };

describe('the beacons of a command', () => {
  it('[MSG3] waits for the server, then for the screen, and times both from the press', () => {
    expect(stopsOf(pressed).map(({ state }) => state)).toEqual(['lit', 'next', 'dark']);
    expect(stopsOf({ ...pressed, accepted }).map(({ state }) => state)).toEqual(['lit', 'lit', 'next']);
    const ended = { status: 'executed', why: undefined, afterMs: 40 } as const;
    expect(stopsOf({ ...pressed, accepted, ended })).toEqual([
      { name: 'sent', state: 'lit', afterMs: 0 },
      { name: 'accepted', state: 'lit', afterMs: 12, tookMs: 12 },
      { name: 'ended', state: 'lit', afterMs: 40, tookMs: 28 },
    ]);
  });

  it('[MSG3] a screen that was quicker than the ack took no time', () => {
    const ended = { status: 'executed', why: undefined, afterMs: 11 } as const;
    expect(stopsOf({ ...pressed, accepted, ended })[2]?.tookMs).toBe(0);
  });

  it('[MSG3] what was refused or not executed is never shown as burning', () => {
    const problem = { code: 'BUSY', retryAfterMs: undefined, faults: [], cause: undefined } as const;
    const refused = stopsOf({ ...pressed, problem: { ...problem, faults: [], cause: undefined } });
    expect(refused.map(({ state }) => state)).toEqual(['lit', 'out', 'out']);
    const ended = { status: 'expired', why: undefined, afterMs: 40 } as const;
    expect(stopsOf({ ...pressed, accepted, ended })[2]?.state).toBe('out');
  });

  it('[MSG1] a duplicate ends with the answer: nothing runs for it', () => {
    const again = stopsOf({ ...pressed, accepted: { ...accepted, duplicate: true } });
    expect(again.map(({ name }) => name)).toEqual(['sent', 'accepted']);
  });
});
