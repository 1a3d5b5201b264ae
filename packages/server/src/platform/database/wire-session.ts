import type pg from 'pg';
import type { Clock } from '../clock.js';
import { DatabaseError, type QueryOptions, type SqlValue } from './database.js';
import { type Loss, toDatabaseError } from './faults.js';
import { encodeParameters } from './sql-values.js';

/**
 * `replicating`: it is committed, and waits for a replica that must have it. It was left alone: asked to stop, the server would say
 * that all is well, on this one machine.
 */
export type Cancelled = 'asked' | 'replicating';

export interface SessionOptions {
  clock: Clock;
  /** Asks the server to stop what this connection runs, best effort. Absent where nothing can. */
  cancel?: (client: pg.ClientBase) => Promise<Cancelled>;
  /** Of the whole database: nothing is waited for any more. */
  closing: AbortSignal;
  /** Deadline of a statement whose caller names none, milliseconds. */
  statementMs: number;
  /** Milliseconds that a statement nobody waits for any more may take before its connection is thrown away. */
  abandonedMs: number;
  giveBack: (broken: boolean) => void;
}

/** One connection while one caller has it: one statement at a time, and it goes back clean or not at all. */
export class WireSession {
  readonly #client: pg.ClientBase;
  readonly #options: SessionOptions;
  #running: Promise<unknown> = Promise.resolve();
  #abandoned = false;
  #broken = false;
  readonly #onError = () => {
    this.#broken = true;
  };

  constructor(client: pg.ClientBase, options: SessionOptions) {
    this.#client = client;
    this.#options = options;
    client.on('error', this.#onError);
  }

  /** @param loss `commit-unknown` for whatever commits by itself */
  async run(
    text: string,
    parameters: readonly SqlValue[] | undefined,
    options: QueryOptions,
    loss: Loss,
  ): Promise<pg.QueryResult> {
    const values = parameters && encodeParameters(parameters);
    await this.#running;
    if (options.signal?.aborted) throw aborted();
    if (this.#broken) throw new DatabaseError('connection', 'The connection was lost');
    const answer = this.#client.query({
      text,
      ...(values ? { values } : {}),
      ...(options.name ? { name: options.name } : {}),
    });
    this.#running = answer.catch(() => undefined);
    try {
      return await this.#limited(answer, options, loss);
    } catch (error) {
      throw toDatabaseError(error, loss);
    }
  }

  /** The connection will not be used again: its state is not known. */
  discard(): void {
    this.#broken = true;
  }

  /** Gives the connection back, rolled back if need be. Does not wait for an abandoned statement. */
  async end(): Promise<void> {
    const ended = this.#end();
    if (!this.#abandoned) await ended;
  }

  async #end(): Promise<void> {
    await this.#running;
    if (!this.#broken && this.#client.getTransactionStatus() !== 'I') {
      const rollback = this.#client.query('rollback');
      this.#running = rollback.catch(this.#onError);
      this.#abandon(false);
      await this.#running;
    }
    this.#client.off('error', this.#onError);
    this.#options.giveBack(this.#broken);
  }

  #limited(answer: Promise<pg.QueryResult>, options: QueryOptions, loss: Loss): Promise<pg.QueryResult> {
    const { signal, timeoutMs = this.#options.statementMs } = options;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        void this.#abandon(true);
        reject(aborted());
      };
      const onDeadline = () => {
        const known = this.#abandon(true);
        // Where the server can be asked to stop, its answer tells whether the statement was done after all.
        if (this.#options.cancel) void known.then(() => reject(pastDeadline(loss)));
        else reject(pastDeadline(loss));
      };
      const stopTimer = timeoutMs === Infinity ? undefined : this.#options.clock.after(timeoutMs, onDeadline);
      signal?.addEventListener('abort', onAbort, { once: true });
      const done = () => {
        stopTimer?.();
        signal?.removeEventListener('abort', onAbort);
      };
      answer.then(
        (result) => {
          done();
          resolve(result);
        },
        (error: unknown) => {
          done();
          reject(error);
        },
      );
    });
  }

  /**
   * Bounds the wait for the running statement; the connection is broken when it is over. What waits for a replica keeps its connection
   * for as long as that takes, or each try would leave one more behind at the server, until it has none.
   * @returns resolves when all is known that will be soon
   */
  #abandon(cancel: boolean): Promise<void> {
    this.#abandoned = true;
    const { clock, abandonedMs, closing } = this.#options;
    // The cancelling is awaited too: a late request would hit the connection's next statement.
    const cancelling = cancel
      ? this.#options.cancel?.(this.#client).catch((): Cancelled => 'asked')
      : undefined;
    const ended = Promise.all([this.#running, cancelling]);
    const replicates = new Promise<void>((resolve) => {
      this.#running = new Promise((end) => {
        const giveUp = () => {
          this.#broken = true;
          end(undefined);
        };
        const stopTimer = clock.after(abandonedMs, giveUp);
        void cancelling?.then((cancelled) => {
          // What closes meanwhile waits no longer than for anything else.
          if (cancelled !== 'replicating' || closing.aborted) return;
          stopTimer();
          closing.addEventListener('abort', giveUp, { once: true });
          resolve();
        });
        void ended.then(() => {
          stopTimer();
          closing.removeEventListener('abort', giveUp);
          end(undefined);
        });
      });
    });
    return Promise.race([replicates, this.#running.then(() => undefined)]);
  }
}

function aborted(): DatabaseError {
  return new DatabaseError('aborted', 'The caller gave up');
}

function pastDeadline(loss: Loss): DatabaseError {
  return loss === 'connection'
    ? new DatabaseError('timeout', 'The statement took longer than its deadline')
    : new DatabaseError(
        'commit-unknown',
        'The statement took longer than its deadline and may still be done',
      );
}
