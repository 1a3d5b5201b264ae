import type { ClosingKey, RoomNavigate, RoomTrigger, ServerToClientEvents } from '@bongsu/protocol';

/** What domains tell all sockets of a user. */
export type PushedEvent = 'screen-status' | 'command-status' | 'user-waiting' | 'user-left';
/** What domains tell the sockets of a group: those in a room, or the one that holds a seat in it. */
export type GroupEvent =
  | 'trigger'
  | 'navigate'
  | 'message'
  | 'user-joined'
  | 'user-reconnecting'
  | 'user-returned'
  | 'user-left'
  | 'user-waiting'
  | 'admitted'
  | 'room-locked'
  | 'room-unlocked'
  | 'room-closed'
  | 'signal'
  | 'offer'
  | 'answer'
  | 'ice-candidate';
type PayloadOf<Event extends keyof ServerToClientEvents> = Parameters<ServerToClientEvents[Event]>[0];
/** Those in a room get a trigger or navigate as an entry of its stream, which they need not carry out. */
type GroupPayloadOf<Event extends GroupEvent> = Event extends 'trigger'
  ? RoomTrigger
  : Event extends 'navigate'
    ? RoomNavigate
    : PayloadOf<Event>;

/** Server → client, for domains: the gateway implements it. Nothing here is durable. */
export interface Push {
  /** To all sockets of a user that may hear it (`mayHear`). */
  toUser<Event extends PushedEvent>(userId: string, event: Event, payload: PayloadOf<Event>): void;
  /** `session-closing`, then the close that the key stands for. */
  closeSession(sessionId: string, closing: ClosingKey): void;
  closeScreen(screenId: string, closing: ClosingKey): void;
}

/** Sockets that hear the same. A group lives as long as a socket is in it; the gateway implements it. Nothing here is durable. */
export interface SocketGroups {
  /** False when the socket is not connected here any more. A socket leaves all its groups when it ends. */
  join(socketId: string, group: string): boolean;
  leave(socketId: string, group: string): void;
  /** What waits for the peer of a socket to read; 0 for one that is not of this node. */
  unreadBytes(socketId: string): number;
  /** To all sockets of the group that are connected to this node, in the order of the calls; encoded once. Each node tells its own. */
  emitHere<Event extends GroupEvent>(
    group: string,
    event: Event,
    payload: GroupPayloadOf<Event>,
    exceptSocketId?: string,
  ): void;
  /** To one socket of this node; nothing when it is gone. */
  emitTo<Event extends GroupEvent>(socketId: string, event: Event, payload: GroupPayloadOf<Event>): void;
}
