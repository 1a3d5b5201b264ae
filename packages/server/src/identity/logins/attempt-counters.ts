import { BongsuError } from '@bongsu/protocol';
import type { AuditEvent, RecordAudit } from '../../platform/audit.js';
import type { Clock, DatabaseClock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import { BatchProcessor } from '../../platform/resilience/batch-processor.js';
import { type CounterKey, lockCounters, saveCounters } from '../store/auth-counters.js';
import type { Counter, LockoutScope } from './lockout-rules.js';

/** The counters of one attempt. */
export type AttemptState = ReadonlyMap<LockoutScope, Counter>;

export interface CounterChange {
  keys: readonly CounterKey[];
  /** Sees what all earlier changes left; answers what to write, if anything, and what to tell the audit trail. */
  decide(state: AttemptState, now: number): { write?: AttemptState; audit?: AuditEvent[] };
}

export interface AttemptCountersDeps {
  database: Database;
  now: DatabaseClock;
  clock: Clock;
  recordAudit: RecordAudit;
}

const MOST_IN_A_BATCH = 200;
const MOST_QUEUED = 1000;

/**
 * Counters in SQL, changed one transaction at a time: what comes meanwhile goes together in the next one. An office that comes to work
 * changes one row a thousand times, and screens wait behind it.
 */
export class AttemptCounters {
  readonly #deps: AttemptCountersDeps;
  readonly #changes: BatchProcessor<CounterChange, undefined>;

  constructor(deps: AttemptCountersDeps) {
    this.#deps = deps;
    this.#changes = new BatchProcessor<CounterChange, undefined>({
      process: (changes) => this.#apply(changes),
      // All share the one transaction under way.
      keyOf: () => 'counters',
      size: MOST_IN_A_BATCH,
      maxSize: MOST_IN_A_BATCH,
      maxInFlight: 1,
      maxWaitMs: Number.MAX_SAFE_INTEGER,
      maxQueued: MOST_QUEUED,
      maxQueuedBytes: Number.POSITIVE_INFINITY,
      refuse: () => new BongsuError('BUSY', { retryAfterMs: 1000 }),
      clock: deps.clock,
    });
  }

  /** Resolves once committed. @throws DatabaseError; BUSY */
  async change(change: CounterChange): Promise<void> {
    await this.#changes.add(change);
  }

  async #apply(changes: readonly CounterChange[]): Promise<undefined[]> {
    const { database, now, recordAudit } = this.#deps;
    const keys = new Map(changes.flatMap((change) => change.keys).map((key) => [idOf(key), key]));
    await database.transaction(async (tx) => {
      const at = now();
      const counters = new Map(
        (await lockCounters(tx, [...keys.values()], at)).map(({ counter, ...key }) => [idOf(key), counter]),
      );
      const changed = new Set<string>();
      for (const change of changes) {
        const { write, audit = [] } = change.decide(stateOf(change, counters), at);
        for (const key of change.keys) {
          const counter = write?.get(key.scope);
          if (!counter) continue;
          counters.set(idOf(key), counter);
          changed.add(idOf(key));
        }
        for (const event of audit) await recordAudit(tx, event);
      }
      const rows = [...changed].flatMap((id) => {
        const [key, counter] = [keys.get(id), counters.get(id)];
        return key && counter ? [{ ...key, counter }] : [];
      });
      if (rows.length > 0) await saveCounters(tx, rows);
    });
    return changes.map(() => undefined);
  }
}

function stateOf({ keys }: CounterChange, counters: ReadonlyMap<string, Counter>): AttemptState {
  return new Map(
    keys.flatMap((key) => {
      const counter = counters.get(idOf(key));
      return counter ? [[key.scope, counter] as const] : [];
    }),
  );
}

function idOf({ scope, hash }: CounterKey): string {
  return `${scope}|${hash}`;
}
