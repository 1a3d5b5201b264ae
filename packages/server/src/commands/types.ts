import type { ClosingKey, StreamState } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
import type { Queryable } from '../platform/database/database.js';
import type { Events } from '../platform/surface.js';
import type { DeadLetterQueue } from './dead-letter-queue.js';
import type { IdempotencyManager } from './idempotency-manager.js';
import type { RoomCommands } from './rooms.js';
import type { PutByUser, ScreenRoom } from './screen-rooms-store.js';

/** A connected screen's socket, as the dispatcher sees it. The gateway makes one per screen socket. */
export interface ScreenConnection {
  readonly socketId: string;
  readonly screenId: string;
  readonly instanceId: string | undefined;
  /** 1–32; entries the client takes at once. */
  readonly window: number;
  readonly ackTimeoutMs: number | undefined;
  /** Milliseconds, database clock: when the socket opened. */
  readonly connectedAt: number;
  /** The `resume` offset for this screen's inbox, with its epoch. */
  readonly resume: { epoch: string; seq: number } | undefined;
  isConnected(): boolean;
  /** Sends one entry; `onReceipt` gets whatever the client answered, unchecked, at most once. Returns what deletes the callback. */
  send(event: 'trigger' | 'navigate', entry: object, onReceipt: (receipt: unknown) => void): () => void;
  /** Calls once, after the next packet from the client was dealt with: a receipt that it carried has come by then. */
  onNextPacket(listener: () => void): () => void;
  close(closing: ClosingKey): void;
}

/** This process's own lease, by its monotonic clock. */
export interface NodeLease {
  /** Since when it has been live without a break, milliseconds; undefined while it is not. */
  leaseSince(): number | undefined;
  /** When it was renewed last, by the monotonic clock. */
  renewedAt(): number;
}

/** What became of a wish to cancel. `elsewhere`: a living process other than this one holds the screen. */
export type Cancellation = 'cancelled' | 'in-flight' | 'ended' | 'elsewhere';

export interface ScreenAttachment {
  /**
   * Resolves when the fence is taken: what `ready` tells of the inbox. Rejects when it cannot be: UNAVAILABLE, SCREEN_NOT_FOUND;
   * or CONFLICT when a later connection holds the screen, and then this one was closed as REPLACED.
   */
  readonly ready: Promise<{ stream: string; epoch: string; state: StreamState }>;
  /** Starts sending; called right after `ready` was emitted. */
  open(): void;
  /** Sends nothing more. Resolves when what was sent is answered, and the answers are written. */
  rest(): Promise<void>;
  /**
   * The socket is gone. `closing`: with what the server itself closed it; then it did not die of what was in flight. Absent for a
   * socket that ended by itself, was not heard any more, or was ended because it did not read what it was sent.
   */
  detach(closing?: ClosingKey): void;
}

/**
 * Takes an entry back before it is sent. `in-flight`: the screen has it. `ended`: it has an outcome, whichever. `elsewhere`: another
 * node holds the screen.
 */
export type CancelDelivery = (screenId: string, streamId: number, seq: number) => Promise<Cancellation>;

/** What the gateway and other domains use of commands. */
export interface Commands {
  start(): Promise<void>;
  /** Settles what is in flight: batches commit, receipts are written. */
  stop(signal: AbortSignal): Promise<void>;
  attachScreen(connection: ScreenConnection): ScreenAttachment;
  /**
   * Cancels one entry of a screen's inbox and tells its sender, wherever the screen is; resolves when that is committed.
   * @throws DatabaseError
   */
  cancel(screenId: string, streamId: number, seq: number): Promise<Cancellation>;
  currentEpoch(): Promise<string>;
  /** Data may have gone back: what clients were told of positions is void, and each needs a new `ready`. */
  onNewEpoch(listener: () => void): void;
  /** This process alone has lost the database: its clients are better off elsewhere. */
  onCutOff(listener: () => void): void;
  /** From then until the database is there again. */
  isCutOff(): boolean;
  /** Makes a screen's inbox, in the caller's transaction, and answers its stream. */
  createInbox(tx: Queryable, screenId: string): Promise<number>;
  /**
   * Ends a screen's inbox, in the caller's transaction: what is pending becomes cancelled, nothing more is accepted, receipts of the
   * connected screen are refused. The caller calls the answer after COMMIT: it tells the senders and stops the dispatcher.
   */
  cancelInbox(tx: Queryable, streamId: number, now: number): Promise<() => void>;
  /** Takes screens out of the rooms that a user put them into, in the caller's transaction. @returns of how many */
  takeFromRooms(tx: Queryable, put: PutByUser): Promise<number>;
  /** A page of the rooms that a screen is in. */
  listRoomsOfScreen(
    streamId: number,
    page: { after: number | undefined; limit: number },
  ): Promise<ScreenRoom[]>;
  /** Streams of rooms: making, ending, their screens, posting, reading along. */
  readonly rooms: RoomCommands;
  /** For other POSTs with an Idempotency-Key, in the transaction of their operation. */
  readonly idempotency: IdempotencyManager;
  readonly deadLetters: DeadLetterQueue;
  routes: FastifyPluginAsync;
  events: Events;
}
