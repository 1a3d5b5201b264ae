import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../clock.js';
import { ExpiringMap } from '../ephemeral/expiring-map.js';
import { FreshRun } from '../fresh-run.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import {
  type Database,
  isDatabaseFault,
  type Queryable,
  type QueryOptions,
  type SqlValue,
} from './database.js';
import { lsnOf, readHomePosition, readReplicaPosition } from './wal-positions.js';

export interface ReplicaReadsDeps {
  home: Database;
  replica: Database;
  clock: Clock;
  log: Log;
  metrics: Pick<Metrics, 'counter' | 'tally' | 'gauge'>;
}

/** Of whom a page is read. */
export interface PageReader {
  /** Undefined for one whose own writes are not known. */
  userId: string | undefined;
  /** Told when a statement was answered by the replica: all that was committed up to then (database clock, ms) is in it. */
  onReplica(asOf: number): void;
}

interface Sample {
  /** By the monotonic clock, before home was asked: all that was committed then is before `lsn`. */
  at: number;
  lsn: bigint;
}

const SAMPLE_MS = 250;
const SAMPLE_DEADLINE_MS = 2000;
/** A replica that is further behind is not read. */
const MAX_LAG_MS = 5000;
const READ_DEADLINE_MS = 2000;
const MAX_WRITERS = 100_000;
const MAX_SAMPLES = 40;
/** How long health tells of a statement that it refused. */
const REFUSAL_NOTICE_MS = 60_000;

/**
 * Reads of pages, from a replica that is near. It is read while all that home had committed is there up to 5 s ago, and by somebody who
 * wrote through this process once that is there too; by everybody else, and where it fails, home is. Statements outside of `during` are
 * home's.
 */
export class ReplicaReads implements Queryable {
  readonly #deps: ReplicaReadsDeps;
  readonly #reader = new AsyncLocalStorage<PageReader>();
  readonly #wrote: ExpiringMap<number>;
  readonly #counts: Record<'replica' | 'home' | 'failed', () => void>;
  readonly #sampling = new FreshRun(() => this.#sample());
  #samples: Sample[] = [];
  #upTo = Number.NEGATIVE_INFINITY;
  #fault: string | undefined = 'It was not compared with its primary yet';
  #refusedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #stop = () => {};

