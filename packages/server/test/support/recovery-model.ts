import assert from 'node:assert/strict';
import type { StreamState } from '@bongsu/protocol';
import { expect } from 'vitest';
import type { Settlement } from '../../src/commands/delivery-ledger.js';
import type { InboxEntry } from '../../src/commands/hints.js';
import { recover } from '../../src/commands/resume.js';
import { RetryQueue } from '../../src/commands/retry-queue.js';
import { ScreenSession, type SessionHost } from '../../src/commands/screen-session.js';
import { FakeScreen } from './commands.js';
import { entry } from './entries.js';
import { ManualClock } from './manual-clock.js';

export const RECOVERY_STEPS = [
  'accept',
  'read',
  'take',
  'receipt',
  'write',
  'disconnect',
  'crash',
  'backup',
  'restore',
] as const;
export type RecoveryStep = (typeof RECOVERY_STEPS)[number];
/** What a screen says of its place when it connects. */
export const OFFSETS = ['its own', 'below', 'none', 'ahead', 'other epoch'] as const;
export type Offset = (typeof OFFSETS)[number];

interface Ledger {
  epoch: string;
  entries: InboxEntry[];
  acked: number;
  outcomes: Map<number, string>;
  lost: Map<number, number>;
}

interface Write {
  settlement: Settlement;
  done(written: boolean): void;
}

/**
 * A ledger that may be restored from a backup, a server process that may die, and a screen that keeps the offset rule. What is real
 * is the session, its inbox, and what they make of a resume offset.
 */
export class RecoveryModel {
  /** How `ready` said that the screen could go on, over the whole run. */
  readonly reasons = new Set<string>();
  /** How often the screen began each id. */
  readonly #runs = new Map<string, number>();
  readonly #window: number;
  #ledger: Ledger;
  #backup: Ledger;
  #made = 0;
  #epochs = 1;
  /** The screen's durable place. `earlier`: ids of before it lost its place. */
  #place = { epoch: 'epoch 1', done: 0, executed: new Set<string>(), earlier: new Set<string>() };
  #session!: ScreenSession;
  #screen!: FakeScreen;
  #taken = 0;
  /** What a valid resume offset of this connection covers. */
  #resumed = 0;
  #receipts: (() => void)[] = [];
  #writes: Write[] = [];
  #reading: { after: number; limit: number } | undefined;

  constructor(window: number) {
    this.#window = window;
    this.#ledger = { epoch: 'epoch 1', entries: [], acked: 0, outcomes: new Map(), lost: new Map() };
    this.#backup = copy(this.#ledger);
    this.#connect('none');
  }

  async act(step: RecoveryStep, offset: Offset, chance: number): Promise<void> {
    const actions: Record<RecoveryStep, () => void | Promise<void>> = {
      accept: () => this.#accept(),
      read: () => this.#read(1 + (chance % 4)),
      take: () => this.#take(),
      receipt: () => this.#receipts.shift()?.(),
      write: () => this.#write(),
      disconnect: () => this.#disconnect(offset),
      crash: () => this.#crash(offset, chance % 3),
      backup: () => {
        this.#backup = copy(this.#ledger);
      },
      restore: () => this.#restore(offset),
    };
    await actions[step]();
    await settled();
    this.#check();
  }

  /** Everything that is left comes to its end. */
  async finish(): Promise<void> {
    await this.act('disconnect', 'its own', 0);
    const { entries } = this.#ledger;
    for (let n = 0; n < 10 * entries.length + 20 && this.#ledger.acked < entries.length; n += 1) {
      for (const step of ['read', 'take', 'receipt', 'write'] as const) await this.act(step, 'its own', 3);
    }
    assert.equal(this.#ledger.acked, entries.length);
    for (const { seq, id } of entries) {
      assert.equal(this.#ledger.outcomes.has(seq), true);
      if (this.#ledger.outcomes.get(seq) === 'executed') assert.equal(this.#runs.get(id), 1, `${seq} ran`);
    }
  }

  #check(): void {
    const { entries, outcomes, acked } = this.#ledger;
    const again = this.#screen.sent.filter((sent) => sent.entry.seq <= this.#resumed);
    assert.deepEqual(again, [], 'what a valid offset covers is not sent');
    for (const [id, runs] of this.#runs) assert.equal(runs, 1, `${id} runs once`);
    for (const { seq, id } of entries) {
      if (outcomes.get(seq) === 'executed') assert.equal(this.#runs.get(id), 1, `${seq} says executed`);
      if (seq <= acked) assert.equal(outcomes.has(seq), true, `${seq} is below acked`);
    }
  }

  #accept(): void {
    this.#made += 1;
    const seq = this.#ledger.entries.length + 1;
    const added = entry(seq, { id: `id-${this.#made}` });
    this.#ledger.entries.push(added);
    this.#session.inbox.hint(added);
  }

  #read(size: number): void {
    if (!this.#reading) return;
    const { after, limit } = this.#reading;
    this.#reading = undefined;
    const { entries, outcomes, lost } = this.#ledger;
    this.#session.inbox.page(
      entries
        .slice(after, after + Math.min(size, limit))
        .map((each) => ({ ...each, lost: lost.get(each.seq) ?? 0, settled: outcomes.has(each.seq) })),
    );
  }

  /** The screen deals with the next entry that reached it; its receipt is on its way then. */
  #take(): void {
    const sent = this.#screen.sent[this.#taken];
    if (!sent) return;
    this.#taken += 1;
    const { id, seq, prev } = sent.entry as unknown as { id: string; seq: number; prev: number };
    const place = this.#place;
    if (prev > place.done) return;
    if (seq > place.done) {
      if (!place.earlier.has(id)) this.#run(id, seq);
      place.executed.add(id);
      place.done = seq;
    }
    this.#receipts.push(() => sent.receipt({ status: 'executed', stream: sent.entry.stream, seq }));
  }

  #run(id: string, seq: number): void {
    this.#runs.set(id, (this.#runs.get(id) ?? 0) + 1);
    for (const earlier of this.#ledger.entries.slice(0, seq - 1)) {
      const isOver = this.#runs.has(earlier.id) || this.#ledger.outcomes.has(earlier.seq);
      assert.equal(isOver, true, `${earlier.seq} before ${seq}`);
    }
  }

