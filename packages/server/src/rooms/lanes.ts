import type { Clock } from '../platform/clock.js';
import { type Database, DatabaseError } from '../platform/database/database.js';
import { createBulkhead } from '../platform/resilience/bulkhead.js';

/** What rooms ask of a database. */
export type RoomsDatabase = Pick<Database, 'query' | 'transaction'>;

/** At once, of what people call, and of what happens by itself. Together they leave connections of the pool to everybody else. */
const CALLS = 8;
const BACKGROUND = 4;
/** Just less than a client waits for an answer. */
const PATIENCE_MS = 14_000;

/**
 * The database for rooms, where thousands of sockets may go and come back at once. Whoever waits, waits here: in the pool they would
 * keep commands and log-ins from their connections, and be taken for a database that is not well (docs/decisions/0063).
 */
export function roomLanes(
  database: RoomsDatabase,
  clock: Clock,
): { calls: RoomsDatabase; background: RoomsDatabase } {
  return { calls: lane(database, clock, CALLS), background: lane(database, clock, BACKGROUND) };
}

/** In no transaction may anything be asked of the lane itself: it could wait for its own end. */
function lane(database: RoomsDatabase, clock: Clock, limit: number): RoomsDatabase {
  const pass = createBulkhead({
    ...{ limit, clock },
    queue: Number.POSITIVE_INFINITY,
    patienceMs: PATIENCE_MS,
    refuse: () => new DatabaseError('connection', 'Too much of rooms waits for the database'),
  });
  return {
    query: (...call) => pass(() => database.query(...call)),
    transaction: (...call) => pass(() => database.transaction(...call)),
  };
}