  constructor(deps: ReplicaReadsDeps) {
    this.#deps = deps;
    this.#wrote = new ExpiringMap(deps.clock, MAX_WRITERS);
    const reads = deps.metrics.counter('bongsu_page_reads_total', 'Statements of pages, by who answered', [
      'by',
    ]);
    const tally = (by: string) => deps.metrics.tally(reads, { by });
    this.#counts = { replica: tally('replica'), home: tally('home'), failed: tally('failed') };
    deps.metrics.gauge(
      'bongsu_replica_lag_seconds',
      'How old what the replica has is at most',
      [],
      (gauge) => {
        if (Number.isFinite(this.#upTo)) gauge.set(this.#lagMs / 1000);
      },
    );
  }

  start(): void {
    void this.#sampling.run();
    this.#stop = this.#deps.clock.every(SAMPLE_MS, () => void this.#sampling.run());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stop();
    await this.#deps.replica.close();
  }

  /** What `work` does, and what comes of it, reads pages for `reader`. */
  during<T>(reader: PageReader, work: () => T): T {
    return this.#reader.run(reader, work);
  }

  /** Somebody's change was made: they read home until the replica has it. To be called before they hear of it. */
  wrote(userId: string): void {
    // Longer than a replica may lag.
    this.#wrote.set(userId, this.#deps.clock.monotonic(), 2 * MAX_LAG_MS);
  }

  health(): { status: 'ok' | 'degraded'; message?: string } {
    const late = this.#lagMs > MAX_LAG_MS ? 'It is more than 5 s behind' : undefined;
    const refused = this.#hasRefused ? 'It refused what it was asked' : undefined;
    const fault = this.#fault ?? late ?? refused;
    if (fault === undefined) return { status: 'ok' };
    return { status: 'degraded', message: `The replica: ${fault}. Pages are read at home.` };
  }

  async query<Row extends object>(
    text: string,
    parameters?: readonly SqlValue[],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    return nearOrHome(this, this.#deps.home).query<Row>(text, parameters, options);
  }

  /** From the replica alone. Undefined: home has to be asked. */
  async near<Row extends object>(
    text: string,
    parameters?: readonly SqlValue[],
    options: QueryOptions = {},
  ): Promise<Row[] | undefined> {
    const { home, replica } = this.#deps;
    const reader = this.#reader.getStore();
    if (!reader || !this.#mayRead(reader)) {
      if (reader) this.#counts.home();
      return undefined;
    }
    const asOf = Math.floor(this.#upTo + home.clockOffsetMs());
    try {
      const rows = await replica.query<Row>(text, parameters, { timeoutMs: READ_DEADLINE_MS, ...options });
      this.#counts.replica();
      reader.onReplica(asOf);
      return rows;
    } catch (error) {
      if (isDatabaseFault(error, 'aborted')) throw error;
      this.#noteFailure(error);
      this.#counts.failed();
      return undefined;
    }
  }

  /** A statement that it refuses it would refuse again, though it can be compared with its primary. */
  get #hasRefused(): boolean {
    return this.#deps.clock.monotonic() - this.#refusedAt < REFUSAL_NOTICE_MS;
  }

  #noteFailure(err: unknown): void {
    const isNews = isDatabaseFault(err, 'content') && !this.#hasRefused;
    this.#deps.log[isNews ? 'warn' : 'debug']({ err }, 'The replica did not answer: reading at home');
    if (isDatabaseFault(err, 'content')) this.#refusedAt = this.#deps.clock.monotonic();
  }

  get #lagMs(): number {
    return this.#deps.clock.monotonic() - this.#upTo;
  }

  #mayRead({ userId }: PageReader): boolean {
    if (this.#fault !== undefined || this.#lagMs > MAX_LAG_MS) return false;
    return userId === undefined || (this.#wrote.get(userId) ?? Number.NEGATIVE_INFINITY) < this.#upTo;
  }

  async #sample(): Promise<void> {
    const { home, replica, clock, log } = this.#deps;
    const options = { timeoutMs: SAMPLE_DEADLINE_MS };
    const at = clock.monotonic();
    // That home is slow says nothing of the replica: it is read until nobody knows how old what it has is.
    const primary = await readHomePosition(home, options).catch((err: unknown) =>
      log.debug({ err }, 'Where the primary is could not be read'),
    );
    if (!primary) return;
    this.#samples = [...this.#samples, { at, lsn: lsnOf(primary.lsn) }].slice(-MAX_SAMPLES);
    try {
      const follower = await readReplicaPosition(replica, options);
      this.#note(follower.isReplica ? whyNot(primary, follower) : NO_REPLICA);
      this.#advance(lsnOf(follower.lsn ?? '0/0'));
    } catch (err) {
      this.#note(NO_ANSWER, err);
    }
  }

  /** The newest of the moments whose commits the replica has. */
  #advance(replayed: bigint): void {
    const reached = this.#samples.findLastIndex(({ lsn }) => lsn <= replayed);
    const sample = this.#samples[reached];
    if (!sample) return;
    this.#upTo = sample.at;
    this.#samples = this.#samples.slice(reached + 1);
  }

  #note(fault: string | undefined, err?: unknown): void {
    if (fault !== undefined && fault !== this.#fault && !this.#isClosed)
      this.#deps.log.warn({ reason: fault, err }, 'The replica is not read');
    this.#fault = fault;
  }
}

/** For pages of whoever asks home in a way of their own. */
export function nearOrHome(reads: Pick<ReplicaReads, 'near'> | undefined, home: Queryable): Queryable {
  if (!reads) return home;
  return {
    query: async <Row extends object>(...asked: Parameters<Queryable['query']>) =>
      (await reads.near<Row>(...asked)) ?? home.query<Row>(...asked),
  };
}

const NO_ANSWER = 'It cannot be compared with its primary';
const NO_REPLICA = 'DATABASE_READ_URL names no replica, or one that was promoted';

/** Of another cluster, or of a primary before it was failed over: positions in its log mean nothing then. */
function whyNot(
  home: { system: string; timeline: number },
  replica: { system: string; timeline: number },
): string | undefined {
  if (home.system !== replica.system)
    return 'DATABASE_READ_URL names a replica of another database than DATABASE_URL';
  if (home.timeline !== replica.timeline)
    return 'It does not follow the present primary, as far as it has said yet';
  return undefined;
}
