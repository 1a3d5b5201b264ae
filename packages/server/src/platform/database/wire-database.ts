import type pg from 'pg';
import type { Clock } from '../clock.js';
import { ClockOffset } from './clock-offset.js';
import {
  type Database,
  DatabaseError,
  type DatabaseStats,
  type HeldLock,
  type Queryable,
  type QueryOptions,
  type SqlValue,
} from './database.js';
import { toDatabaseError } from './faults.js';
import { PoolRoom } from './pool-room.js';
import { type SessionOptions, WireSession } from './wire-session.js';

export interface WireOptions {
  kind: Database['kind'];
  pool: pg.Pool;
  clock: Clock;
  cancel?: SessionOptions['cancel'];
  abandonedMs: number;
  statementMs: number;
  tryLock: (name: string, note: string) => Promise<HeldLock | undefined>;
  /** Called by `close` after the last connection has ended. */
  onClosed: () => Promise<void>;
}

const TOO_MANY_CONNECTIONS = '53300';

/** The port over connections that speak PostgreSQL's protocol, to a server or to PGlite's worker. */
export class WireDatabase implements Database {
  readonly kind: Database['kind'];
  readonly #options: WireOptions;
  readonly #offset: ClockOffset;
  readonly #room: PoolRoom;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(options: WireOptions) {
    this.kind = options.kind;
    this.#options = options;
    this.#offset = new ClockOffset(this, options.clock);
    this.#room = new PoolRoom(options.pool, options.clock);
  }

  /** Measures the clock, now and every 30 s. @throws DatabaseError */
  async start(): Promise<void> {
    await this.#offset.start();
  }

  async query<Row extends object>(
    text: string,
    parameters?: readonly SqlValue[],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    return this.#withSession(options.signal, async (session) => {
      const result = await session.run(text, parameters, options, 'commit-unknown');
      return result.rows as Row[];
    });
  }

  async exec(text: string): Promise<void> {
    await this.#withSession(undefined, async (session) => {
      try {
        await session.run(text, undefined, { timeoutMs: Infinity }, 'commit-unknown');
      } catch (error) {
        // The text may hold its own BEGIN, so the state of the connection is anybody's guess.
        session.discard();
        throw error;
      }
    });
  }

  transaction<T>(work: (tx: Queryable) => Promise<T>, options: { signal?: AbortSignal } = {}): Promise<T> {
    return this.#withSession(options.signal, async (session) => {
      await session.run('begin', undefined, options, 'connection');
      let open = true;
      const tx: Queryable = {
        async query<Row extends object>(text: string, parameters?: readonly SqlValue[], own?: QueryOptions) {
          if (!open) throw new DatabaseError('content', 'The transaction is over');
          const result = await session.run(text, parameters, { ...options, ...own }, 'connection');
          return result.rows as Row[];
        },
      };
      const result = await work(tx).finally(() => {
        open = false;
      });
      // Not with the signal: once COMMIT is on its way its answer counts.
      if (options.signal?.aborted) throw new DatabaseError('aborted', 'The caller gave up');
      const { command } = await session.run('commit', undefined, {}, 'commit-unknown');
      if (command !== 'COMMIT') {
        throw new DatabaseError(
          'content',
          'The transaction was rolled back: one of its statements had failed',
        );
      }
      return result;
    });
  }

  tryLock(name: string, note = ''): Promise<HeldLock | undefined> {
    return this.#options.tryLock(name, note);
  }

  async ping(options: QueryOptions = {}): Promise<{ isReadOnly: boolean }> {
    const text = `select current_setting('transaction_read_only') = 'on' as "isReadOnly"`;
    const [row] = await this.query<{ isReadOnly: boolean }>(text, undefined, options);
    return { isReadOnly: row?.isReadOnly ?? false };
  }

  clockOffsetMs(): number {
    return this.#offset.milliseconds;
  }

  measureClock(): Promise<void> {
    return this.#offset.measureAnew();
  }

  stats(): DatabaseStats {
    const { totalCount, idleCount, waitingCount } = this.#options.pool;
    return { open: totalCount, idle: idleCount, waiting: waitingCount };
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#offset.stop();
      this.#closing.abort();
      await this.#options.pool.end();
      await this.#options.onClosed();
    })();
    return this.#closed;
  }

  async #withSession<T>(
    signal: AbortSignal | undefined,
    work: (session: WireSession) => Promise<T>,
  ): Promise<T> {
    const client = await this.#connect(signal);
    const session = new WireSession(client, {
      clock: this.#options.clock,
      closing: this.#closing.signal,
      ...(this.#options.cancel ? { cancel: this.#options.cancel } : {}),
      statementMs: this.#options.statementMs,
      abandonedMs: this.#options.abandonedMs,
      giveBack: (broken) => client.release(broken),
    });
    try {
      return await work(session);
    } finally {
      await session.end();
    }
  }

  async #connect(signal: AbortSignal | undefined): Promise<pg.PoolClient> {
    if (signal?.aborted) throw new DatabaseError('aborted', 'The caller gave up');
    const connecting = this.#options.pool
      .connect()
      .catch((error: unknown) => this.#connectLater(toDatabaseError(error, 'connection')));
    if (!signal) return connecting;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        connecting.then(
          (client) => client.release(),
          () => undefined,
        );
        reject(new DatabaseError('aborted', 'The caller gave up'));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      connecting.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** A server that gives no more connections is no reason to fail while there are others of this pool, which will be free. */
  async #connectLater(refusal: DatabaseError): Promise<pg.PoolClient> {
    for (let error = refusal; ; ) {
      if (error.details.sqlState !== TOO_MANY_CONNECTIONS || !this.#room.makeDo()) throw error;
      try {
        return await this.#options.pool.connect();
      } catch (again) {
        error = toDatabaseError(again, 'connection');
      }
    }
  }
}
