import type { ClosingKey, CommandStatus } from '@bongsu/protocol';
import type { Clock } from '../platform/clock.js';
import type { Settlement } from './delivery-ledger.js';
import type { InboxEntry } from './hints.js';
import {
  type CancelAnswer,
  type Ending,
  Inbox,
  type InboxEffects,
  type RetryingEntry,
  type Unanswered,
} from './inbox.js';
import { displayOf, urlOf } from './navigate-runs.js';
import { checkReceipt } from './receipts.js';
import type { RetryQueue } from './retry-queue.js';
import type { ScreenConnection } from './types.js';

/** What a session asks of the dispatcher. */
export interface SessionHost {
  readonly clock: Clock;
  readonly retries: RetryQueue<ScreenSession>;
  /** COMMAND_ACK_TIMEOUT_MS: for each send of the oldest entry in flight. */
  readonly ackTimeoutMs: number;
  readonly maxRetries: number;
  now(): number;
  mayDecide(): boolean;
  read(session: ScreenSession, after: number, limit: number): void;
  /** Resolves true when it was written; false when the fence is another's by now, or the server stops. */
  settle(session: ScreenSession, settlement: Settlement): Promise<boolean>;
  tell(entry: InboxEntry, status: CommandStatus): void;
  onExecuted(entry: InboxEntry): void;
  onBadReceipt(session: ScreenSession, entry: InboxEntry): void;
}

/** One screen socket: its fence, its inbox and the callbacks of the entries in flight. */
export class ScreenSession {
  readonly connection: ScreenConnection;
  readonly stream: string;
  readonly inbox: Inbox;
  readonly #host: SessionHost;
  streamId = 0;
  fence = 0;
  /** In which the fence was taken. */
  epoch = '';
  #gone = false;
  /** By seq: what deletes the callback of an entry in flight. */
  readonly #callbacks = new Map<number, () => void>();
  #stopSilence: (() => void) | undefined;
  #lastWrite: Promise<boolean> = Promise.resolve(true);

  constructor(connection: ScreenConnection, host: SessionHost) {
    this.connection = connection;
    this.stream = `screen:${connection.screenId}`;
    this.#host = host;
    const effects: InboxEffects = {
      now: () => host.now(),
      mayDecide: () => host.mayDecide(),
      read: (after, limit) => host.read(this, after, limit),
      emit: (entry, prev) => this.#emit(entry, prev),
      forget: ({ seq }) => this.#forget(seq),
      settle: (acked, entries, ending, barrier) => this.#settle(acked, entries, ending, barrier),
      retry: (entry) => this.#retry(entry),
      wakeAt: (time) => host.retries.enqueue(this, time, () => this.inbox.due()),
      watch: (oldest) => this.#watch(oldest),
    };
    this.inbox = new Inbox(effects, {
      window: connection.window,
      maxRetries: host.maxRetries,
      dueAt: (failed) => host.retries.dueAt(failed),
    });
  }

  get screenId(): string {
    return this.connection.screenId;
  }

  /** The socket or the fence is gone. */
  get isGone(): boolean {
    return this.#gone;
  }

  hold({ streamId, fence, epoch }: { streamId: number; fence: number; epoch: string }): void {
    this.streamId = streamId;
    this.fence = fence;
    this.epoch = epoch;
  }

  /** Sends nothing more. Resolves when nothing is in flight, and what was answered is written. */
  async rest(): Promise<void> {
    await this.inbox.rest();
    await this.#lastWrite;
  }

