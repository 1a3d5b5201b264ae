import { checkEnds } from './check-ends.js';
import type { History, Violation } from './checker.js';
import {
  type CommandHistory,
  commandHistories,
  type Fail,
  type Invoke,
  type Ok,
  seenAt,
} from './command-history.js';
import type { ControllerRecord, ScreenRecord } from './history.js';

type Run = Extract<ScreenRecord, { kind: 'run' }>;

/** The invariants that follow one command from its sender to its end. */
export function checkCommands(history: History): Violation[] {
  const { controllers, screens, said } = history;
  const commands = commandHistories(controllers);
  const runs = firstRuns(screens);
  const unsent = [...runs.values()].filter(({ id }) => !commands.has(id));
  return [
    ...[...commands.values()].flatMap((command) => checkAnswers(command, runs.get(command.id))),
    ...unsent.map(
      ({ id, at }): Violation => ({
        invariant: 'refusedButExecuted',
        subject: id,
        at,
        detail: 'nobody sent it',
      }),
    ),
    ...checkEnds(history, commands),
    ...holes(controllers),
    ...successions(commands, said),
  ];
}

function firstRuns(screens: History['screens']): Map<string, Run> {
  const first = new Map<string, Run>();
  for (const record of screens.flat()) {
    if (record.kind === 'run' && !first.has(record.id)) first.set(record.id, record);
  }
  return first;
}

function checkAnswers(command: CommandHistory, run: Run | undefined): Violation[] {
  const { id, invokes, oks, fails } = command;
  const at = seenAt(command);
  const expected = invokes[0]?.expect;
  const isRefused = oks.length === 0 && definitelyRefused(command);
  const codes = fails.map(({ code }) => code).join(' ');
  const violations: Violation[] = [];
  if (oks.length > 0) violations.push(...checkAccepted(command, run));
  else if (!fails.some(({ retryable }) => !retryable)) {
    violations.push({ invariant: 'unanswered', subject: id, at, detail: `${invokes.length} transmissions` });
  }
  if (isRefused && run)
    violations.push({ invariant: 'refusedButExecuted', subject: id, at: run.at, detail: codes });
  if (isRefused && expected === 'accepted') {
    violations.push({ invariant: 'misjudged', subject: id, at, detail: `good, and refused: ${codes}` });
  }
  if (oks.length > 0 && expected === 'refused') {
    violations.push({ invariant: 'misjudged', subject: id, at, detail: 'accepted, and must be refused' });
  }
  return violations;
}

function checkAccepted(command: CommandHistory, run: Run | undefined): Violation[] {
  const { id, oks, conflicts } = command;
  const details: string[] = [];
  if (differ(oks)) details.push(oks.map(placeOf).join(' | '));
  if (run && oks.some(({ seq, epoch }) => epoch === run.epoch && seq !== run.seq)) {
    details.push(`ran at ${run.seq}, answered ${oks.map(placeOf).join(' | ')}`);
  }
  const refused = refusedLater(command);
  if (refused) details.push(`accepted, and a repeat was answered ${refused.code}`);
  for (const code of conflicts) details.push(`other content was answered ${code}`);
  const at = seenAt(command);
  return details.map((detail) => ({ invariant: 'answersDiffer', subject: id, at, detail }));
}

/** Every transmission got a refusal that is final: one that got no answer may have been accepted. */
function definitelyRefused({ fails, invokes }: CommandHistory): boolean {
  return fails.filter(({ retryable }) => !retryable).length === invokes.length;
}

/** What was accepted gets its stored answer, whatever has changed since. */
function refusedLater({ oks, fails }: CommandHistory): Fail | undefined {
  const first = Math.min(...oks.map(({ at }) => at));
  return fails.find(({ at, retryable }) => !retryable && at > first);
}

const placeOf = ({ stream, seq, epoch, acceptedAt }: Ok): string => `${stream} ${seq} ${epoch} ${acceptedAt}`;

/** At most one answer may call itself the first, and all must tell the same place. */
function differ(oks: readonly Ok[]): boolean {
  // A later epoch may have begun between two answers: then the stored place is the same, told in another epoch.
  const places = new Set(oks.map(({ stream, seq, acceptedAt }) => `${stream} ${seq} ${acceptedAt}`));
  return places.size > 1 || oks.filter(({ duplicate }) => !duplicate).length > 1;
}

/** Each stream's places are 1, 2, 3 …: whatever was given a place was answered in the end. */
function holes(controllers: readonly ControllerRecord[]): Violation[] {
  const streams = new Map<string, Map<number, Ok>>();
  for (const record of controllers) {
    if (record.kind !== 'ok') continue;
    const places = streams.get(record.stream) ?? new Map<number, Ok>();
    streams.set(record.stream, places.set(record.seq, record));
  }
  return [...streams].flatMap(([stream, places]) => {
    const seqs = [...places.keys()].sort((a, b) => a - b);
    return seqs.flatMap((seq, index): Violation[] => {
      const before = seqs[index - 1] ?? 0;
      if (seq === before + 1) return [];
      const at = places.get(seq)?.at ?? 0;
      return [{ invariant: 'holes', subject: stream, at, detail: `nothing between ${before} and ${seq}` }];
    });
  });
}

function successions(
  commands: ReadonlyMap<string, CommandHistory>,
  said: ReadonlyMap<string, string>,
): Violation[] {
  const streams = new Map<string, { seq: number; id: string; invoke: Invoke }[]>();
  for (const { id, oks, invokes } of commands.values()) {
    const [ok] = oks;
    const [invoke] = invokes;
    if (ok && invoke)
      streams.set(ok.stream, [...(streams.get(ok.stream) ?? []), { seq: ok.seq, id, invoke }]);
  }
  return [...streams.values()].flatMap((entries) => {
    entries.sort((a, b) => a.seq - b.seq);
    return entries.flatMap(({ id, invoke }, place): Violation[] => {
      if (said.get(id) !== 'superseded') return [];
      const rest = entries.slice(place + 1);
      const trigger = rest.findIndex((later) => later.invoke.type === 'trigger');
      const until = trigger === -1 ? rest : rest.slice(0, trigger);
      const isFollowed = until.some(({ invoke: later }) => later.display === invoke.display);
      if (invoke.type === 'navigate' && isFollowed) return [];
      return [
        { invariant: 'wrongSuccession', subject: id, at: invoke.at, detail: `${invoke.type} superseded` },
      ];
    });
  });
}
