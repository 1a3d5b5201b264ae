import assert from 'node:assert/strict';
import type { InboxEntry } from '../../src/commands/hints.js';
import { type Ending, Inbox } from '../../src/commands/inbox.js';
import { displayOf } from '../../src/commands/navigate-runs.js';
import type { Receipt } from '../../src/commands/receipts.js';
import { entry, navigateEntry } from './entries.js';

export const MODEL_STEPS = [
  'trigger',
  'navigate',
  'other display',
  'short-lived',
  'untold',
  'page',
  'read fails',
  'run',
  'run fails',
  'run is refused',
  'commit',
  'heads',
  'time',
  'due',
  'silence',
  'cancel',
  'disconnect',
  'replaced',
  'crash',
] as const;
export type ModelStep = (typeof MODEL_STEPS)[number];

interface Write {
  acked: number;
  ended: { seq: number; status: Ending['status']; reason?: string }[];
  failed?: InboxEntry;
  barrier: boolean;
  by: Inbox;
}

interface Sent {
  entry: InboxEntry;
  prev: number;
  isForgotten: boolean;
}

const MAX_RETRIES = 2;

/**
 * A ledger, a screen that keeps the offset rule, and the inbox between them. It checks at each step what delivery.md promises; what
 * it knows itself is only what the ledger committed and what the screen did.
 */
export class InboxModel {
  readonly log: InboxEntry[] = [];
  /** Committed. */
  readonly outcomes = new Map<number, string>();
  readonly begun: number[] = [];
  readonly executed = new Set<number>();
  #attempts = new Map<number, Pick<InboxEntry, 'failed' | 'lost' | 'nextAt'>>();
  #acked = 0;
  #done = 0;
  #now = 1000;
  #known = 0;
  #inbox!: Inbox;
  #reading: { after: number; limit: number } | undefined;
  #wakeAt: number | undefined;
  #watched: InboxEntry | undefined;
  #writes: Write[] = [];
  #flight: Sent[] = [];
  readonly #window: number;

  constructor(window: number, waiting: number) {
    this.#window = window;
    for (let i = 0; i < waiting; i += 1) this.#append({});
    this.#connect(false);
  }

