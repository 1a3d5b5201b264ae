import { type Clock, type DatabaseClock, sleep } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { RetentionStore, RisenFloor, StreamKind } from './retention-store.js';

export interface RetentionConfig {
  /** After the last delivery of a command has ended: until then its id is known and its status answered. */
  retentionMs: number;
  deadLetterMs: number;
  roomHistoryMs: number;
  roomHistoryMax: number;
}

/** Rows that rooms keep of what was: who left, and rooms that are closed. */
export type PastOfRooms = 'participant' | 'room';

/** Removes `rows` at most of what was over then or before. @returns how many */
export type PruneRooms = (kind: PastOfRooms, rows: number, until: number) => Promise<number>;

export interface RetentionDeps {
  config: RetentionConfig;
  store: RetentionStore;
  lock: Pick<Database, 'tryLock'>;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
  /** Absent where there are no rooms. */
  pruneRooms?: PruneRooms;
  /** [0, 1); spreads the runs of nodes that started together. */
  random?: () => number;
  /** Between statements, so that whoever waits for the database has it in between. */
  pauseMs?: number;
}

/** Rows removed, by kind. */
export interface Removed {
  command: number;
  delivery: number;
  reference: number;
  dead_letter: number;
  idempotency_key: number;
  participant: number;
  room: number;
}

const PERIOD_MS = 300_000;
const PAUSE_MS = 20;
/** Commands; with their deliveries twice the rows. Some 10 ms on PGlite, where everybody waits for each statement. */
const ROWS_A_STATEMENT = 125;
const STREAMS_A_STATEMENT = 100;
const LOCK = 'retention';

/**
 * Removes what nobody may ask for any more. One run at a time over all nodes: floors rise first, then rows go, so that nobody is
 * promised what is being removed and a run that ends early leaves nothing but work for the next.
 */
export class Retention {
  readonly #deps: RetentionDeps;
  readonly #removedTotal;
  readonly #abort = new AbortController();
  #cancelTimer: () => void = () => {};
  #running: Promise<unknown> = Promise.resolve();

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
    this.#removedTotal = deps.metrics.counter(
      'bongsu_retention_removed_total',
      'Rows removed because their retention was over.',
      ['kind'],
    );
  }

  start(): void {
    const { clock, log, random = Math.random } = this.#deps;
    if (this.#abort.signal.aborted) return;
    this.#cancelTimer = clock.after(PERIOD_MS * (0.5 + random()), () => {
      const run = this.run().catch((err: unknown) => {
        if (!this.#abort.signal.aborted) log.warn({ err }, 'What is past its retention could not be removed');
      });
      this.#running = run.then(() => this.start());
    });
  }

  /** Resolves when the statement under way has ended. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer();
    await this.#running;
  }

  /** One run over everything; undefined when another node is at it. */
  async run(): Promise<Removed | undefined> {
    const lock = await this.#deps.lock.tryLock(LOCK, 'bongsu retention');
    if (!lock) return undefined;
    const lost = new AbortController();
    void lock.lost.then(() => lost.abort());
    const run = new Run(this.#deps, AbortSignal.any([this.#abort.signal, lost.signal]));
    try {
      await run.all();
    } finally {
      await lock.release();
      this.#report(run.removed);
    }
    return run.removed;
  }

  #report(removed: Removed): void {
    for (const [kind, rows] of Object.entries(removed)) this.#removedTotal.inc({ kind }, rows);
    this.#deps.log.debug({ removed }, 'Removed what is past its retention');
  }
}

class Run {
  readonly removed: Removed = {
    ...{ command: 0, delivery: 0, reference: 0, dead_letter: 0, idempotency_key: 0 },
    ...{ participant: 0, room: 0 },
  };
  readonly #deps: RetentionDeps;
  readonly #signal: AbortSignal;

  constructor(deps: RetentionDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async all(): Promise<void> {
    await this.#eachPage('screen', (page) => this.#inboxes(page));
    // After the inboxes: a room's command goes when it lies below the floor of every inbox it was in.
    await this.#eachPage('room', (page) => this.#rooms(page));
    const { store, config, pruneRooms = async () => 0 } = this.#deps;
    const now = this.#deps.databaseClock();
    // A room goes after those who were in it.
    for (const kind of ['participant', 'room'] as const)
      await this.#removeAll(kind, (rows) => pruneRooms(kind, rows, now - config.roomHistoryMs));
    await this.#removeAll('dead_letter', (rows) => store.pruneDeadLetters(rows, now - config.deadLetterMs));
    await this.#removeAll('idempotency_key', (rows) => store.pruneIdempotency(rows, now));
  }

  async #inboxes(page: readonly number[]): Promise<void> {
    const { store, config } = this.#deps;
    const until = this.#deps.databaseClock() - config.retentionMs;
    await this.#raise(page, (streams, rows) => store.inboxFloors(streams, rows, until));
    await this.#untilFew(async (rows) => {
      const { commands, deliveries } = await store.pruneInboxes(page, rows, until);
      this.removed.command += commands;
      this.removed.delivery += deliveries;
      return commands;
    });
  }

  async #rooms(page: readonly number[]): Promise<void> {
    const { store, config } = this.#deps;
    const now = this.#deps.databaseClock();
    await this.#untilFew(async (rows) => {
      const { references, deliveries } = await store.pruneReferences(page, rows);
      this.removed.reference += references;
      this.removed.delivery += deliveries;
      return references;
    });
    const historyUntil = now - config.roomHistoryMs;
    await this.#raise(page, (streams, rows) =>
      store.roomFloors(streams, rows, historyUntil, config.roomHistoryMax),
    );
    await this.#removeAll('command', async (rows) => {
      const { commands } = await store.pruneRooms(page, rows, now - config.retentionMs);
      return commands;
    });
  }

  /** First a few rows of each stream, then more of those that have more. */
  async #raise(
    page: readonly number[],
    floors: (streams: readonly number[], rowsEach: number) => Promise<RisenFloor[]>,
  ): Promise<void> {
    for (let streams = page; streams.length > 0; ) {
      const rowsEach = Math.max(1, Math.floor(ROWS_A_STATEMENT / streams.length));
      const risen = await floors(streams, rowsEach);
      const raised = new Set(risen.length > 0 ? await this.#deps.store.raiseFloors(risen) : []);
      streams = risen.filter(({ streamId, more }) => more && raised.has(streamId)).map((it) => it.streamId);
      await this.#pause();
    }
  }

  async #eachPage(kind: StreamKind, work: (streams: readonly number[]) => Promise<void>): Promise<void> {
    let after = 0;
    for (;;) {
      const page = await this.#deps.store.streams(kind, after, STREAMS_A_STATEMENT);
      const last = page.at(-1);
      if (last === undefined) return;
      await work(page);
      after = last;
    }
  }

  #removeAll(kind: keyof Removed, remove: (rows: number) => Promise<number>): Promise<void> {
    return this.#untilFew(async (rows) => {
      const count = await remove(rows);
      this.removed[kind] += count;
      return count;
    });
  }

  /** Repeats `remove` while it fills its statements. */
  async #untilFew(remove: (rows: number) => Promise<number>): Promise<void> {
    for (let count = ROWS_A_STATEMENT; count >= ROWS_A_STATEMENT; ) {
      count = await remove(ROWS_A_STATEMENT);
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    this.#signal.throwIfAborted();
    return sleep(this.#deps.clock, this.#deps.pauseMs ?? PAUSE_MS, this.#signal);
  }
}
