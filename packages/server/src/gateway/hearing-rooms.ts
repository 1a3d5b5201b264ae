import type { Principal } from '../platform/principal.js';
import type { PushedEvent } from '../platform/push.js';
import { mayHear, PUSH_SCOPES } from '../platform/rights.js';

/**
 * How `mayHear` holds for what other nodes push: rooms of Socket.IO, which a socket is in by what it may hear. One of a login, which
 * hears all that is its user's, is in one; one of an API key in one for each event.
 */
const ROOM = 'user:';
const EVENTS = Object.keys(PUSH_SCOPES) as PushedEvent[];

export function roomsToHear(principal: Principal): string[] {
  if (principal.kind !== 'user') return [];
  const { userId, apiKey } = principal;
  const heard = EVENTS.filter((event) => mayHear(event, principal));
  if (heard.length === EVENTS.length && !apiKey) return [ROOM + userId];
  return heard.map((event) => `${ROOM}${userId}:${event}`);
}

export function roomsToTell(userId: string, event: PushedEvent): string[] {
  return [ROOM + userId, `${ROOM}${userId}:${event}`];
}

export function isHearingRoom(room: string): boolean {
  return room.startsWith(ROOM);
}
