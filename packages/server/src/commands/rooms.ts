import { type Accepted, BongsuError } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import type { Acceptor, Caller } from './accept.js';
import { type MessageCommand, message } from './message.js';
import { RoomGrant, type RoomRights } from './room-grant.js';
import type { RoomEntry } from './room-hints.js';
import type { AddedScreen, OpenRoom, RoomLedger } from './room-ledger.js';
import type { RoomHistory, RoomResume, RoomStreams, RoomSubscription } from './room-streams.js';
import type { RoomSubscriber } from './room-tail.js';

/** A room's stream, as `open` answered it; whoever keeps rooms keeps both numbers. */
export interface RoomStreamId {
  streamId: number;
  generation: number;
}

/** What rooms use of commands: their streams. Who may do what with a room is decided by rooms. */
export interface RoomCommands {
  /**
   * Makes a room's stream, in the caller's transaction. Under a closed room's id the same stream goes on, and shows nothing of before.
   * @throws CONFLICT when a room of that id is open
   */
  open(tx: Queryable, roomId: string): Promise<OpenRoom>;
  /**
   * Ends a room's stream, in the caller's transaction: nothing more is accepted or shown, no screen is a member. The caller calls
   * the answer after COMMIT: it ends the subscriptions here.
   */
  close(tx: Queryable, room: RoomStreamId, now: number): Promise<() => void>;
  /**
   * Makes a screen, by its stream, a member: from the commit on it gets what is sent to the room. At most 1,000 a room.
   * @returns false when it was one already
   * @throws ROOM_CLOSED, SCREEN_NOT_FOUND, CONFLICT when the room is full of screens
   */
  addScreen(
    tx: Queryable,
    room: RoomStreamId,
    screen: { streamId: number; addedBy: string; addedAt: number },
  ): Promise<boolean>;
  /** What was accepted before stays in the screen's inbox. @returns false when it was no member */
  removeScreen(tx: Queryable, room: RoomStreamId, screenStreamId: number): Promise<boolean>;
  /** Only whoever has decided that somebody may use a room makes a grant. */
  grant(rights: RoomRights): RoomGrant;
  /** Accepts a message into the room's stream. @throws BongsuError */
  message(caller: Caller, input: MessageCommand): Promise<Accepted>;
  subscribe(grant: RoomGrant, subscriber: RoomSubscriber): Promise<RoomSubscription>;
  resume(grant: RoomGrant, from: { epoch: string; seq: number }): Promise<RoomResume>;
  missed(grant: RoomGrant, from: { epoch: string; seq: number }): Promise<RoomEntry[]>;
  page(grant: RoomGrant, after: number, limit: number): Promise<RoomHistory>;
}

export function createRoomCommands(deps: {
  ledger: RoomLedger;
  streams: RoomStreams;
  acceptor: Acceptor;
}): RoomCommands {
  const { ledger, streams, acceptor } = deps;
  return {
    async open(tx, roomId) {
      const opened = await ledger.open(tx, roomId);
      if (!opened) throw new BongsuError('CONFLICT');
      return opened;
    },
    async close(tx, room, now) {
      await ledger.close(tx, room, now);
      return () => streams.drop(room);
    },
    async addScreen(tx, room, screen) {
      const answer = await ledger.addScreen(tx, room, screen);
      const refusal = REFUSALS[answer];
      if (refusal !== undefined) throw new BongsuError(refusal);
      return answer === 'added';
    },
    removeScreen: (tx, room, screenStreamId) => ledger.removeScreen(tx, room.streamId, screenStreamId),
    grant: (rights) => new RoomGrant(rights),
    message: (caller, input) => message(acceptor, caller, input),
    subscribe: (grant, subscriber) => streams.subscribe(grant, subscriber),
    resume: (grant, from) => streams.resume(grant, from),
    missed: (grant, from) => streams.missed(grant, from),
    page: (grant, after, limit) => streams.page(grant, after, limit),
  };
}

const REFUSALS: Partial<Record<AddedScreen, 'ROOM_CLOSED' | 'SCREEN_NOT_FOUND' | 'CONFLICT'>> = {
  'room-closed': 'ROOM_CLOSED',
  'screen-gone': 'SCREEN_NOT_FOUND',
  full: 'CONFLICT',
};
