import { SCOPES, type Scope } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import type { Principal } from '../platform/principal.js';
import type { PushedEvent } from '../platform/push.js';
import { mayHear, PUSH_SCOPES } from '../platform/rights.js';
import { isHearingRoom, roomsToHear, roomsToTell } from './hearing-rooms.js';

const EVENTS = Object.keys(PUSH_SCOPES) as PushedEvent[];

function person(over: { scopes?: Scope[]; lacksFactor?: boolean }): Principal {
  const { scopes, ...rest } = over;
  return {
    ...{
      kind: 'user',
      userId: 'ada',
      username: 'Ada',
      role: 'user',
      sessionId: 's',
      expiresAt: 0,
      provenAt: 0,
    },
    ...rest,
    ...(scopes ? { apiKey: { id: 'k', scopes: new Set(scopes) } } : {}),
  };
}

it.each([
  ['a login', person({})],
  ['a login without its second factor', person({ lacksFactor: true })],
  ['a key with all scopes', person({ scopes: [...SCOPES] })],
  ['a key without a scope', person({ scopes: [] })],
  ...SCOPES.map((scope): [string, Principal] => [`a key with ${scope}`, person({ scopes: [scope] })]),
] satisfies [string, Principal][])(
  '[ND16] %s is in the rooms of what it may hear, and in no others',
  (_, who) => {
    const rooms = roomsToHear(who);
    expect(rooms.every(isHearingRoom)).toBe(true);
    for (const event of EVENTS) {
      const isReached = roomsToTell('ada', event).some((room) => rooms.includes(room));
      expect({ event, isReached }).toEqual({ event, isReached: mayHear(event, who) });
      expect(roomsToTell('bob', event).some((room) => rooms.includes(room))).toBe(false);
    }
  },
);

it('[ND16] a screen is in none', () => {
  expect(roomsToHear({ kind: 'screen', screenId: 'scr', sessionId: 's', expiresAt: 0 })).toEqual([]);
});
