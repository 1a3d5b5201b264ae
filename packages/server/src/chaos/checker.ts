import { checkCommands } from './check-commands.js';
import { checkLedger, type LedgerFacts } from './check-ledger.js';
import { checkScreens } from './check-screens.js';
import type { ControllerRecord, ScreenRecord } from './history.js';

/** What the survivors wrote down, and what the server says when all is over. */
export interface History {
  controllers: readonly ControllerRecord[];
  /** Of each screen, in the order in which it happened. */
  screens: readonly (readonly ScreenRecord[])[];
  /** The status of each accepted command, by its sender's own question. */
  said: ReadonlyMap<string, string>;
  /** What it was earlier, where it had ended by then. */
  saidBefore?: ReadonlyMap<string, string>;
  /** Ids that stand for others: a requeued command and the first id of its chain. */
  requeued?: ReadonlyMap<string, string>;
  /** What the ledger's tables held, each time they were read. */
  facts?: readonly LedgerFacts[];
}

/** One broken promise; `at` is when it showed. */
export interface Violation {
  invariant: Invariant;
  /** The command, or the screen where there is none. */
  subject: string;
  at: number;
  detail: string;
}

export const INVARIANTS = {
  lost: 'an acknowledged command is in the log and ends in one terminal state',
  changed: 'a terminal state never changes',
  unanswered: 'every command is answered in the end',
  misjudged: 'what is good is accepted, and what must be refused is refused',
  refusedButExecuted: 'nothing runs that was definitely refused, or that nobody sent',
  twice: 'a screen begins each id and each place at most once',
  outOfOrder: 'a screen runs in the order of acceptance',
  holes: 'places in a stream have no holes',
  answersDiffer: 'the same id gets the same answer, and other content a conflict',
  disagrees: 'what the server says was executed, the screen has; what it says was not, the screen has not',
  wrongSuccession: 'superseded only by a later navigate to the display, with no trigger between',
  sentAgain: 'an entry is sent again on one socket only after a failure',
  window: 'no more entries are in flight on a socket than its screen announced',
  wrongPrev: 'prev names an entry that came before on the same socket',
  attempts: 'attempts never fall and end where the retries end',
  fell: 'acked_seq and fences never fall within an epoch',
  deadLetters: 'one dead letter for each dead delivery, and none besides',
  epoch: 'in a new epoch nothing is recovered',
  bounds: 'queues, memory and the time to converge are bounded',
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** Broken by being counted apart: a screen's own death between start and end, under at-least-once. */
export interface Verdict {
  violations: Violation[];
  interruptedAndRepeated: number;
}

/** Judges a history; knows nothing of how it was made. */
export function check(history: History): Verdict {
  const screens = checkScreens(history);
  return {
    violations: [...checkCommands(history), ...screens.violations, ...checkLedger(history)],
    interruptedAndRepeated: screens.interruptedAndRepeated,
  };
}
