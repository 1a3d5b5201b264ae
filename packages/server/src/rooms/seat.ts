import type { SignalingMode } from '@bongsu/protocol';
import type { RoomRow } from './deps.js';

/**
 * A participant of an open room: one socket's place in it. It outlives its socket for the grace, and its id stays the same when its
 * owner comes back. Kept in memory of every process that has sockets in the room (`LiveRooms`); the row in SQL is the truth.
 */
export interface Seat {
  readonly room: RoomRow;
  readonly participantId: string;
  readonly userId: string;
  readonly username: string;
  /** Its place among all that ever joined the room. */
  readonly number: number;
  readonly joinedAt: number;
  state: 'waiting' | 'joined' | 'reconnecting';
  /** Undefined while reconnecting. May be connected to another process. */
  socketId: string | undefined;
  /** The process that holds it, or held it last. */
  incarnation: string;
  /** The socket that holds it, or held it last. */
  holder: string;
  /** Since which version of the room this process holds it; undefined for one that another holds. */
  heldSince: number | undefined;
  /** At which version the page came to it; undefined where that was before this process looked. */
  pageSince: number | undefined;
  /** Of the client object that holds it, when it named one. */
  instanceId: string | undefined;
  /** What it asked for; undefined: its first signaling event decides. */
  signaling: SignalingMode | undefined;
  /**
   * While its socket, which is connected here, is not in its groups yet: what signaling will be told of it. What is said to it waits.
   */
  arriving?: 'new' | { resumed: boolean };
  /** The socket of this process that held it last and is gone. Equal to `socketId` until the row says so. */
  goneSocketId?: string;
}

/** This process has its socket, or had it last. */
export function isOurs({ heldSince }: Pick<Seat, 'heldSince'>): boolean {
  return heldSince !== undefined;
}

/** Nobody is there to hear what is said to it. */
export function isAway({ state, arriving, socketId, goneSocketId }: Seat): boolean {
  return state === 'reconnecting' || arriving !== undefined || socketId === goneSocketId;
}

/** The sockets of all who have a seat. */
export function roomGroup({ streamId, generation }: Pick<RoomRow, 'streamId' | 'generation'>): string {
  return `room:${streamId}:${generation}`;
}

/** The sockets that get the entries of the room's stream: all with a seat, and those that came back and are about to take theirs. */
export function feedGroup({ streamId, generation }: Pick<RoomRow, 'streamId' | 'generation'>): string {
  return `feed:${streamId}:${generation}`;
}

/** The one socket that holds the seat. */
export function seatGroup(participantId: string): string {
  return `seat:${participantId}`;
}

/** Of two the later comer gives way when their offers cross. The same on every node, and whatever becomes of their sockets. */
export function isPolite(own: Pick<Seat, 'number'>, other: Pick<Seat, 'number'>): boolean {
  return own.number > other.number;
}
