import type { RoomEntry } from './room-hints.js';

/** Reads along with a room. Called in the order of `seq`; the same entry object goes to every subscriber. */
export interface RoomSubscriber {
  entry(entry: RoomEntry): void;
  /** Nothing more will come: the room was closed, or data may have gone back and positions mean nothing any more. */
  ended(reason: 'closed' | 'epoch'): void;
}

export interface TailEffects {
  /** Reads what follows `after`; the answer comes by `page`, or `readFailed`. Must not call back before it returns. */
  read(after: number): void;
  /** A subscriber threw. */
  onFault(error: unknown): void;
}

/** Hints kept out of order; what is over comes by reading. */
const MAX_BUFFERED = 300;

/**
 * The end of one room's stream, without I/O: puts hints in order, reads what is missing, and hands each entry to the subscribers.
 * Positions: `last` was handed out, `head` is the newest that exists.
 */
export class RoomTail {
  readonly #effects: TailEffects;
  readonly #subscribers = new Set<RoomSubscriber>();
  #phase: 'attaching' | 'live' | 'ended' = 'attaching';
  #last = 0;
  #head = 0;
  #headWhenRead = 0;
  #reading = false;
  readonly #buffer = new Map<number, RoomEntry>();

  constructor(effects: TailEffects) {
    this.#effects = effects;
  }

  /** Everything up to it was handed out. */
  get last(): number {
    return this.#last;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  get buffered(): number {
    return this.#buffer.size;
  }

  /** Gets what comes after `last`. */
  add(subscriber: RoomSubscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: RoomSubscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** The stream ended at `head` after hints began to be kept: from here on entries are handed out. */
  start(head: number): void {
    if (this.#phase !== 'attaching') return;
    this.#phase = 'live';
    this.#last = head;
    for (const seq of this.#buffer.keys()) if (seq <= head) this.#buffer.delete(seq);
    this.#advance();
  }

  hint(entry: RoomEntry): void {
    if (this.#phase === 'ended' || entry.seq <= this.#last) return;
    this.#head = Math.max(this.#head, entry.seq);
    if (this.#buffer.size < MAX_BUFFERED) this.#buffer.set(entry.seq, entry);
    this.#advance();
  }

  /** The newest entry that exists, says the ledger. */
  headIs(seq: number): void {
    this.#head = Math.max(this.#head, seq);
    this.#advance();
  }

  /** @param lastSeq where the stream ended when the page was read */
  page(entries: readonly RoomEntry[], lastSeq: number): void {
    if (this.#phase !== 'live') return;
    this.#reading = false;
    for (const entry of entries) if (entry.seq > this.#last) this.#handOut(entry);
    if (entries.length === 0) {
      // What is missing was pruned, or a head was told that does not exist: it must not be looked for without end.
      this.#last = Math.max(this.#last, lastSeq);
      if (this.#head === this.#headWhenRead) this.#head = this.#last;
    }
    this.#advance();
  }

  /** It is time for another try. */
  readFailed(): void {
    this.#reading = false;
    this.#advance();
  }

  end(reason: 'closed' | 'epoch'): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#buffer.clear();
    for (const subscriber of [...this.#subscribers]) this.#guard(() => subscriber.ended(reason));
    this.#subscribers.clear();
  }

  #advance(): void {
    if (this.#phase !== 'live') return;
    for (let next = this.#takeNext(); next; next = this.#takeNext()) this.#handOut(next);
    if (this.#head <= this.#last || this.#reading) return;
    this.#reading = true;
    this.#headWhenRead = this.#head;
    this.#effects.read(this.#last);
  }

  #takeNext(): RoomEntry | undefined {
    for (const seq of this.#buffer.keys()) if (seq <= this.#last) this.#buffer.delete(seq);
    const next = this.#buffer.get(this.#last + 1);
    if (next) this.#buffer.delete(next.seq);
    return next;
  }

  #handOut(entry: RoomEntry): void {
    this.#last = entry.seq;
    for (const subscriber of [...this.#subscribers]) this.#guard(() => subscriber.entry(entry));
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#effects.onFault(error);
    }
  }
}