  /** Stops sending and forgets the callbacks. @param counts false when the server, or a rival, ended the connection */
  end(counts: boolean): Unanswered | undefined {
    this.#gone = true;
    for (const forget of this.#callbacks.values()) forget();
    this.#callbacks.clear();
    this.#watch(undefined);
    this.#host.retries.remove(this);
    return this.inbox.close(counts);
  }

  /** Ends the session and its socket, which is no more the screen's. */
  close(closing: ClosingKey): void {
    if (this.#gone) return;
    this.end(false);
    this.connection.close(closing);
  }

  /** @param entry as the ledger has it; resolves when the outcome is committed, `closed` when this session decides nothing more */
  async cancel(entry: InboxEntry): Promise<CancelAnswer> {
    const answer = this.inbox.cancel(entry);
    if (answer !== 'cancelled') return answer;
    return (await this.#lastWrite) ? 'cancelled' : 'closed';
  }

  /** The settlement that leaves the screen to whoever comes, with what its last connection left unanswered. */
  releaseOf(unanswered: Unanswered | undefined): Settlement {
    const release = { ...this.#settlementOf({}), release: true };
    if (!unanswered) return release;
    const { entry, isDead, acked } = unanswered;
    if (!isDead) return { ...release, failed: [attemptRow(entry)] };
    return { ...release, ackedSeq: acked, ended: [outcomeOf(entry, LOST)] };
  }

  /** Of what a release wrote. */
  tellUnanswered({ entry, isDead }: Unanswered): void {
    if (isDead) this.#tellEnding(entry, LOST);
  }

  #emit(entry: InboxEntry, prev: number): void {
    const forget = this.connection.send(entry.type, this.#wireEntry(entry, prev), (answer) =>
      this.#onReceipt(entry, answer),
    );
    this.#callbacks.set(entry.seq, forget);
  }

  #forget(seq: number): void {
    this.#callbacks.get(seq)?.();
    this.#callbacks.delete(seq);
  }

  #wireEntry(entry: InboxEntry, prev: number): object {
    return {
      id: entry.id,
      type: entry.type,
      stream: entry.stream,
      seq: entry.seq,
      prev,
      epoch: this.epoch,
      attempt: attemptOf(entry),
      acceptedAt: entry.acceptedAt,
      from: entry.sender,
      ...(entry.requeueOf === undefined ? {} : { requeueOf: entry.requeueOf }),
      ...entry.fields,
    };
  }

  #onReceipt(entry: InboxEntry, answer: unknown): void {
    if (this.#gone) return;
    const receipt = checkReceipt(answer, entry);
    // Its callback is used up: the entry stays in flight until the silence clock ends it, or the socket.
    if (receipt.status === 'stray') {
      this.#host.onBadReceipt(this, entry);
      return;
    }
    this.#callbacks.delete(entry.seq);
    if (receipt.status === 'failed' && receipt.isGarbage) this.#host.onBadReceipt(this, entry);
    if (receipt.status === 'executed') this.#host.onExecuted(entry);
    this.inbox.receipt(entry.seq, receipt);
  }

  /** No re-send on silence: the clock of the oldest in flight runs, and ends only what a screen that can be heard leaves unanswered. */
  #watch(oldest: InboxEntry | undefined): void {
    this.#stopSilence?.();
    this.#stopSilence = undefined;
    if (!oldest) return;
    const { ackTimeoutMs, maxRetries, clock } = this.#host;
    const timeoutMs = this.connection.ackTimeoutMs ?? ackTimeoutMs * ((oldest.retries ?? maxRetries) + 1);
    this.#stopSilence = clock.after(timeoutMs, () => {
      this.#stopSilence = this.connection.onNextPacket(() => this.#onSilence(oldest));
    });
  }

  #onSilence(entry: InboxEntry): void {
    this.#stopSilence = undefined;
    this.#forget(entry.seq);
    this.inbox.silent(entry.seq);
  }

  #settle(acked: number, entries: readonly InboxEntry[], ending: Ending, barrier: boolean): void {
    const ended = entries.map((entry) => outcomeOf(entry, ending));
    const shown = ending.status === 'executed' ? entries.filter(({ type }) => type === 'navigate') : [];
    const reported = shown.map((entry) => ({
      displayIndex: displayOf(entry),
      url: urlOf(entry),
      at: Math.round(this.#host.now()),
    }));
    this.#write({ ackedSeq: acked, ended, reported }, () => {
      for (const entry of entries) this.#tellEnding(entry, ending);
      if (barrier) this.inbox.committed();
    });
  }

  #retry(entry: RetryingEntry): void {
    const { nextAt, lastError: error } = entry;
    const attempt = entry.failed + entry.lost;
    this.#write({ failed: [attemptRow(entry)] }, () => {
      this.#tell(entry, { status: 'retrying', attempt, error, nextAt });
      this.inbox.counted(entry.seq);
    });
  }

  #tellEnding(entry: InboxEntry, ending: Ending): void {
    const { attempts, error, reason } = outcomeOf(entry, ending);
    this.#tell(entry, {
      status: ending.status,
      attempt: attempts,
      ...(reason === null ? {} : { reason }),
      ...(error === null ? {} : { error }),
    });
  }

  #settlementOf(part: Partial<Settlement>): Settlement {
    return {
      screenId: this.screenId,
      fence: this.fence,
      epoch: this.epoch,
      ackedSeq: 0,
      release: false,
      ended: [],
      failed: [],
      reported: [],
      ...part,
    };
  }

  #write(part: Partial<Settlement>, then: () => void): void {
    this.#lastWrite = this.#host.settle(this, this.#settlementOf(part)).then(
      (written) => {
        if (written) then();
        return written;
      },
      () => {
        this.close('DRAINING');
        return false;
      },
    );
  }

  #tell(entry: InboxEntry, status: Omit<CommandStatus, 'id' | 'screenId' | 'at'>): void {
    this.#host.tell(entry, { id: entry.id, screenId: this.screenId, at: this.#host.now(), ...status });
  }
}

const LOST: Ending = { status: 'dead', reason: 'lost' };

/** 1 at the first send. */
export function attemptOf(entry: InboxEntry): number {
  return entry.failed + entry.lost + 1;
}

function attemptRow({ seq, failed, lost, nextAt, lastError }: InboxEntry): Settlement['failed'][number] {
  return { seq, failed, lost, nextAt: nextAt ?? null, error: lastError ?? null };
}

/** Failed and lost sends are counted in the entry; the one that was executed, or that nobody answered, is not. */
function outcomeOf(entry: InboxEntry, ending: Ending): Settlement['ended'][number] {
  const isOneMore =
    ending.status === 'executed' || (ending.status === 'dead' && ending.reason === 'no-receipt');
  const isDead = ending.status === 'dead';
  return {
    seq: entry.seq,
    status: ending.status,
    attempts: isOneMore ? attemptOf(entry) : entry.failed + entry.lost,
    error: isDead ? (entry.lastError ?? null) : null,
    reason: isDead ? ending.reason : null,
  };
}
