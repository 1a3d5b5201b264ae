import type { Breakers } from '../resilience/breakers.js';
import { type CircuitBreaker, CircuitOpenError, type Verdict } from '../resilience/circuit-breaker.js';
import { type Database, DatabaseError, type DatabaseFault } from './database.js';

const PAUSE_MS = 1000;
const UNWELL: readonly DatabaseFault[] = ['connection', 'commit-unknown', 'timeout'];

/** Probed by a statement that needs nothing, so that recovery waits for nobody's call. */
export function createDatabaseBreaker(breakers: Breakers, database: Pick<Database, 'ping'>): CircuitBreaker {
  return breakers.create({
    name: 'database',
    judge: judgeDatabase,
    pauseMs: PAUSE_MS,
    probe: (signal) => database.ping({ signal }),
  });
}

/**
 * A refusal of the statement is an answer of a database that is well. So is a full disk or a standby: every write learns it at once
 * by itself, and a probe that only reads would close the circuit each second.
 */
export function judgeDatabase(error: unknown): Verdict {
  if (!(error instanceof DatabaseError) || error.fault === 'aborted') return 'nothing';
  return UNWELL.includes(error.fault) ? 'failure' : 'answer';
}

/** The same database behind a breaker: while that is open, statements fail at once as not reachable, with nothing sent. */
export function guardDatabase(database: Database, breaker: CircuitBreaker): Database {
  const guarded = <T>(work: () => Promise<T>): Promise<T> =>
    breaker.execute(work).catch((error: unknown) => {
      if (!(error instanceof CircuitOpenError)) throw error;
      throw new DatabaseError('connection', error.message, { cause: error });
    });
  return {
    kind: database.kind,
    query: (text, parameters, options) => guarded(() => database.query(text, parameters, options)),
    exec: (text) => guarded(() => database.exec(text)),
    transaction: (work, options) => guarded(() => database.transaction(work, options)),
    tryLock: (name, note) => database.tryLock(name, note),
    ping: (options) => database.ping(options),
    clockOffsetMs: () => database.clockOffsetMs(),
    measureClock: () => database.measureClock(),
    stats: () => database.stats(),
    close: () => database.close(),
  };
}