  /** What ended in this connection's eyes or in the ledger's. */
  #issued(seq: number): boolean {
    return this.outcomes.has(seq) || this.#writes.some(({ ended }) => ended.some((each) => each.seq === seq));
  }

  act(step: ModelStep, chance: number): void {
    const actions: Record<ModelStep, () => void> = {
      trigger: () => this.#hint(this.#append({})),
      navigate: () => this.#hint(this.#append(navigateEntry(1))),
      'other display': () => this.#hint(this.#append(navigateEntry(1, 1))),
      'short-lived': () => this.#hint(this.#append({ expiresAt: this.#now + 700, retries: chance % 2 })),
      untold: () => this.#append(chance % 2 ? {} : navigateEntry(1)),
      page: () => this.#page(1 + (chance % 5)),
      'read fails': () => this.#readFails(),
      run: () => this.#run({ status: 'executed' }),
      'run fails': () => this.#run({ status: 'failed', error: 'no', retryable: true, isGarbage: false }),
      'run is refused': () =>
        this.#run({ status: 'failed', error: 'no', retryable: false, isGarbage: false }),
      commit: () => this.#commit(),
      heads: () => this.#heads(),
      time: () => {
        this.#now += 300;
      },
      due: () => this.#due(),
      silence: () => this.#watched && this.#inbox.silent(this.#watched.seq),
      cancel: () => this.#cancel(chance),
      disconnect: () => this.#disconnect(true, chance % 2 === 0),
      replaced: () => this.#disconnect(false, chance % 2 === 0),
      crash: () => {
        this.#writes = [];
        this.#connect(chance % 2 === 0);
      },
    };
    actions[step]();
    assert.ok(this.#inbox.inFlight <= this.#window);
    assert.ok(this.#inbox.buffered <= 256);
  }

  /** Everything that is left comes to its end. */
  finish(): void {
    for (let i = 0; i < 40 * this.log.length + 100 && this.#acked < this.log.length; i += 1) {
      for (const step of ['heads', 'page', 'commit', 'time', 'due', 'run', 'commit'] as const)
        this.act(step, 4);
    }
    assert.deepEqual(
      [...this.outcomes.keys()].sort((a, b) => a - b),
      this.log.map(({ seq }) => seq),
    );
    assert.equal(this.#acked, this.log.length);
  }

  #append(fields: Partial<InboxEntry>): InboxEntry {
    const seq = this.log.length + 1;
    const added = { ...entry(seq), ...fields, seq, id: `id-${seq}` };
    this.log.push(added);
    return added;
  }

  #hint(added: InboxEntry): void {
    this.#known = Math.max(this.#known, added.seq);
    this.#inbox.hint(added);
  }

  #heads(): void {
    this.#known = this.log.length;
    this.#inbox.headIs(this.log.length);
  }

  #connect(resumes: boolean): void {
    this.#flight = [];
    this.#reading = undefined;
    this.#wakeAt = undefined;
    this.#watched = undefined;
    this.#known = this.log.length;
    const inbox: Inbox = new Inbox(
      {
        now: () => this.#now,
        mayDecide: () => true,
        read: (after, limit) => {
          assert.equal(this.#reading, undefined);
          this.#reading = { after, limit };
        },
        emit: (sent, prev) => this.#onEmit(sent, prev),
        forget: ({ seq }) => this.#forget(seq),
        settle: (acked, entries, ending, barrier) => {
          const reason = ending.status === 'dead' ? ending.reason : '';
          this.#onSettle(inbox, acked, entries, { ...ending, reason }, barrier);
        },
        retry: (failed) => {
          this.#writes.push({ acked: 0, ended: [], failed, barrier: false, by: inbox });
        },
        wakeAt: (time) => {
          this.#wakeAt = time;
        },
        watch: (oldest) => {
          this.#watched = oldest;
        },
      },
      {
        window: this.#window,
        maxRetries: MAX_RETRIES,
        dueAt: (failed) => this.#now + failed * 1000,
      },
    );
    this.#inbox = inbox;
    inbox.start(this.#acked, this.log.length, resumes ? this.#done : 0);
    inbox.open();
  }

  #disconnect(counts: boolean, resumes: boolean): void {
    const unanswered = this.#inbox.close(counts);
    // The next connection waits for what this one wrote.
    while (this.#writes.length > 0) this.#commit();
    if (unanswered) {
      const { entry: oldest, isDead, acked } = unanswered;
      assert.equal(isDead, oldest.lost >= 10);
      if (isDead) {
        this.#end(oldest.seq, 'dead');
        assert.ok(acked <= this.#terminalPrefix((seq) => this.outcomes.has(seq)));
        this.#acked = Math.max(this.#acked, acked);
      } else this.#attempts.set(oldest.seq, oldest);
    }
    this.#connect(resumes);
  }

  #readFails(): void {
    if (!this.#reading) return;
    this.#reading = undefined;
    this.#inbox.readFailed();
  }

  #page(size: number): void {
    if (!this.#reading) return;
    const { after, limit } = this.#reading;
    this.#reading = undefined;
    const read = this.log.slice(after, after + Math.min(size, limit));
    this.#inbox.page(
      read.map((each) => ({
        ...each,
        ...this.#attempts.get(each.seq),
        settled: this.outcomes.has(each.seq),
      })),
    );
  }

  #due(): void {
    if (this.#wakeAt === undefined || this.#wakeAt > this.#now) return;
    this.#wakeAt = undefined;
    this.#inbox.due();
  }

  #cancel(chance: number): void {
    const wanted = this.log[chance % Math.max(1, this.log.length)];
    if (!wanted) return;
    const { seq } = wanted;
    const isInFlight = this.#flight.some((sent) => sent.entry.seq === seq && !sent.isForgotten);
    const settled = this.outcomes.has(seq);
    const wasIssued = this.#issued(seq);
    const answer = this.#inbox.cancel({ ...wanted, ...this.#attempts.get(seq), settled });
    if (wasIssued) assert.equal(answer, 'ended');
    else if (isInFlight) assert.equal(answer, 'in-flight');
    else assert.equal(answer === 'cancelled' || (answer === 'ended' && seq <= this.#done), true);
  }

  #forget(seq: number): void {
    const sent = this.#flight.find((each) => each.entry.seq === seq && !each.isForgotten);
    if (!sent) throw new Error(`${seq} was not in flight`);
    sent.isForgotten = true;
  }

  /** The screen deals with the next entry that reached it, by the offset rule. */
  #run(result: Receipt): void {
    const sent = this.#flight.shift();
    if (!sent) return;
    const { seq } = sent.entry;
    // Dropped: the server must send it again, or have ended it.
    if (sent.prev > this.#done) {
      assert.equal(sent.isForgotten, true);
      return;
    }
    let answer: Receipt = { status: 'executed' };
    if (seq > this.#done) {
      this.#begin(seq);
      answer = result;
      if (result.status === 'executed') {
        this.#done = seq;
        this.executed.add(seq);
      }
    }
    if (sent.isForgotten) return;
    assert.equal(this.#inbox.receipt(seq, answer), true);
  }

  /** Nothing after n is begun before n is terminal, and what the server decided itself it decided for good. */
  #begin(seq: number): void {
    assert.equal(this.executed.has(seq), false);
    for (let earlier = 1; earlier < seq; earlier += 1) {
      assert.equal(
        this.executed.has(earlier) || this.outcomes.has(earlier),
        true,
        `${earlier} before ${seq}`,
      );
    }
    this.begun.push(seq);
  }

  #onEmit(sent: InboxEntry, prev: number): void {
    const { seq } = sent;
    const alive = this.#flight.filter(({ isForgotten }) => !isForgotten);
    assert.equal(
      this.#writes.some(({ barrier, by }) => barrier && by === this.#inbox),
      false,
    );
    assert.equal(this.#issued(seq), false);
    assert.ok(sent.expiresAt > this.#now);
    assert.ok((sent.nextAt ?? 0) <= this.#now);
    assert.ok(sent.lost < 10);
    assert.equal(this.#isSuperseded(sent), false);
    const isInFlight = (earlier: number) => alive.some(({ entry: each }) => each.seq === earlier);
    for (let earlier = 1; earlier < seq; earlier += 1) {
      // A serial screen may have been given up on by silence and yet run it: then it is over all the same.
      assert.equal(this.#issued(earlier) || isInFlight(earlier), true, `${earlier} before ${seq}`);
    }
    assert.equal(prev, Math.max(0, ...alive.map(({ entry: each }) => each.seq).filter((each) => each < seq)));
    this.#flight.push({ entry: sent, prev, isForgotten: false });
  }

  #isSuperseded(older: InboxEntry): boolean {
    if (older.type !== 'navigate') return false;
    for (const later of this.log.slice(older.seq, this.#known)) {
      if (later.type !== 'navigate') return false;
      if (displayOf(later) !== displayOf(older) || later.expiresAt <= this.#now) continue;
      if (!this.#issued(later.seq)) return true;
    }
    return false;
  }

  #onSettle(
    by: Inbox,
    acked: number,
    entries: readonly InboxEntry[],
    ending: { status: Ending['status']; reason: string },
    barrier: boolean,
  ): void {
    for (const { seq } of entries) {
      if (ending.reason !== 'no-receipt') this.#flight = this.#flight.map((sent) => endSent(sent, seq));
      else this.#forget(seq);
      assert.equal(this.#issued(seq), false, `${seq} ends once`);
    }
    assert.equal(barrier, ending.status !== 'executed');
    const ended = entries.map(({ seq }) => ({ seq, ...ending }));
    this.#writes.push({ acked, ended, barrier, by });
    // What was cancelled before it was read is passed when it is read.
    assert.ok(acked <= this.#terminalPrefix((seq) => this.#issued(seq)));
  }

  #terminalPrefix(isOver: (seq: number) => boolean): number {
    let prefix = 0;
    while (isOver(prefix + 1)) prefix += 1;
    return prefix;
  }

  #commit(): void {
    const write = this.#writes.shift();
    if (!write) return;
    for (const { seq, status } of write.ended) this.#end(seq, status);
    if (write.failed) this.#attempts.set(write.failed.seq, write.failed);
    this.#acked = Math.max(this.#acked, write.acked);
    if (write.by !== this.#inbox) return;
    if (write.barrier) write.by.committed();
    if (write.failed) write.by.counted(write.failed.seq);
  }

  #end(seq: number, status: string): void {
    assert.equal(this.outcomes.has(seq), false);
    this.outcomes.set(seq, status);
    if (status === 'executed') assert.equal(this.executed.has(seq), true);
  }
}

function endSent(sent: Sent, seq: number): Sent {
  if (sent.entry.seq === seq) sent.isForgotten = true;
  return sent;
}
