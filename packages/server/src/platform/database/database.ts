/**
 * The one port to SQL. PGlite is PostgreSQL, so every statement is written once, in the dialect of PostgreSQL 15,
 * and runs on both adapters. What the contract suite (database.contract.ts) shows is all that callers may rely on.
 *
 * Values: int8 comes back as a number (beyond 2^53 it is an error), bytea as Uint8Array, json and jsonb parsed, uuid and
 * text as string, arrays as arrays. Times are stored as int8 milliseconds of the database's clock.
 */
export type SqlValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly (string | null)[]
  | readonly (number | null)[];

export interface QueryOptions {
  /** Ends the wait; the statement is cancelled where the adapter can, and its result is thrown away. */
  signal?: AbortSignal;
  /** Milliseconds the statement may take before it fails with `timeout`. */
  timeoutMs?: number;
  /** Prepares the statement under this name, once a connection. One name, one text. */
  name?: string;
}

export interface Queryable {
  /** Runs one statement. @throws DatabaseError */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    parameters?: readonly SqlValue[],
    options?: QueryOptions,
  ): Promise<Row[]>;
}

/** Held on a connection of its own until released, or until that connection dies: then `lost` settles. */
export interface HeldLock {
  /** Never rejects, and takes a second at most. */
  release(): Promise<void>;
  readonly lost: Promise<void>;
}

export interface Database extends Queryable {
  readonly kind: 'pglite' | 'postgres';
  /** Several statements in one text, no parameters, in one implicit transaction. For migrations. */
  exec(text: string): Promise<void>;
  /**
   * Commits what `work` wrote when it resolves, rolls back when it throws. A COMMIT whose answer never came is
   * `commit-unknown`, never a plain connection loss.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>, options?: { signal?: AbortSignal }): Promise<T>;
  /** A session advisory lock, or undefined while somebody else holds it. `note` tells others who holds it. */
  tryLock(name: string, note?: string): Promise<HeldLock | undefined>;
  /** Resolves when a statement was answered. `isReadOnly`: nothing can be written, as on a standby. @throws DatabaseError */
  ping(options?: QueryOptions): Promise<{ isReadOnly: boolean }>;
  /** Database clock minus this process's monotonic-based clock, in milliseconds; measured on opening and every 30 s. */
  clockOffsetMs(): number;
  /** Measures it now: this process stood still. @throws DatabaseError */
  measureClock(): Promise<void>;
  stats(): DatabaseStats;
  close(): Promise<void>;
}

export interface DatabaseStats {
  /** Connections open, not in use, and callers that wait for one. */
  open: number;
  idle: number;
  waiting: number;
}

/**
 * `unique`, `deadlock`, `serialization`: by SQLSTATE, the caller decides. `content`: the statement's own fault (bad
 * value, broken constraint). `connection`: not reachable, nothing was written. `commit-unknown`: may or may not be
 * written. `timeout`: past its deadline. `full`: no space left. `aborted`: the caller's signal.
 */
export type DatabaseFault =
  | 'unique'
  | 'deadlock'
  | 'serialization'
  | 'content'
  | 'connection'
  | 'commit-unknown'
  | 'timeout'
  | 'full'
  | 'readonly'
  | 'aborted';

export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  constructor(
    readonly fault: DatabaseFault,
    message: string,
    readonly details: {
      sqlState?: string | undefined;
      constraint?: string | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
  }
}

export function isDatabaseFault(error: unknown, ...faults: DatabaseFault[]): error is DatabaseError {
  return error instanceof DatabaseError && faults.includes(error.fault);
}
