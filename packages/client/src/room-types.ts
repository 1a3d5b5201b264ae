import type {
  BongsuError,
  ClientToServerEvents,
  LeaveReason,
  NavigateEntry,
  RoomCloseReason,
  RoomMessage,
  RoomUser,
  TriggerEntry,
} from '@bongsu/protocol';

import type { Room } from './room.js';

type CreateRoomInput = Parameters<ClientToServerEvents['create-room']>[0];

export interface JoinRoomOptions {
  /** To take one's seat again after a reload, within the grace (15 s): `room.participantId` of before. */
  participantId?: string;
  /**
   * The room has a lobby, and we wait in it until somebody admits us: the moment to say so. Told again when a lost connection
   * is back and we wait anew. `room.leave()` ends the waiting, as `signal` does.
   */
  onWaiting?: (room: Room) => void;
  /** Stops the waiting, in a lobby too. */
  signal?: AbortSignal;
}

export interface CreateRoomOptions extends Omit<CreateRoomInput, 'join' | 'signaling'> {
  /** Stops the waiting. */
  signal?: AbortSignal;
}

/**
 * `joining`: not yet in, or in the lobby (`waiting`). `reconnecting`: the connection is lost; the seat is kept for 15 s, and taken
 * again, or another one after that. `closed`: for good.
 */
export type RoomState = 'joining' | 'waiting' | 'joined' | 'reconnecting' | 'closed';

/** What a room's stream holds. */
export type RoomEntry = RoomMessage | TriggerEntry | NavigateEntry;

/** Somebody else in the room. */
export interface RoomParticipant extends RoomUser {
  state: 'joined' | 'reconnecting';
  /** They were here first: we give way when offers cross, and they make the first one. */
  polite: boolean;
}

/** `refused`: it may not be joined any more (see `error`). `disconnected`, `signed-out`: the client is closed, or another's. */
export type RoomEnd = RoomCloseReason | LeaveReason | 'refused' | 'disconnected' | 'signed-out';

export interface RoomEvents {
  state: { state: RoomState };
  /** After each reconnect. `anew`: the seat was gone, and this is another one, with another `participantId`. */
  rejoined: { participantId: string; anew: boolean };
  joined: RoomParticipant;
  /** Somebody's connection is lost; their seat is kept for a while. */
  reconnecting: RoomParticipant;
  /** `resumed`: as the same client object as before, whose peer connections live on. */
  returned: RoomParticipant & { resumed: boolean };
  /** `missed`: it happened while we were away. */
  left: RoomUser & { reason: LeaveReason | 'missed' };
  /** Somebody is in the lobby; told to those who may `admit`. */
  waiting: RoomUser;
  /** What others say, each once and in order; what this client sends is told by `send` itself. */
  message: RoomMessage;
  trigger: TriggerEntry;
  navigate: NavigateEntry;
  locked: object;
  unlocked: object;
  closed: { reason: RoomEnd; error?: BongsuError };
  /**
   * Entries after `after` were missed and will not come: the server's offsets are others now ("epoch", "ahead"), they are not kept
   * any more ("floor"), or we were gone for longer than the grace ("absent"). `history({ after })` has what is kept.
   */
  gap: { reason: string; after: number; lastSeq: number };
}
