import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Database } from './database.js';

const PERIOD_MS = 60_000;
/** Of log since the last checkpoint: what a start after kill -9 has to replay, some 100 ms. */
const CHECKPOINT_BYTES = 16 * 2 ** 20;
/** Dead rows that make a vacuum worth its pause. */
const DEAD_ROWS = 5_000;
const OLDEST_TRANSACTION_AGE = 100_000_000;

/**
 * PGlite runs PostgreSQL without its helper processes: nobody writes checkpoints, so the log would grow for ever, and
 * nobody vacuums. Once a minute this does what is due, one table at a time as statements wait meanwhile.
 */
export class PgliteUpkeep {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Log;
  #stop = () => {};

  constructor(database: Database, clock: Clock, log: Log) {
    this.#database = database;
    this.#clock = clock;
    this.#log = log;
  }

  start(): void {
    this.#stop = this.#clock.every(PERIOD_MS, () => {
      this.run().catch((error: unknown) => this.#log.warn({ err: error }, 'Database upkeep failed'));
    });
  }

  stop(): void {
    this.#stop();
  }

  /** @returns what was done @throws DatabaseError */
  async run(): Promise<{ vacuumed: string | undefined; checkpoint: boolean }> {
    const [due] = await this.#database.query<{ name: string }>(
      `select quote_ident(c.relname) as name from pg_stat_user_tables join pg_class c on c.oid = relid
       where n_dead_tup >= $1 + n_live_tup / 10 or age(c.relfrozenxid) > $2
       order by n_dead_tup desc limit 1`,
      [DEAD_ROWS, OLDEST_TRANSACTION_AGE],
    );
    if (due) await this.#database.exec(`vacuum (analyze) ${due.name}`);
    const [log] = await this.#database.query<{ bytes: number }>(
      'select (pg_current_wal_insert_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()',
    );
    const checkpoint = (log?.bytes ?? 0) >= CHECKPOINT_BYTES;
    if (checkpoint) await this.#database.exec('checkpoint');
    return { vacuumed: due?.name, checkpoint };
  }
}
