import { BongsuError } from '@bongsu/protocol';
import { type Clock, sleep } from '../platform/clock.js';
import { DatabaseError, type DatabaseFault } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import { retryAfterOf } from '../platform/resilience/circuit-breaker.js';
import type { AcceptOutcome, NewCommand } from './ledger.js';

/** Of screens or of rooms: they travel in different shapes. */
export interface CommitDeps<Batch extends { readonly acceptedAt: number }> {
  ledger: {
    accept(batch: Batch, signal?: AbortSignal): Promise<AcceptOutcome[]>;
    acceptChecked(batch: Batch, signal?: AbortSignal): Promise<AcceptOutcome[]>;
  };
  encode(commands: readonly NewCommand[]): Batch;
  clock: Clock;
  log: Log;
  /** Milliseconds that a batch of unknown outcome is resubmitted before its senders hear INDETERMINATE. */
  deadlineMs: number;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/** The outcome may be written: resubmitting through the checked twin finds out. */
const AMBIGUOUS: readonly DatabaseFault[] = ['commit-unknown', 'aborted'];
/** Somebody else was faster, or two were crosswise: the checked twin settles it. */
const CONTENDED: readonly DatabaseFault[] = ['unique', 'deadlock', 'serialization'];

/**
 * Stores a batch once. An ambiguous commit is never a refusal: the same batch is resubmitted until it is answered.
 * @throws UNAVAILABLE when nothing was written, INDETERMINATE when that is not known at the deadline
 */
export async function commitBatch<Batch extends { readonly acceptedAt: number }>(
  commands: readonly NewCommand[],
  deps: CommitDeps<Batch>,
  signal?: AbortSignal,
): Promise<AcceptOutcome[]> {
  const batch = deps.encode(commands);
  const deadline = deps.clock.monotonic() + deps.deadlineMs;
  let ambiguous = false;
  let pauseMs = 0;
  for (let run = 0; ; run += 1) {
    try {
      if (run === 0) return await deps.ledger.accept(batch, signal);
      const outcomes = await deps.ledger.acceptChecked(batch, signal);
      return ambiguous
        ? outcomes.map((outcome, index) => asOwn(outcome, commands[index], batch.acceptedAt))
        : outcomes;
    } catch (error) {
      const fault = error instanceof DatabaseError ? error.fault : undefined;
      if (fault === undefined) throw ambiguous ? new BongsuError('INDETERMINATE', { cause: error }) : error;
      if (fault === 'content' && !ambiguous) return storeOneByOne(commands, deps, error, signal);
      if (AMBIGUOUS.includes(fault)) ambiguous = true;
      else if (!ambiguous && !CONTENDED.includes(fault)) throw unavailable(error);
      if (deps.clock.monotonic() + pauseMs >= deadline || signal?.aborted) {
        throw ambiguous ? new BongsuError('INDETERMINATE', { cause: error }) : unavailable(error);
      }
      deps.log.debug({ fault, run, size: commands.length }, 'batch is submitted again');
    }
    // The first rerun goes at once: a duplicate is settled by looking, not by waiting.
    if (pauseMs > 0) await sleep(deps.clock, pauseMs);
    pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, pauseMs * 2));
  }
}

/** A row of our own first submission is no duplicate to its sender, who never got an answer. */
function asOwn(outcome: AcceptOutcome, command: NewCommand | undefined, acceptedAt: number): AcceptOutcome {
  if (outcome.kind !== 'known' || outcome.acceptedAt !== acceptedAt) return outcome;
  if (outcome.fingerprint !== command?.fingerprint) return outcome;
  const { seq, epoch, members } = outcome;
  return { kind: 'accepted', seq, acceptedAt, epoch, ...(members ? { members } : {}) };
}

async function storeOneByOne<Batch extends { readonly acceptedAt: number }>(
  commands: readonly NewCommand[],
  deps: CommitDeps<Batch>,
  cause: unknown,
  signal?: AbortSignal,
): Promise<AcceptOutcome[]> {
  if (commands.length <= 1) {
    deps.log.error({ err: cause }, 'a command cannot be stored');
    return commands.map(() => ({ kind: 'unstorable', cause }));
  }
  const outcomes: AcceptOutcome[] = [];
  for (const command of commands) {
    try {
      outcomes.push(...(await commitBatch([command], deps, signal)));
    } catch (error) {
      // What was stored before stays accepted; what follows was not sent, and waiting for each in turn would take minutes.
      return [...outcomes, ...refusals(error, 1, commands.length - outcomes.length - 1)];
    }
  }
  return outcomes;
}

/** For those that were sent when it happened, and those that were not. */
export function refusals(error: unknown, sent: number, unsent: number): AcceptOutcome[] {
  const refused = (refusal: BongsuError): AcceptOutcome => ({ kind: 'refused', error: refusal });
  const ofSent = error instanceof BongsuError ? error : unavailable(error);
  return [
    ...Array.from({ length: sent }, () => refused(ofSent)),
    ...Array.from({ length: unsent }, () => refused(unavailable(error))),
  ];
}

function unavailable(cause: unknown): BongsuError {
  return new BongsuError('UNAVAILABLE', { retryAfterMs: retryAfterOf(cause) ?? LONGEST_PAUSE_MS, cause });
}
