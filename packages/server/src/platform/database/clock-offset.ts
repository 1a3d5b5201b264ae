import type { Clock, DatabaseClock } from '../clock.js';
import type { Database, Queryable } from './database.js';

const PERIOD_MS = 30_000;
const DEADLINE_MS = 5_000;
/** A slower answer says too little: half of its way is the error. The first measurement takes what it gets. */
const LONGEST_ROUND_TRIP_MS = 1_000;

/** The quickest of these counts: the first one may wait for a connection. */
const SAMPLES = 3;

interface Sample {
  roundTripMs: number;
  offsetMs: number;
}

/** The database's clock against this process's monotonic one, so that a step of the local clock moves nothing. */
export class ClockOffset {
  readonly #database: Queryable;
  readonly #clock: Clock;
  #offsetMs: number | undefined;
  #stop = () => {};

  constructor(database: Queryable, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Measures once, then every 30 s; a failure then keeps the last measurement. @throws DatabaseError */
  async start(): Promise<void> {
    await this.#measure();
    this.#stop = this.#clock.every(PERIOD_MS, () => void this.#measure().catch(() => undefined));
  }

  /** Now, whatever the last measurement says. @throws DatabaseError */
  async measureAnew(): Promise<void> {
    this.#offsetMs = (await this.#best()).offsetMs;
  }

  stop(): void {
    this.#stop();
  }

  get milliseconds(): number {
    if (this.#offsetMs === undefined) throw new Error('The database clock was not measured yet');
    return this.#offsetMs;
  }

  async #measure(): Promise<void> {
    const { offsetMs, roundTripMs } = await this.#best();
    if (this.#offsetMs === undefined || roundTripMs <= LONGEST_ROUND_TRIP_MS) this.#offsetMs = offsetMs;
  }

  async #best(): Promise<Sample> {
    let best = await this.#sample();
    for (let n = 1; n < SAMPLES; n += 1) {
      const sample = await this.#sample();
      if (sample.roundTripMs < best.roundTripMs) best = sample;
    }
    return best;
  }

  async #sample(): Promise<Sample> {
    const before = this.#clock.monotonic();
    const [row] = await this.#database.query<{ ms: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
      undefined,
      { timeoutMs: DEADLINE_MS, name: 'clock' },
    );
    const roundTripMs = this.#clock.monotonic() - before;
    return { roundTripMs, offsetMs: (row?.ms ?? 0) - (before + roundTripMs / 2) };
  }
}

/** Whole milliseconds since 1970 by the database's clock. */
export function databaseClock(database: Pick<Database, 'clockOffsetMs'>, clock: Clock): DatabaseClock {
  return () => Math.round(clock.monotonic() + database.clockOffsetMs());
}
