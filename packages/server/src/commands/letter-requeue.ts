import { BongsuError } from '@bongsu/protocol';
import { type Clock, sleep } from '../platform/clock.js';
import { DatabaseError, type DatabaseFault } from '../platform/database/database.js';
import { uuidv7 } from '../platform/ids.js';
import type { DeadLetterStore, LetterRow, RequeueOutcome } from './dead-letter-store.js';
import { type CommandContent, writeContent } from './fingerprint.js';

export interface RequeueDeps {
  store: DeadLetterStore;
  clock: Clock;
  /** Database's clock, milliseconds. */
  now(): number;
  ttlMs: number;
  maxPending: number;
}

const DEADLINE_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;
/** Those that the database itself undid: another try may do. */
const CONTENDED: readonly DatabaseFault[] = ['deadlock', 'serialization'];
/** It may be written: asking again with the same ids tells. */
const AMBIGUOUS: readonly DatabaseFault[] = ['commit-unknown', 'aborted'];

/**
 * Makes a new command of each letter, in one transaction. Where the COMMIT got no answer it is asked again with the same ids, and
 * then requeued_as tells whose command took the letter's place.
 * @throws UNAVAILABLE when nothing was written, INDETERMINATE when that is not known at the deadline
 */
export async function requeueLetters(
  { store, clock, now, ttlMs, maxPending }: RequeueDeps,
  letters: readonly LetterRow[],
): Promise<RequeueOutcome[]> {
  const requests = letters.map((letter) => ({
    letterId: letter.id,
    commandId: uuidv7(),
    fingerprint: fingerprintOf(letter),
  }));
  const at = Math.floor(now());
  const deadline = clock.monotonic() + DEADLINE_MS;
  let ambiguous = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      const outcomes = await store.requeue(requests, { at, expiresAt: at + ttlMs }, maxPending);
      // Removed since: by whom, before or after our first try, nobody can tell any more.
      if (ambiguous && outcomes.some(({ outcome }) => outcome === 'unknown')) throw indeterminate();
      return outcomes;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      if (AMBIGUOUS.includes(error.fault)) ambiguous = true;
      else if (!ambiguous && !CONTENDED.includes(error.fault)) throw unavailable(error);
      if (clock.monotonic() + pauseMs >= deadline)
        throw ambiguous ? indeterminate(error) : unavailable(error);
    }
    await sleep(clock, pauseMs);
  }
}

function fingerprintOf(letter: LetterRow): string {
  const content = { type: letter.type, ...(JSON.parse(letter.payload) as object) } as CommandContent;
  return writeContent(content, { screenId: letter.screenId }).fingerprint;
}

function unavailable(cause: unknown): BongsuError {
  return new BongsuError('UNAVAILABLE', { retryAfterMs: LONGEST_PAUSE_MS, cause });
}

function indeterminate(cause?: unknown): BongsuError {
  return new BongsuError('INDETERMINATE', { cause });
}
