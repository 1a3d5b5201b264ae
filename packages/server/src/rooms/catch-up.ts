import { BongsuError, type RoomStreamEntry } from '@bongsu/protocol';
import type { RoomEntry } from '../commands/index.js';
import { type Clock, sleep } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { SocketGroups } from '../platform/push.js';
import type { RoomSocket } from './index.js';
import { type LiveStream, type StreamListener, toWire } from './live-stream.js';

export interface CatchUpDeps {
  groups: Pick<SocketGroups, 'join' | 'emitTo'>;
  clock: Clock;
  log: Log;
}

export interface Missed {
  epoch: string;
  /** What the socket needs begins after it. */
  done: number;
  /** Up to where the stream was when it began to be listened to. */
  pages?: AsyncIterable<RoomEntry[]> | Iterable<RoomEntry[]>;
}

/** While a socket has more than this to read, nothing is read for it. */
const MAX_UNREAD_BYTES = 512 * 1024;
const UNREAD_LOOK_MS = 20;
/** What may come to a room while one reads what it missed. Beyond, it comes back and goes on from where it is then. */
const MAX_KEPT = 2000;

/**
 * Brings one socket to the present of one stream: sends what it missed, in order, then what came meanwhile; when both are even, it
 * joins the group of those who hear live. Listens from its making on, so that nothing falls between.
 */
export class CatchUp implements StreamListener {
  readonly #live: LiveStream;
  readonly #socket: RoomSocket;
  readonly #deps: CatchUpDeps;
  /** The socket has everything up to here. */
  #done = 0;
  /** What comes while the missed is read; then nothing is kept any more. */
  #kept: RoomStreamEntry[] | undefined = [];
  #isOver = false;

  constructor(live: LiveStream, socket: RoomSocket, deps: CatchUpDeps) {
    this.#live = live;
    this.#socket = socket;
    this.#deps = deps;
    live.listen(this);
  }

  /** No longer: it hears live, or shall hear nothing. */
  get isOver(): boolean {
    return this.#isOver;
  }

  stop(): void {
    this.#isOver = true;
    this.#kept = undefined;
    this.#live.forget(this);
  }

  entry(entry: RoomStreamEntry, senderSocketId: string | undefined): void {
    const isOwn = senderSocketId === this.#socket.socketId;
    if (!this.#kept) {
      if (!isOwn) this.#send(entry);
      this.#joinIfEven();
      return;
    }
    if (isOwn) return;
    if (this.#kept.length < MAX_KEPT) this.#kept.push(entry);
    else this.#giveUp();
  }

  /** Resolves when what was missed is sent. Never rejects: where that fails, the socket ends and comes back. */
  async run({ epoch, done, pages = [] }: Missed): Promise<void> {
    this.#done = done;
    try {
      for await (const page of pages) {
        for (const entry of page) this.#send(toWire(entry, epoch));
        await this.#untilRead();
        if (this.#isOver) return;
      }
    } catch (error) {
      this.#onUnreadable(error);
    }
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const entry of kept) this.#send(entry);
    this.#joinIfEven();
  }

  #onUnreadable(error: unknown): void {
    if (error instanceof BongsuError && error.code === 'ROOM_CLOSED') {
      this.stop();
      return;
    }
    const { socketId } = this.#socket;
    this.#deps.log.warn({ err: error, socketId }, 'what a socket missed could not be read');
    this.#giveUp();
  }

  async #untilRead(): Promise<void> {
    while (!this.#isOver && this.#socket.queuedBytes() > MAX_UNREAD_BYTES)
      await sleep(this.#deps.clock, UNREAD_LOOK_MS);
  }

  #send(entry: RoomStreamEntry): void {
    if (this.#isOver || entry.seq <= this.#done) return;
    this.#done = entry.seq;
    this.#deps.groups.emitTo(this.#socket.socketId, entry.type, entry);
  }

  /** This process may have heard less than the socket had before it came: then its group would repeat that. */
  #joinIfEven(): void {
    if (this.#isOver || this.#live.position().lastSeq < this.#done) return;
    this.#deps.groups.join(this.#socket.socketId, this.#live.group);
    this.stop();
  }

  #giveUp(): void {
    if (this.#isOver) return;
    this.stop();
    this.#socket.drop();
  }
}
