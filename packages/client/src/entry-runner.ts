import { type Entry, MAX_ERROR_CHARACTERS, type Ready, type Receipt } from '@bongsu/protocol';
import type { Link } from './connection.js';
import { onEntry, onFailed, onFinished, onReady, type Policy, type StreamRecord } from './offset-rule.js';
import type { ScreenStore } from './screen-store.js';

export interface EntryRunnerOptions {
  store: ScreenStore;
  /** "screen:<screenId>" */
  stream: string;
  policy: Policy;
  /** Does what the entry asks for; throws if it cannot. */
  handle: (entry: Entry) => unknown;
  onReceipt: (entry: Entry, receipt: Receipt) => void;
  /** The store failed. */
  onStoreFault: (error: unknown) => void;
}

type Answer = (receipt: Receipt) => void;

/** Applies the offset rule to what arrives: one entry at a time, its place stored before and after. */
export class EntryRunner {
  private record: StreamRecord | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly options: EntryRunnerOptions) {}

  /** Reads the stored place; before anything else. */
  async load(): Promise<void> {
    this.record = (await this.options.store.get(this.options.stream)) as StreamRecord | undefined;
  }

  /** For the handshake: the durable place, if there is one. */
  get resume(): { epoch: string; streams: Record<string, number> } | undefined {
    if (!this.record) return undefined;
    return { epoch: this.record.epoch, streams: { [this.options.stream]: this.record.done } };
  }

  begin(link: Link, ready: Ready): void {
    this.enqueue(link, async () => {
      this.record = onReady(this.record, ready.epoch, ready.streams[this.options.stream]);
    });
  }

  take(link: Link, entry: Entry, answer: Answer): void {
    this.enqueue(link, async () => {
      const receipt = await this.receiptFor(link, entry).catch(failedReceipt);
      if (!receipt) return;
      this.options.onReceipt(entry, receipt);
      // The server sends it again on the next link, and is told then.
      if (link.connected) answer({ ...receipt, stream: entry.stream, seq: entry.seq });
    });
  }

  /** Resolves when nothing is running. */
  idle(): Promise<void> {
    return this.turn;
  }

  /** What has not begun when its link closes is forgotten: the server sends it again. */
  private enqueue(link: Link, task: () => Promise<void>): void {
    this.turn = this.turn.then(async () => {
      if (link.connected) await task();
    });
  }

  private async receiptFor(link: Link, entry: Entry): Promise<Receipt | undefined> {
    const record = this.record ?? onReady(undefined, entry.epoch, undefined);
    const decision = onEntry(record, entry, this.options.policy);
    switch (decision.action) {
      case 'drop':
        return undefined;
      case 'refuse':
        return { status: 'failed', error: 'interrupted', retryable: false };
      case 'answer':
        if (decision.record) await this.keep(decision.record);
        return { status: 'executed' };
      case 'run':
        return this.run(link, decision.record, entry);
    }
  }

  private async run(link: Link, record: StreamRecord, entry: Entry): Promise<Receipt | undefined> {
    try {
      await this.store(record);
    } catch (error) {
      this.options.onStoreFault(error);
      return { status: 'failed', error: 'The screen could not store its place.', retryable: true };
    }
    if (!link.connected) {
      // The server may have ended it by now: it has not begun after all.
      await this.keep(onFailed(record));
      return undefined;
    }
    try {
      await this.options.handle(entry);
    } catch (error) {
      await this.keep(onFailed(record));
      return failedReceipt(error);
    }
    await this.keep(onFinished(record, entry));
    return { status: 'executed' };
  }

  private async store(record: StreamRecord): Promise<void> {
    await this.options.store.set(this.options.stream, record);
    this.record = record;
  }

  /** What has happened has happened: if it cannot be stored, this process remembers it all the same. */
  private async keep(record: StreamRecord): Promise<void> {
    this.record = record;
    await this.options.store.set(this.options.stream, record).catch(this.options.onStoreFault);
  }
}

function failedReceipt(error: unknown): Receipt {
  const text = error instanceof Error ? error.message || error.name : String(error);
  const retryable = !(
    typeof error === 'object' &&
    error !== null &&
    Reflect.get(error, 'retryable') === false
  );
  return { status: 'failed', error: text.slice(0, MAX_ERROR_CHARACTERS), retryable };
}
