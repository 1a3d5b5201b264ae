import type { DeadReason } from '@bongsu/protocol';
import type { InboxEntry } from './hints.js';
import { isSuperseded } from './navigate-runs.js';
import type { Receipt } from './receipts.js';

export type Ending =
  | { status: 'executed' | 'expired' | 'superseded' | 'cancelled' }
  | { status: 'dead'; reason: Exclude<DeadReason, 'overflow'> };

/** What an inbox asks of its surroundings. None of these may call back before it returns. */
export interface InboxEffects {
  /** Database's clock, milliseconds. */
  now(): number;
  /** False while this process may not send: it stops, or its lease ran out. `advance` when that is over. */
  mayDecide(): boolean;
  /** Reads at most `limit` entries that follow `after`; the answer comes by `page`, or `readFailed`. */
  read(after: number, limit: number): void;
  /** Sends an entry to the screen; the answer comes by `receipt`. `prev`: the nearest earlier one in flight, or 0. */
  emit(entry: InboxEntry, prev: number): void;
  /** The entry leaves flight: whatever is answered to what was sent does not count any more. */
  forget(entry: InboxEntry): void;
  /** Writes how entries ended, in order, and that everything up to `acked` has. `barrier`: answered by `committed`. */
  settle(acked: number, entries: readonly InboxEntry[], ending: Ending, barrier: boolean): void;
  /** Writes a failed attempt, with its new count; answered by `counted`. */
  retry(entry: RetryingEntry): void;
  /** Calls `advance` at that time, database clock. Replaces what was asked before. */
  wakeAt(time: number): void;
  /** The oldest in flight, each time it was sent or became the oldest; undefined when there is none. */
  watch(oldest: InboxEntry | undefined): void;
}

export type RetryingEntry = InboxEntry & { nextAt: number; lastError: string };

export interface InboxRules {
  /** Entries in flight at once. */
  window: number;
  /** Tries after the first one, where the command says nothing. */
  maxRetries: number;
  /** When an entry that failed so many times is due again, database clock. */
  dueAt(failed: number): number;
}

export type CancelAnswer = 'cancelled' | 'in-flight' | 'ended' | 'closed';

/** What a connection that ended leaves behind: its oldest entry, counted, and whether that was once too often. */
export interface Unanswered {
  entry: InboxEntry;
  isDead: boolean;
  acked: number;
}

interface Slot {
  entry: InboxEntry;
  state: 'waiting' | 'in-flight' | 'done';
  /** Which send this is, counted over the inbox. */
  send: number;
}

/** Read ahead and hints kept for one screen; what is over comes by reading again. */
const NARROW = { entries: 64, bytes: 256 * 1024, lowWater: 8 };
const WIDE = { entries: 256, bytes: 512 * 1024, lowWater: 128 };
/** An entry that was the oldest in flight when so many connections ended is what ends them. */
const MAX_LOST = 10;

export function buffersOf(window: number): typeof WIDE {
  return window > 1 ? WIDE : NARROW;
}

/**
 * One connected screen's inbox, without I/O (docs/decisions/0060): merges hints with what was read, sends in order up to the window
 * and moves on by receipts. Everything up to `acked` is terminal, `last` is the newest in order that was seen, `head` the newest that
 * exists. Slots before the cursor are in flight or done, those from it on waiting or done.
 */
export class Inbox {
  readonly #effects: InboxEffects;
  readonly #rules: InboxRules;
  readonly #most: typeof WIDE;
  #phase: 'attaching' | 'attached' | 'open' | 'closed' = 'attaching';
  #acked = 0;
  #last = 0;
  #head = 0;
  #headWhenRead = 0;
  #resumed = 0;
  #slots: Slot[] = [];
  #cursor = 0;
  #bytes = 0;
  #inFlight = 0;
  #sends = 0;
  #watched = 0;
  #wakeAt: number | undefined;
  #isFull = false;
  #mustRead = false;
  #reading = false;
  #committing = 0;
  /** Of an inbox that sends nothing more: whoever waits for what is in flight. */
  #resting: (() => void)[] | undefined;
  /** Cancelled before they were read. */
  readonly #cancelled = new Set<number>();
  /** Failed, and the attempt is not written yet: sent again it would be counted twice by whoever reads it next. */
  readonly #uncounted = new Set<number>();