  #write(): void {
    const write = this.#writes.shift();
    if (!write) return;
    const { acked, outcomes, lost, epoch } = this.#ledger;
    assert.equal(write.settlement.epoch, epoch);
    for (const { seq, status } of write.settlement.ended) if (!outcomes.has(seq)) outcomes.set(seq, status);
    for (const attempt of write.settlement.failed) lost.set(attempt.seq, attempt.lost);
    this.#ledger.acked = Math.max(acked, write.settlement.ackedSeq);
    write.done(true);
  }

  /** Entries and receipts under way are lost. What the server has heard is written before the next connection takes over. */
  #disconnect(offset: Offset): void {
    const settlement = this.#session.releaseOf(this.#session.end(true));
    this.#writes.push({ settlement, done: () => undefined });
    while (this.#writes.length > 0) this.#write();
    this.#connect(offset);
  }

  /** A process that dies has written the first of what it meant to. */
  #crash(offset: Offset, written: number): void {
    for (let n = 0; n < written; n += 1) this.#write();
    this.#writes = [];
    this.#connect(offset);
  }

  #restore(offset: Offset): void {
    this.#epochs += 1;
    this.#ledger = { ...copy(this.#backup), epoch: `epoch ${this.#epochs}` };
    this.#writes = [];
    this.#connect(offset);
  }

  #connect(offset: Offset): void {
    const { epoch, entries, acked } = this.#ledger;
    const lastSeq = entries.length;
    const resume = this.#resumeOf(offset);
    this.#receipts = [];
    this.#reading = undefined;
    this.#taken = 0;
    this.#screen = new FakeScreen('scr_a', { window: this.#window, ...(resume ? { resume } : {}) });
    this.#session = new ScreenSession(this.#screen, this.#host());
    this.#session.hold({ streamId: 1, fence: 1, epoch });
    this.#resumed = resume?.epoch === epoch && resume.seq <= lastSeq ? resume.seq : 0;
    const { state, executed } = recover(resume, { epoch, lastSeq, ackedSeq: acked });
    this.#checkState(resume, state);
    this.#session.inbox.start(acked, lastSeq, executed);
    this.#onReady(epoch, state);
    this.#session.inbox.open();
  }

  #resumeOf(offset: Offset): { epoch: string; seq: number } | undefined {
    const { epoch, done } = this.#place;
    switch (offset) {
      case 'its own':
        return { epoch, seq: done };
      case 'below':
        return { epoch, seq: done >> 1 };
      case 'ahead':
        return { epoch, seq: this.#ledger.entries.length + 1 };
      case 'other epoch':
        return { epoch: 'never heard of', seq: done };
      case 'none':
        return undefined;
    }
  }

  #checkState(resume: { epoch: string; seq: number } | undefined, state: StreamState): void {
    const { epoch, entries, acked } = this.#ledger;
    expect(state).toMatchObject({ lastSeq: entries.length, acked });
    const reason = !state.recovered ? state.reason : 'recovered';
    this.reasons.add(reason ?? '');
    if (!resume) assert.equal(reason, 'recovered');
    else if (resume.epoch !== epoch) assert.equal(reason, 'epoch');
    else assert.equal(reason, resume.seq > entries.length ? 'ahead' : 'recovered');
  }

  /** The client's rule: where it cannot go on from its own place, it takes the server's, and the ids decide what is a repeat. */
  #onReady(epoch: string, { recovered, acked = 0 }: StreamState): void {
    const place = this.#place;
    if (recovered && place.epoch === epoch) return;
    const earlier = new Set([...place.earlier, ...place.executed]);
    this.#place = { epoch, done: acked, executed: new Set(), earlier };
  }

  #host(): SessionHost {
    const clock = new ManualClock();
    return {
      clock,
      retries: new RetryQueue({ clock, databaseClock: clock.now, random: () => 0 }),
      ackTimeoutMs: 5000,
      maxRetries: 3,
      now: clock.now,
      mayDecide: () => true,
      read: (session, after, limit) => {
        if (session === this.#session) this.#reading = { after, limit };
      },
      settle: (_session, settlement) =>
        new Promise((resolve) => this.#writes.push({ settlement, done: resolve })),
      tell: () => undefined,
      onExecuted: () => undefined,
      onBadReceipt: () => undefined,
    };
  }
}

function copy({ epoch, entries, acked, outcomes, lost }: Ledger): Ledger {
  return { epoch, entries: [...entries], acked, outcomes: new Map(outcomes), lost: new Map(lost) };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
