import { BongsuError, type RoomStreamEntry } from '@bongsu/protocol';
import type {
  RoomCommands,
  RoomEntry,
  RoomPosition,
  RoomSubscriber,
  RoomSubscription,
} from '../commands/index.js';
import type { SocketGroups } from '../platform/push.js';
import type { RoomRow } from './deps.js';
import { feedGroup } from './seat.js';

export interface LiveStreamDeps {
  streams: Pick<RoomCommands, 'grant' | 'subscribe'>;
  groups: Pick<SocketGroups, 'emitHere'>;
  /** Something happens in the room: it is not idle. Called for each entry. */
  touch(room: RoomRow): void;
}

/** Who keeps a stream open. */
export interface StreamHolder {
  /** Nothing more comes: the room is closed, or of another epoch. */
  ended?(): void;
}

/** Hears of each entry in order, until it leaves. */
export interface StreamListener {
  entry(entry: RoomStreamEntry, senderSocketId: string | undefined): void;
}

const RETRY_MS = 500;

/** One room's stream as long as somebody here holds it: each entry goes to the sockets of its group, but for the one that sent it. */
export class LiveStream implements RoomSubscriber {
  readonly group: string;
  /** Rejects with ROOM_CLOSED or UNAVAILABLE. */
  readonly #opened: Promise<RoomSubscription>;
  readonly #groups: LiveStreamDeps['groups'];
  readonly #touch: () => void;
  readonly #holders = new Set<StreamHolder>();
  readonly #listeners = new Set<StreamListener>();
  readonly #onDone: () => void;
  #subscription: RoomSubscription | undefined;
  #end: 'closed' | 'epoch' | undefined;

  constructor(room: RoomRow, deps: LiveStreamDeps, onDone: () => void) {
    const { roomId, streamId, generation } = room;
    this.group = feedGroup(room);
    this.#groups = deps.groups;
    this.#touch = () => deps.touch(room);
    this.#onDone = onDone;
    const grant = deps.streams.grant({ roomId, streamId, generation, mayCommand: false });
    this.#opened = deps.streams.subscribe(grant, this);
  }

  /** Keeps the stream until `release`. */
  hold(holder: StreamHolder): void {
    this.#holders.add(holder);
  }

  release(holder: StreamHolder): void {
    if (!this.#holders.delete(holder) || this.#holders.size > 0) return;
    this.#subscription?.unsubscribe();
    this.#onDone();
  }

  /** Resolves when entries come. Whoever waits holds the stream. @throws ROOM_CLOSED, UNAVAILABLE */
  async open(): Promise<void> {
    this.#subscription = await this.#opened;
    if (this.#end === 'closed') throw new BongsuError('ROOM_CLOSED');
    if (this.#end) throw new BongsuError('UNAVAILABLE', { retryAfterMs: RETRY_MS });
  }

  /** Who joins the group now gets what comes after it. */
  position(): RoomPosition {
    const subscription = this.#subscription;
    if (!subscription) throw new Error('The stream is not open.');
    return { epoch: subscription.epoch, lastSeq: subscription.position() };
  }

  listen(listener: StreamListener): void {
    this.#listeners.add(listener);
  }

  forget(listener: StreamListener): void {
    this.#listeners.delete(listener);
  }

  entry(entry: RoomEntry): void {
    // Between the subscription and its answer there is nobody yet.
    if (!this.#subscription) return;
    const wire = toWire(entry, this.#subscription.epoch);
    this.#groups.emitHere(this.group, wire.type, wire, entry.socketId);
    this.#touch();
    for (const listener of [...this.#listeners]) listener.entry(wire, entry.socketId);
  }

  /** By `epoch` the gateway closes all sockets, by `closed` the room tells its members. */
  ended(reason: 'closed' | 'epoch'): void {
    this.#end = reason;
    this.#onDone();
    for (const holder of [...this.#holders]) holder.ended?.();
  }
}

/** As it goes to clients, over sockets and in a history. */
export function toWire(entry: RoomEntry, epoch: string): RoomStreamEntry {
  const { id, type, stream, seq, acceptedAt, sender, fields } = entry;
  return { id, type, stream, seq, epoch, acceptedAt, from: sender, ...fields } as RoomStreamEntry;
}
