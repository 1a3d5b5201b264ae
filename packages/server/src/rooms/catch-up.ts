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
  /** A page of what comes after `seq`, in order; empty at the end. */
  missed(seq: number): Promise<RoomEntry[]>;
}

/** While a socket has more than this to read, nothing is read for it. A page more is far from what ends a slow socket. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** Nothing more is sent to it beyond. */
const MAX_SENT_BYTES = 2 * MAX_UNREAD_BYTES;
const UNREAD_LOOK_MS = 20;
/** What comes while one page is read. Of more nothing is kept: it is read as well. */
const MAX_KEPT = 100;
/** Places of its own entries, which it must not get back. Who sends more than that without reading comes back. */
const MAX_OWN = 2000;

/**
 * Brings one socket to the present of one stream: reads and sends page by page what it missed, and when nothing is missing joins it to
 * the group of those who hear live. Keeps nothing but while a page is read.
 */
export class CatchUp implements StreamListener {
  readonly #live: LiveStream;
  readonly #socket: RoomSocket;
  readonly #deps: CatchUpDeps;
  /** The socket has everything up to here. */
  #done = 0;
  /** What comes while a page is read, without a gap from its beginning on. */
  #kept: RoomStreamEntry[] | undefined;
  readonly #own = new Set<number>();
  #isRead = false;
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
    this.#own.clear();
    this.#live.forget(this);
  }

  entry(entry: RoomStreamEntry, senderSocketId: string | undefined): void {
    if (senderSocketId === this.#socket.socketId) this.#own.add(entry.seq);
    if (this.#own.size > MAX_OWN) this.#giveUp();
    else if (this.#isRead) {
      this.#send(entry);
      this.#joinIfEven();
    } else if (this.#kept && this.#kept.length < MAX_KEPT) this.#kept.push(entry);
    else this.#kept = undefined;
  }

  /** Resolves when what comes after `done` is sent. Never rejects: where that fails, the socket ends and comes back. */
  async run(done: number): Promise<void> {
    this.#done = done;
    try {
      while (!this.#isOver && this.#done < this.#live.position().lastSeq) await this.#goOn();
    } catch (error) {
      this.#onUnreadable(error);
    }
    this.#isRead = true;
    this.#joinIfEven();
  }

  async #goOn(): Promise<void> {
    await this.#untilRead();
    if (this.#isOver) return;
    const { epoch, lastSeq } = this.#live.position();
    this.#kept = [];
    const page = await this.#deps.missed(this.#done);
    if (page.length === 0) throw new BongsuError('UNAVAILABLE');
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    // What came since is told with who sent it, and a page does not say that.
    const isSent = this.#sendAll(
      page.filter(({ seq }) => seq <= lastSeq).map((entry) => toWire(entry, epoch)),
    );
    if (isSent && this.#done >= lastSeq) this.#sendAll(kept);
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

  /** False when the socket has enough to read before all is sent. */
  #sendAll(entries: readonly RoomStreamEntry[]): boolean {
    for (const entry of entries) {
      if (this.#socket.queuedBytes() > MAX_SENT_BYTES) return false;
      this.#send(entry);
    }
    return true;
  }

  #send(entry: RoomStreamEntry): void {
    if (this.#isOver || entry.seq <= this.#done) return;
    this.#done = entry.seq;
    if (!this.#own.delete(entry.seq)) this.#deps.groups.emitTo(this.#socket.socketId, entry.type, entry);
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
