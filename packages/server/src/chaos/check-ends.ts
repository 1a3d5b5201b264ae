import { answeredForCertain } from './answered-for-certain.js';
import type { History, Invariant, Violation } from './checker.js';
import { type CommandHistory, seenAt } from './command-history.js';
import type { ScreenRecord } from './history.js';

type Run = Extract<ScreenRecord, { kind: 'run' }>;
interface Begun {
  run: Run;
  /** When it came, where the screen wrote that down. */
  arrivedAt: number | undefined;
}
/** What became of one command. */
interface End {
  status: string;
  runs: readonly Begun[];
  /** A screen stored, answered or resumed that it ran: this one, or for a requeued one the first of its chain. */
  isFinished: boolean;
  heard: { tookMs: number } | undefined;
}
type Problem = [Invariant, string];

const TERMINAL: ReadonlySet<string> = new Set(['executed', 'dead', 'expired', 'superseded', 'cancelled']);
export const isTerminal = (status: string): boolean => TERMINAL.has(status);
/** Far from the second after which silence ends an entry: an answer this quick was in time. */
const QUICK_MS = 250;
/** No entry is longer on its way. */
const WAY_MS = 1000;

/** How each accepted command ended: by the server's word, and by its screen's. */
export function checkEnds(history: History, commands: ReadonlyMap<string, CommandHistory>): Violation[] {
  const { screens, said, saidBefore = new Map(), requeued = new Map() } = history;
  const runs = runsOf(screens);
  const finished = finishedOf(screens, requeued);
  const heard = answeredForCertain(screens);
  return [...commands.values()].flatMap((command): Violation[] => {
    if (command.oks.length === 0) return [];
    const { id } = command;
    const end: End = {
      status: said.get(id) ?? 'unknown',
      runs: runs.get(id) ?? [],
      isFinished: finished.has(id) || finished.has(requeued.get(id) ?? id),
      heard: heard.get(id),
    };
    const problems = [
      ...changes(command, end, saidBefore.get(id)),
      ...disagreements(end),
      ...cancels(command, end),
    ];
    return problems.map(([invariant, detail]) => ({ invariant, subject: id, at: seenAt(command), detail }));
  });
}

function* changes({ told }: CommandHistory, { status }: End, before: string | undefined): Generator<Problem> {
  if (!isTerminal(status)) yield ['lost', `acknowledged, and the server says ${status}`];
  if (before !== undefined && isTerminal(before) && before !== status) {
    yield ['changed', `it was ${before}, and it is ${status}`];
  }
  for (const each of told) {
    if (isTerminal(each.status) && each.status !== status) {
      yield ['changed', `its sender was told ${each.status}, and it is ${status}`];
    }
  }
}

function* disagreements({ status, runs, isFinished, heard }: End): Generator<Problem> {
  if (!isTerminal(status)) return;
  if (status === 'executed') {
    if (!isFinished)
      yield [
        'disagrees',
        `executed, says the server, and ${runs.length > 0 ? 'its screen only began it' : 'no screen ran it'}`,
      ];
    return;
  }
  // Whoever answers late may find it dead of silence.
  const isLate = status === 'dead' && heard !== undefined && heard.tookMs > QUICK_MS;
  if (heard && !isLate) yield ['disagrees', `${status}, says the server, which had the receipt that it ran`];
}

/** What was taken back ends so, and is not sent any more. */
function* cancels(command: CommandHistory, { status, runs }: End): Generator<Problem> {
  const done = command.cancels.find(({ outcome }) => /^2\d\d$/.test(outcome));
  if (!done) return;
  if (status !== 'cancelled')
    yield ['changed', `its cancellation was answered ${done.outcome}, and it is ${status}`];
  // What its screen had in hand by then may still run: the receipt of a connection that ended is not heard.
  const later = runs.find(({ run, arrivedAt }) => (arrivedAt ?? run.at - WAY_MS) > done.at);
  if (later) yield ['disagrees', `its cancellation was answered ${done.outcome}, and later it came and ran`];
}

function runsOf(screens: History['screens']): Map<string, Begun[]> {
  const runs = new Map<string, Begun[]>();
  for (const records of screens) {
    const arrivals = new Map<string, number>();
    for (const record of records) {
      if (record.kind === 'got') arrivals.set(record.id, record.at);
      if (record.kind !== 'run') continue;
      const begun = { run: record, arrivedAt: arrivals.get(record.id) };
      runs.set(record.id, [...(runs.get(record.id) ?? []), begun]);
    }
  }
  return runs;
}

/**
 * What a screen ran to its end. An answer alone is no proof, it may have come before the run; after the beginning it is: a process that
 * died after storing its place answers so when the entry comes again. It may also say so by its next resume offset.
 */
function finishedOf(screens: History['screens'], requeued: ReadonlyMap<string, string>): Set<string> {
  const finished = new Set<string>();
  const finish = (id: string) => {
    finished.add(id);
    finished.add(requeued.get(id) ?? id);
  };
  for (const records of screens) {
    const begun = new Set<string>();
    let last: Run | undefined;
    for (const record of records) {
      if (record.kind === 'run') {
        begun.add(record.id);
        last = record;
      }
      if (record.kind === 'done') finish(record.id);
      if (record.kind === 'answer' && record.status === 'executed' && begun.has(record.id)) finish(record.id);
      if (record.kind === 'open' && last && record.resumeEpoch === last.epoch) {
        if ((record.resumeSeq ?? 0) >= last.seq) finish(last.id);
      }
    }
  }
  return finished;
}