  constructor(effects: InboxEffects, rules: InboxRules) {
    this.#effects = effects;
    this.#rules = rules;
    this.#most = buffersOf(rules.window);
  }

  get acked(): number {
    return this.#acked;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get buffered(): number {
    return this.#slots.length;
  }

  /** When the oldest that has not ended was accepted; undefined when none waits, or none is read yet. */
  get oldestPendingAt(): number | undefined {
    return this.#slots.find(({ entry, state }) => state !== 'done' && !entry.settled)?.entry.acceptedAt;
  }

  /** The fence is taken. @param resumed everything up to it was executed, says a valid resume offset */
  start(acked: number, head: number, resumed: number): void {
    if (this.#phase !== 'attaching') return;
    this.#acked = acked;
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
    this.advance();
  }

  /** Sends nothing more. Resolves when nothing is in flight any more. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#resting = [...(this.#resting ?? []), resolve];
      this.#noteRest();
    });
  }

  /** An entry was accepted somewhere. */
  hint(entry: InboxEntry): void {
    this.#head = Math.max(this.#head, entry.seq);
    if (this.#phase === 'attaching' || this.#phase === 'closed') return;
    if (entry.seq === this.#last + 1) this.#push(entry);
    this.advance();
  }

  /** The newest entry that exists, says the ledger. */
  headIs(seq: number): void {
    this.#head = Math.max(this.#head, seq);
    this.advance();
  }

  page(entries: readonly InboxEntry[]): void {
    if (this.#phase === 'closed') return;
    this.#reading = false;
    // A head that no read finds must not be looked for without end; one that came meanwhile must.
    if (entries.length === 0 && this.#head === this.#headWhenRead) this.#head = this.#last;
    for (const entry of entries) {
      if (entry.seq > this.#last && !this.#push(entry)) break;
    }
    this.advance();
  }

  /** It is time for another try: until then nothing else is read, or each hint would begin a series of its own. */
  readFailed(): void {
    this.#reading = false;
    this.advance();
  }

  /** False when nothing of that seq is in flight. */
  receipt(seq: number, receipt: Receipt): boolean {
    const index = this.#indexInFlight(seq);
    const slot = this.#slots[index];
    if (!slot) return false;
    if (receipt.status === 'executed') this.#end(index, { status: 'executed' }, false);
    else this.#fail(index, slot, receipt);
    this.advance();
    return true;
  }

  /** The oldest in flight said nothing for its whole time, though its screen can be heard. */
  silent(seq: number): void {
    const index = this.#indexInFlight(seq);
    if (index !== 0) return;
    this.#leaveFlightAfter(index);
    this.#end(index, { status: 'dead', reason: 'no-receipt' }, true);
    this.advance();
  }

  /** @param entry as the ledger has it, not terminal there */
  cancel(entry: InboxEntry): CancelAnswer {
    const { seq } = entry;
    if (this.#phase === 'attaching' || this.#phase === 'closed') return 'closed';
    if (entry.settled || seq <= this.#acked || seq <= this.#resumed || this.#cancelled.has(seq))
      return 'ended';
    if (seq > this.#last) {
      this.#cancelled.add(seq);
      this.#committing += 1;
      this.#effects.settle(this.#acked, [entry], { status: 'cancelled' }, true);
      return 'cancelled';
    }
    const index = this.#slots.findIndex((slot) => slot.entry.seq === seq);
    const slot = this.#slots[index];
    if (!slot || slot.state === 'done' || slot.entry.settled) return 'ended';
    if (slot.state === 'in-flight') return 'in-flight';
    this.#end(index, { status: 'cancelled' }, true);
    return 'cancelled';
  }

  committed(): void {
    this.#committing -= 1;
    this.advance();
  }

  /** The failed attempt of this entry is written. */
  counted(seq: number): void {
    this.#uncounted.delete(seq);
    this.advance();
  }

  /**
   * The socket or the fence is gone.
   * @param counts false when the server, or a rival, ended the connection
   */
  close(counts: boolean): Unanswered | undefined {
    if (this.#phase === 'closed') return undefined;
    this.#phase = 'closed';
    const oldest = this.#cursor > 0 ? this.#slots[0] : undefined;
    let unanswered: Unanswered | undefined;
    if (counts && oldest) {
      const entry = { ...oldest.entry, lost: oldest.entry.lost + 1 };
      const isDead = entry.lost >= MAX_LOST;
      if (isDead) {
        oldest.state = 'done';
        this.#dropDone();
      }
      unanswered = { entry, isDead, acked: this.#acked };
    }
    this.#slots = [];
    this.#cursor = 0;
    this.#inFlight = 0;
    this.#cancelled.clear();
    this.#noteRest();
    return unanswered;
  }

  /** Goes as far as it may. */
  advance(): void {
    if (this.#phase === 'closed') return;
    while (this.#maySend && this.#effects.mayDecide()) {
      if (!this.#step()) break;
    }
    this.#readAhead();
    this.#watchOldest();
    this.#noteRest();
  }

  get #maySend(): boolean {
    return this.#phase === 'open' && this.#committing === 0 && this.#resting === undefined;
  }

  #noteRest(): void {
    if (this.#inFlight > 0) return;
    for (const resolve of this.#resting?.splice(0) ?? []) resolve();
  }

  #fail(index: number, slot: Slot, receipt: Receipt & { status: 'failed' }): void {
    const failed = slot.entry.failed + 1;
    this.#leaveFlightAfter(index);
    slot.entry = { ...slot.entry, failed, lastError: receipt.error };
    const retries = slot.entry.retries ?? this.#rules.maxRetries;
    if (!receipt.retryable) {
      this.#end(index, { status: 'dead', reason: 'rejected' }, true);
    } else if (failed > retries) {
      this.#end(index, { status: 'dead', reason: 'exhausted' }, true);
    } else {
      const entry = { ...slot.entry, nextAt: this.#rules.dueAt(failed), lastError: receipt.error };
      slot.entry = entry;
      slot.state = 'waiting';
      this.#inFlight -= 1;
      this.#cursor = index;
      this.#uncounted.add(entry.seq);
      this.#effects.retry(entry);
    }
  }

  /** Go-back-N: nothing that was sent behind this one may count. */
  #leaveFlightAfter(index: number): void {
    for (const slot of this.#slots.slice(index + 1, this.#cursor)) {
      if (slot.state !== 'in-flight') continue;
      slot.state = 'waiting';
      this.#inFlight -= 1;
      this.#effects.forget(slot.entry);
    }
    this.#cursor = index + 1;
  }

  #end(index: number, ending: Ending, barrier: boolean): void {
    const slot = this.#slots[index] as Slot;
    if (slot.state === 'in-flight') this.#inFlight -= 1;
    slot.state = 'done';
    this.#dropDone();
    if (barrier) this.#committing += 1;
    this.#effects.settle(this.#acked, [slot.entry], ending, barrier);
  }

  /** The prefix that is done leaves the list. True when `acked` moved. */
  #dropDone(): boolean {
    const isPending = ({ state }: Slot) => state !== 'done';
    const pending = this.#slots.findIndex(isPending);
    const count = pending < 0 ? this.#slots.length : pending;
    if (count === 0) return false;
    for (const { entry } of this.#slots.splice(0, count)) {
      this.#bytes -= entry.bytes;
      this.#acked = entry.seq;
    }
    this.#cursor = Math.max(0, this.#cursor - count);
    this.#isFull = false;
    return true;
  }

  #push(entry: InboxEntry): boolean {
    const fits =
      this.#slots.length === 0 ||
      (this.#slots.length < this.#most.entries && this.#bytes + entry.bytes <= this.#most.bytes);
    this.#isFull = !fits;
    if (!fits) return false;
    const isCancelled = this.#cancelled.delete(entry.seq);
    this.#slots.push({ entry: isCancelled ? { ...entry, settled: true } : entry, state: 'waiting', send: 0 });
    this.#bytes += entry.bytes;
    this.#last = entry.seq;
    return true;
  }

  get #hasRoom(): boolean {
    return !this.#isFull && this.#slots.length < this.#most.entries;
  }

  #readAhead(): void {
    const isLow = this.#slots.length - this.#cursor < this.#most.lowWater;
    const wanted = this.#head > this.#last && this.#hasRoom && (isLow || this.#mustRead);
    if (!wanted || this.#reading || this.#phase === 'attaching') return;
    this.#reading = true;
    this.#mustRead = false;
    this.#headWhenRead = this.#head;
    this.#effects.read(this.#last, this.#most.entries - this.#slots.length);
  }

  /** Deals with the slot at the cursor, or with those from it on that have the same fate. False: nothing can be done now. */
  #step(): boolean {
    const slot = this.#slots[this.#cursor];
    if (!slot || this.#inFlight >= this.#rules.window) return false;
    const fate = this.#fateOf(this.#cursor);
    switch (fate) {
      case 'unread':
        this.#mustRead = true;
        return false;
      case 'uncounted':
        return false;
      case 'retry':
        this.#wakeAtOnce(Math.min(slot.entry.nextAt as number, slot.entry.expiresAt));
        return false;
      case 'emit':
        this.#emit(slot);
        return true;
      case 'done':
        this.#passDone();
        return true;
      case 'executed':
        this.#endRun(fate, { status: 'executed' }, false);
        return true;
      case 'lost':
        this.#endRun(fate, { status: 'dead', reason: 'lost' }, true);
        return true;
      default:
        // Committed before anything later is sent: nobody else may come to another decision about these.
        this.#endRun(fate, { status: fate }, true);
        return true;
    }
  }

  #fateOf(index: number) {
    const { entry, state } = this.#slots[index] as Slot;
    const now = this.#effects.now();
    if (state === 'done' || entry.settled) return 'done';
    if (entry.seq <= this.#resumed) return 'executed';
    if (entry.lost >= MAX_LOST) return 'lost';
    if (entry.expiresAt <= now) return 'expired';
    const judged = isSuperseded(this.#pendingFrom(index), now);
    if (judged === 'superseded') return judged;
    if (judged === 'unknown' && this.#head > this.#last && this.#hasRoom) return 'unread';
    if (entry.nextAt !== undefined && entry.nextAt > now) return 'retry';
    return this.#uncounted.has(entry.seq) ? 'uncounted' : 'emit';
  }

  *#pendingFrom(index: number): Generator<{ entry: InboxEntry; isPending: boolean }> {
    for (let i = index; i < this.#slots.length; i += 1) {
      const { entry, state } = this.#slots[i] as Slot;
      yield { entry, isPending: state !== 'done' && !entry.settled && entry.seq > this.#resumed };
    }
  }

  #passDone(): void {
    for (let slot = this.#slots[this.#cursor]; slot; slot = this.#slots[this.#cursor]) {
      if (slot.state !== 'done' && !slot.entry.settled) break;
      slot.state = 'done';
      this.#cursor += 1;
    }
    if (this.#dropDone()) this.#effects.settle(this.#acked, [], { status: 'executed' }, false);
  }

  #endRun(fate: string, ending: Ending, barrier: boolean): void {
    const ended: InboxEntry[] = [];
    do {
      const slot = this.#slots[this.#cursor] as Slot;
      slot.state = 'done';
      ended.push(slot.entry);
      this.#cursor += 1;
    } while (this.#cursor < this.#slots.length && this.#fateOf(this.#cursor) === fate);
    this.#dropDone();
    if (barrier) this.#committing += 1;
    this.#effects.settle(this.#acked, ended, ending, barrier);
  }

  #emit(slot: Slot): void {
    const earlier = this.#slots.slice(0, this.#cursor).findLast(({ state }) => state === 'in-flight');
    this.#sends += 1;
    slot.send = this.#sends;
    slot.state = 'in-flight';
    this.#inFlight += 1;
    this.#cursor += 1;
    this.#effects.emit(slot.entry, earlier?.entry.seq ?? 0);
  }

  #wakeAtOnce(time: number): void {
    if (this.#wakeAt === time) return;
    this.#wakeAt = time;
    this.#effects.wakeAt(time);
  }

  /** It is the time that was asked for. */
  due(): void {
    this.#wakeAt = undefined;
    this.advance();
  }

  #watchOldest(): void {
    const oldest = this.#cursor > 0 ? this.#slots[0] : undefined;
    const send = oldest?.send ?? 0;
    if (send === this.#watched) return;
    this.#watched = send;
    this.#effects.watch(oldest?.entry);
  }

  /** -1 when it is not. */
  #indexInFlight(seq: number): number {
    if (this.#phase !== 'open') return -1;
    return this.#slots.findIndex(({ entry, state }) => state === 'in-flight' && entry.seq === seq);
  }
}
