import type { Accepted } from '@bongsu/protocol';
import type { Clock } from './clock.js';
import type { ScreenStore } from './screen-store.js';

/** What goes out by the outbox: commands, and messages to rooms. */
export type CommandEvent = 'trigger' | 'navigate' | 'message';

/** A command that waits to be accepted, as it is stored. */
export interface StoredCommand {
  id: string;
  type: CommandEvent;
  /** The command without id and timestamp, as JSON. */
  body: string;
  /** By this machine's clock, in milliseconds: when it is given up. */
  expiresAt: number;
  /** By the server's clock; there once it was sent, or about to be. */
  timestamp?: number;
  /** The earliest timestamp that it was sent with. */
  firstTimestamp?: number;
}

/** All that a queue keeps. */
export interface QueueContent {
  version: 1;
  /** Whose commands these are; absent before the first connection. */
  userId?: string;
  /** In order of call. */
  waiting: StoredCommand[];
  /** Accepted, and not known to have ended; oldest first. */
  open: Accepted[];
}

const KEY = 'queue';
/** How long a change that only tidies up may wait for another one to share its write. */
const TIDY_AFTER_MS = 50;

/**
 * Writes a queue into its store, one write at a time: what is asked for meanwhile shares the next one, so that a
 * write costs the same for one command and for a hundred.
 */
export class Journal {
  private running: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;
  private cancelTidy: (() => void) | undefined;

  constructor(
    private readonly options: {
      store: ScreenStore;
      clock: Clock;
      /** What is to be kept now; called right before each write. */
      content: () => QueueContent;
      onFault: (error: unknown) => void;
    },
  ) {}

  /** @throws Error when the store fails or holds something else */
  async load(): Promise<QueueContent> {
    const stored = (await this.options.store.get(KEY)) as QueueContent | undefined;
    if (stored === undefined) return { version: 1, waiting: [], open: [] };
    if (stored?.version !== 1) throw new Error('The store holds a queue of another version');
    return stored;
  }

  /** Resolves once what is to be kept now is durable, or once the store's fault has been told. */
  save(): Promise<void> {
    this.cancelTidy?.();
    this.cancelTidy = undefined;
    this.next ??= this.running.then(() => this.write());
    return this.next;
  }

  /** For changes that are not worth a write of their own: a crash before it only means that something is asked twice. */
  tidy(): void {
    if (this.next) return;
    this.cancelTidy ??= this.options.clock.after(TIDY_AFTER_MS, () => void this.save(), { background: true });
  }

  /** Writes what `tidy` put off, and waits for all. */
  async settle(): Promise<void> {
    if (this.cancelTidy) void this.save();
    await (this.next ?? this.running);
  }

  private async write(): Promise<void> {
    const { store, content, onFault } = this.options;
    this.running = store.set(KEY, content()).catch(onFault);
    this.next = undefined;
    await this.running;
  }
}
