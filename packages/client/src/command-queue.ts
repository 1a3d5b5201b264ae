import { type Accepted, BongsuError } from '@bongsu/protocol';
import type { Clock } from './clock.js';
import { Journal, type StoredCommand } from './journal.js';
import type { Outbox } from './outbox.js';
import type { Outcome } from './outcomes.js';
import type { ScreenStore } from './screen-store.js';
import { browserLocks, type Locks, processLocks } from './tabs.js';
import { withResolvers } from './with-resolvers.js';

/** What an earlier process left. */
export interface Left {
  waiting: (StoredCommand & { accepted: Promise<Accepted> })[];
  open: Accepted[];
}

/** Accepted commands whose end is asked for after a restart. */
const MAX_OPEN = 1_000;

/**
 * The client's queue in a store. Of several clients with one store, one owns it; the others keep their commands in
 * memory until it is theirs, and send then what the owner left.
 */
export class CommandQueue {
  private readonly open = new Map<string, Accepted>();
  private readonly closing = withResolvers<void>();
  private readonly stop = new AbortController();
  private readonly finished: Promise<void>;
  private journal: Journal | undefined;
  /** Whose commands the store holds, and who is connected. */
  private owner: string | undefined;
  private user: string | undefined;
  private left = new Set<string>();

  constructor(
    private readonly options: {
      store: ScreenStore;
      clock: Clock;
      locks?: Locks;
      outbox: Outbox;
      onRestored: (left: Left) => void;
      onFault: (error: unknown) => void;
    },
  ) {
    options.outbox.hold();
    this.finished = this.main().catch((error: unknown) => {
      if (this.stop.signal.aborted) return;
      options.onFault(error);
      options.outbox.open();
    });
  }

  onAccepted(accepted: Accepted, executed: Promise<Outcome>): void {
    const { id } = accepted;
    this.open.set(id, accepted);
    if (this.open.size > MAX_OPEN) this.open.delete(this.open.keys().next().value as string);
    const forget = () => {
      if (this.open.delete(id)) this.journal?.tidy();
    };
    executed.then(forget, (error: BongsuError) => {
      // Otherwise this client has ended, not the command.
      if (error.code === 'NOT_FOUND') forget();
    });
  }

  /** The server told who is connected: nothing of another account is ever sent. Before the first flush. */
  onUser(user: string | undefined): void {
    this.user = user;
    if (this.owner !== undefined && user !== undefined && this.owner !== user) {
      this.options.outbox.refuse(this.left, new BongsuError('AUTH_ERROR'));
      this.open.clear();
      this.journal?.tidy();
    }
    this.left.clear();
    this.owner = user ?? this.owner;
  }

  /** Resolves once all is written and the store is free for others. */
  async close(): Promise<void> {
    this.stop.abort(new BongsuError('UNAVAILABLE'));
    this.closing.resolve();
    await this.finished;
  }

  private async main(): Promise<void> {
    const { store, outbox, locks = browserLocks() ?? processLocks } = this.options;
    if (store.name === undefined) return this.own();
    const name = `bongsu-queue:${store.name}`;
    const owned = await locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock) await this.own();
      return lock !== null;
    });
    if (owned || this.stop.signal.aborted) return;
    outbox.open();
    await locks.request(name, { signal: this.stop.signal }, () => this.own());
  }

  /** Until `close`. */
  private async own(): Promise<void> {
    const { store, clock, outbox, onRestored, onFault } = this.options;
    const journal = new Journal({
      store,
      clock,
      onFault,
      content: () => ({
        version: 1,
        ...(this.owner === undefined ? {} : { userId: this.owner }),
        waiting: outbox.stored(),
        open: [...this.open.values()],
      }),
    });
    const { userId, waiting, open } = await journal.load();
    if (this.stop.signal.aborted) return;
    this.journal = journal;
    const isForeign = this.user !== undefined && userId !== undefined && userId !== this.user;
    this.owner = this.user ?? userId;
    const accepted = outbox.restore(waiting);
    const ids = new Set(waiting.map(({ id }) => id));
    if (this.user === undefined) this.left = ids;
    const left = waiting.map((stored, at) => ({ ...stored, accepted: accepted[at] as Promise<Accepted> }));
    if (left.length + open.length > 0) onRestored({ waiting: left, open: isForeign ? [] : open });
    if (isForeign) outbox.refuse(ids, new BongsuError('AUTH_ERROR'));
    outbox.open(journal);
    await this.closing.promise;
    await journal.save();
  }
}
