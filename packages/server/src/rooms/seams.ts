import type { IceServers, StreamState } from '@bongsu/protocol';
import type { UserPrincipal } from '../platform/principal.js';
import type { Events } from '../platform/surface.js';
import type { RoomRow } from './deps.js';
import type { RoomSocket } from './index.js';
import type { Seat } from './seat.js';

// What the parts of rooms are to each other. Each is made on its own; index.ts puts them together.

/** Where the room's stream stood when the socket began to get it. */
export interface Position {
  lastSeq: number;
  epoch: string;
  /** It has heard the room without a break since its `comeBack`. */
  resumed: boolean;
}

/** The streams of rooms, for the sockets of this process that have seats. */
export interface RoomFeed {
  /**
   * The seat's socket joins `roomGroup` and `seatGroup`, and gets the room's entries after the answered position.
   * @throws UNAVAILABLE, ROOM_CLOSED
   */
  attach(seat: Seat): Promise<Position>;
  /** `seat.socketId` is the socket that had it: it leaves both groups. Called once for each `attach`, whatever became of it. */
  detach(seat: Seat): void;
  /** A socket that came back begins to hear the room, before it has its seat again. @throws UNAVAILABLE, ROOM_CLOSED */
  comeBack(room: RoomRow, socket: RoomSocket, from: { epoch: string; seq: number }): Promise<Return>;
  /** The socket is gone: what it was to hear by `comeBack` is over. */
  disconnected(socketId: string): void;
  /** Who hears the room by `comeBack` and has taken no seat. */
  guestsOf(roomId: string): UserPrincipal[];
  /** The user has no seat to come back to any more. */
  turnAway(roomId: string, userId: string): void;
}

export interface Return {
  readonly state: StreamState;
  /** Sends what was missed; what comes after it follows. Resolves when it was sent; never rejects. */
  deliver(): Promise<void>;
}

/** Signaling, which keeps what it must know of a seat in every process that has sockets in the room. */
export interface SeatWatcher {
  /** Its socket is in its groups, for the first time. */
  arrived(seat: Seat): void;
  /** Taken again, after its socket is in its groups. `resumed`: by the same client object as before. */
  returned(seat: Seat, how: { resumed: boolean }): void;
  /** Nobody will come back to it. */
  gone(seat: Seat): void;
}

export interface IceServerIssuer {
  /** @param userId whose relays they are */
  issue(userId: string): IceServers;
}

/** What a process knows of an open room. */
export type RoomVersion = Pick<RoomRow, 'id' | 'roomId' | 'version'>;

/** What signaling and messages ask of rooms. Nothing here waits: it is about rooms in which sockets of this process are. */
export interface Seats {
  /** What this socket of this process has in the room; undefined while it waits or is nobody there. */
  seatOf(socketId: string, roomId: string): Seat | undefined;
  /** Of whatever process. Undefined for one that waits. */
  seat(room: Pick<RoomRow, 'id' | 'roomId'>, participantId: string): Seat | undefined;
  /** Whether sockets here are in the room, and this process knows as much of it. */
  knows(room: RoomVersion): boolean;
  /** Lets this process know as much, where it follows the room and the database answers. Never rejects. */
  catchUp(room: RoomVersion): Promise<void>;
  /** Reads a room in which sockets of this process are, whatever is known of it. Never rejects. */
  lookAnew(roomId: string): Promise<void>;
  /** Something happens in the room: it is not idle. */
  touch(room: RoomRow): void;
  /** What its first signal decided of `signaling` outlives this process. */
  keepWords(seat: Seat): void;
}

export interface RoomParts {
  feed: RoomFeed;
  signals: SeatWatcher;
  /** Of signaling. */
  events: Events;
  iceServers: IceServerIssuer;
  /** Begins to hear what other processes pass on. @returns ends it */
  listen(): () => void;
}
