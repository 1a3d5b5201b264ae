import type { ClosingKey, CommandStatus } from '@bongsu/protocol';
import type { Outcome, Settlement } from './delivery-ledger.js';
import type { InboxEntry } from './hints.js';
import { Inbox, type InboxEffects } from './inbox.js';
import { checkReceipt } from './receipts.js';
import type { ScreenConnection } from './types.js';

/** What a session asks of the dispatcher. */
export interface SessionHost {
  now(): number;
  mayEmit(): boolean;
  read(session: ScreenSession, after: number): void;
  /** Resolves true when it was written; false when the fence is another's by now, or the server stops. */
  settle(session: ScreenSession, settlement: Settlement): Promise<boolean>;
  tell(entry: InboxEntry, status: CommandStatus): void;
  onExecuted(entry: InboxEntry): void;
  onBadReceipt(session: ScreenSession, entry: InboxEntry): void;
}

/** One screen socket: its fence, its inbox and the callback of the entry in flight. */
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
  #forget: (() => void) | undefined;

  constructor(connection: ScreenConnection, host: SessionHost) {
    this.connection = connection;
    this.stream = `screen:${connection.screenId}`;
    this.#host = host;
    const effects: InboxEffects = {
      now: () => host.now(),
      read: (after) => host.read(this, after),
      emit: (entry) => this.#emit(entry),
      settle: (acked, entries, status, barrier) => this.#settle(acked, entries, status, barrier),
      fail: (entry, error) => this.#fail(entry, error),
    };
    this.inbox = new Inbox(effects);
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

  /** Stops sending and forgets the callback. Answers the entry that was in flight. */
  end(): InboxEntry | undefined {
    this.#gone = true;
    this.#dropCallback();
    return this.inbox.close();
  }

  /** Ends the session and its socket, which is no more the screen's. */
  close(closing: ClosingKey): void {
    if (this.#gone) return;
    this.end();
    this.connection.close(closing);
  }

  #emit(entry: InboxEntry): void {
    if (!this.#host.mayEmit()) return;
    this.#forget = this.connection.send(entry.type, this.#wireEntry(entry), (answer) =>
      this.#onReceipt(entry, answer),
    );
  }

  #wireEntry(entry: InboxEntry): object {
    return {
      id: entry.id,
      type: entry.type,
      stream: entry.stream,
      seq: entry.seq,
      prev: 0,
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
    if (receipt.status === 'stray') {
      this.#host.onBadReceipt(this, entry);
      return;
    }
    this.#forget = undefined;
    if (receipt.status === 'failed' && receipt.isGarbage) this.#host.onBadReceipt(this, entry);
    if (receipt.status === 'executed') this.#host.onExecuted(entry);
    this.inbox.receipt(entry.seq, receipt);
  }

  #settle(acked: number, entries: readonly InboxEntry[], status: Outcome, barrier: boolean): void {
    const ended = entries.map((entry) => ({
      seq: entry.seq,
      status,
      attempts: status === 'executed' ? attemptOf(entry) : entry.failed + entry.lost,
    }));
    this.#write({ ackedSeq: acked, ended }, () => {
      for (const [index, entry] of entries.entries()) {
        this.#tell(entry, { status, attempt: ended[index]?.attempts ?? 0 });
      }
      if (barrier) this.inbox.committed();
    });
  }

  #fail(entry: InboxEntry, error: string): void {
    const failed = entry.failed + 1;
    this.#write({ failed: [{ seq: entry.seq, failed, lost: entry.lost, error }] }, () =>
      this.#tell(entry, { status: 'retrying', attempt: attemptOf(entry), error }),
    );
  }

  #write(part: Partial<Settlement>, then: () => void): void {
    const settlement: Settlement = {
      screenId: this.screenId,
      fence: this.fence,
      epoch: this.epoch,
      ackedSeq: 0,
      release: false,
      ended: [],
      failed: [],
      ...part,
    };
    this.#host.settle(this, settlement).then(
      (written) => {
        if (written) then();
      },
      () => this.close('DRAINING'),
    );
  }

  #tell(entry: InboxEntry, status: Omit<CommandStatus, 'id' | 'screenId' | 'at'>): void {
    this.#host.tell(entry, { id: entry.id, screenId: this.screenId, at: this.#host.now(), ...status });
  }

  #dropCallback(): void {
    this.#forget?.();
    this.#forget = undefined;
  }
}

/** 1 at the first send. */
export function attemptOf(entry: InboxEntry): number {
  return entry.failed + entry.lost + 1;
}
