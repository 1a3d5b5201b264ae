import type { InboxEntry } from './hints.js';

/** What an inbox asks of its surroundings. None of these may call back before it returns. */
export interface InboxEffects {
  /** Database's clock, milliseconds. */
  now(): number;
  /** Reads what follows `after`; the answer comes by `page`, or `readFailed`. */
  read(after: number): void;
  /** Sends an entry to the screen; the answer comes by `receipt`. */
  emit(entry: InboxEntry): void;
  /** Writes that entries ended, in order, and that everything up to `acked` has; `barrier`: answered by `committed`. */
  settle(
    acked: number,
    entries: readonly InboxEntry[],
    status: 'executed' | 'expired',
    barrier: boolean,
  ): void;
  /** Writes a failed attempt. */
  fail(entry: InboxEntry, error: string): void;
}

export type Receipt = { status: 'executed' } | { status: 'failed'; error: string };

/** Read ahead and hints kept for one screen; what is over comes by reading again. */
const MAX_BUFFERED = 64;
const MAX_BUFFERED_BYTES = 256 * 1024;
const LOW_WATER = 8;

/**
 * One connected screen's inbox, without I/O: merges hints with what was read, sends one entry at a time and moves on by receipts.
 * Positions: everything up to `decided` is terminal here, `last` is the newest in order that was seen, `head` the newest that exists.
 */
export class Inbox {
  readonly #effects: InboxEffects;
  #phase: 'attaching' | 'attached' | 'open' | 'standing' | 'closed' = 'attaching';
  #decided = 0;
  #last = 0;
  #head = 0;
  #headWhenRead = 0;
  #resumed = 0;
  #buffer: InboxEntry[] = [];
  #bufferedBytes = 0;
  #inFlight: InboxEntry | undefined;
  #reading = false;
  #committing = false;

  constructor(effects: InboxEffects) {
    this.#effects = effects;
  }

  get decided(): number {
    return this.#decided;
  }

  get inFlight(): InboxEntry | undefined {
    return this.#inFlight;
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  /** The fence is taken. @param resumed everything up to it was executed, says a valid resume offset */
  start(acked: number, head: number, resumed: number): void {
    this.#decided = acked;
    this.#last = acked;
    this.#resumed = resumed;
    this.#head = Math.max(this.#head, head);
    this.#phase = 'attached';
    this.#readAhead();
  }

  /** `ready` was sent: entries may follow. */
  open(): void {
    if (this.#phase !== 'attached') return;
    this.#phase = 'open';
    this.#advance();
  }

  /** An entry was accepted somewhere. */
  hint(entry: InboxEntry): void {
    this.#head = Math.max(this.#head, entry.seq);
    if (this.#phase === 'attaching' || this.#phase === 'closed') return;
    if (entry.seq === this.#last + 1) this.#push(entry);
    this.#advance();
  }

  /** The newest entry that exists, says the ledger. */
  headIs(seq: number): void {
    this.#head = Math.max(this.#head, seq);
    this.#advance();
  }

  page(entries: readonly InboxEntry[]): void {
    if (this.#phase === 'closed') return;
    this.#reading = false;
    // A head that no read finds must not be looked for without end; one that came meanwhile must.
    if (entries.length === 0 && this.#head === this.#headWhenRead) this.#head = this.#last;
    for (const entry of entries) {
      if (entry.seq > this.#last && !this.#push(entry)) break;
    }
    this.#advance();
  }

  /** It is time for another try: until then nothing else is read, or each hint would begin a series of its own. */
  readFailed(): void {
    this.#reading = false;
    this.#advance();
  }

  /** False when nothing of that seq is in flight. */
  receipt(seq: number, receipt: Receipt): boolean {
    const entry = this.#inFlight;
    if (this.#phase !== 'open' || entry?.seq !== seq) return false;
    if (receipt.status === 'failed') {
      // Until retries come, the inbox stands at a failed entry for as long as this connection lives.
      this.#phase = 'standing';
      this.#inFlight = undefined;
      this.#effects.fail(entry, receipt.error);
      return true;
    }
    this.#inFlight = undefined;
    this.#decided = seq;
    this.#effects.settle(seq, [entry], 'executed', false);
    this.#advance();
    return true;
  }

  committed(): void {
    this.#committing = false;
    this.#advance();
  }

  /** The socket or the fence is gone. Answers what was in flight. */
  close(): InboxEntry | undefined {
    this.#phase = 'closed';
    this.#buffer = [];
    this.#bufferedBytes = 0;
    const entry = this.#inFlight;
    this.#inFlight = undefined;
    return entry;
  }

  #push(entry: InboxEntry): boolean {
    const fits =
      this.#buffer.length === 0 ||
      (this.#buffer.length < MAX_BUFFERED && this.#bufferedBytes + entry.bytes <= MAX_BUFFERED_BYTES);
    if (!fits) return false;
    this.#buffer.push(entry);
    this.#bufferedBytes += entry.bytes;
    this.#last = entry.seq;
    return true;
  }

  #shift(): InboxEntry | undefined {
    const entry = this.#buffer.shift();
    if (entry) this.#bufferedBytes -= entry.bytes;
    return entry;
  }

  #readAhead(): void {
    const wanted = this.#head > this.#last && this.#buffer.length < LOW_WATER;
    if (!wanted || this.#reading || this.#phase === 'closed' || this.#phase === 'attaching') return;
    this.#reading = true;
    this.#headWhenRead = this.#head;
    this.#effects.read(this.#last);
  }

  #advance(): void {
    while (this.#phase === 'open' && !this.#inFlight && !this.#committing && this.#buffer.length > 0)
      this.#step();
    this.#readAhead();
  }

  /** Deals with the first entries of the buffer that have the same fate. */
  #step(): void {
    if (this.#takeWhile((entry) => entry.settled).length > 0) {
      this.#effects.settle(this.#decided, [], 'executed', false);
      return;
    }
    const resumed = this.#takeWhile((entry) => entry.seq <= this.#resumed && !entry.settled);
    if (resumed.length > 0) {
      this.#effects.settle(this.#decided, resumed, 'executed', false);
      return;
    }
    const now = this.#effects.now();
    const expired = this.#takeWhile((entry) => entry.expiresAt <= now && !entry.settled);
    if (expired.length > 0) {
      // Committed before anything later is sent: nobody else may come to another decision about these.
      this.#committing = true;
      this.#effects.settle(this.#decided, expired, 'expired', true);
      return;
    }
    this.#inFlight = this.#shift();
    if (this.#inFlight) this.#effects.emit(this.#inFlight);
  }

  #takeWhile(test: (entry: InboxEntry) => boolean): InboxEntry[] {
    const taken: InboxEntry[] = [];
    for (let entry = this.#buffer[0]; entry && test(entry); entry = this.#buffer[0]) {
      this.#shift();
      this.#decided = entry.seq;
      taken.push(entry);
    }
    return taken;
  }
}
