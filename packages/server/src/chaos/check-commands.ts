import type { History, Invariant, Violation } from './checker.js';
import type { ControllerRecord, ScreenRecord } from './history.js';

type Ok = Extract<ControllerRecord, { kind: 'ok' }>;
type Fail = Extract<ControllerRecord, { kind: 'fail' }>;
type Invoke = Extract<ControllerRecord, { kind: 'invoke' }>;
type Told = Extract<ControllerRecord, { kind: 'told' }>;
type Run = Extract<ScreenRecord, { kind: 'run' }>;

interface CommandHistory {
  id: string;
  invokes: Invoke[];
  oks: Ok[];
  fails: Fail[];
  told: Told[];
  conflicts: string[];
}

const TERMINAL: ReadonlySet<string> = new Set(['executed', 'dead', 'expired', 'superseded', 'cancelled']);
/** Decided by the server before it sends the entry, so that a screen has never begun it. */
const NEVER_BEGUN: ReadonlySet<string> = new Set(['expired', 'superseded', 'cancelled']);

/** The invariants that follow one command from its sender to its end. */
export function checkCommands({ controllers, screens, said, requeued = new Map() }: History): Violation[] {
  const commands = byId(controllers);
  const runs = screens.flatMap((records) => records.filter((record): record is Run => record.kind === 'run'));
  const firstRun = new Map<string, Run>();
  for (const run of runs) if (!firstRun.has(run.id)) firstRun.set(run.id, run);
  const certain = answeredForCertain(screens);
  const violations: Violation[] = [];
  const add = (invariant: Invariant, subject: string, at: number, detail: string) =>
    violations.push({ invariant, subject, at, detail });

  for (const command of commands.values()) {
    const { id, oks } = command;
    const at = command.invokes[0]?.at ?? oks[0]?.at ?? 0;
    const run = firstRun.get(id);
    if (oks.length > 0) {
      const status = said.get(id) ?? 'unknown';
      if (!TERMINAL.has(status)) add('lost', id, at, `acknowledged, and the server says ${status}`);
      for (const problem of ofItsEnd(
        command,
        status,
        run,
        certain.has(id),
        (other) => firstRun.has(other),
        requeued,
      )) {
        add(problem.invariant, id, at, problem.detail);
      }
      if (differ(oks)) add('answersDiffer', id, at, oks.map(placeOf).join(' | '));
      if (run && oks.some(({ seq, epoch }) => epoch === run.epoch && seq !== run.seq)) {
        add('answersDiffer', id, at, `ran at ${run.seq}, answered ${oks.map(placeOf).join(' | ')}`);
      }
      const refused = refusedLater(command);
      if (refused) add('answersDiffer', id, at, `accepted, and a repeat was answered ${refused.code}`);
      for (const code of command.conflicts)
        add('answersDiffer', id, at, `other content was answered ${code}`);
    } else if (definitelyRefused(command)) {
      if (run) add('refusedButExecuted', id, run.at, command.fails.map(({ code }) => code).join(' '));
    } else if (!command.fails.some(({ retryable }) => !retryable)) {
      add('unanswered', id, at, `${command.invokes.length} transmissions`);
    }
  }
  for (const run of firstRun.values()) {
    if (!commands.has(run.id)) add('refusedButExecuted', run.id, run.at, 'nobody sent it');
  }
  return [...violations, ...holes(controllers), ...successions(commands, said)];
}

function byId(records: readonly ControllerRecord[]): Map<string, CommandHistory> {
  const commands = new Map<string, CommandHistory>();
  for (const record of records) {
    let command = commands.get(record.id);
    if (!command) {
      command = { id: record.id, invokes: [], oks: [], fails: [], told: [], conflicts: [] };
      commands.set(record.id, command);
    }
    if (record.kind === 'invoke') command.invokes.push(record);
    if (record.kind === 'ok') command.oks.push(record);
    if (record.kind === 'fail') command.fails.push(record);
    if (record.kind === 'told') command.told.push(record);
    if (record.kind === 'conflict' && record.code !== 'IDEMPOTENCY_CONFLICT')
      command.conflicts.push(record.code);
  }
  return commands;
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

function* ofItsEnd(
  { id, told }: CommandHistory,
  status: string,
  run: Run | undefined,
  certain: boolean,
  ran: (id: string) => boolean,
  requeued: ReadonlyMap<string, string>,
): Generator<{ invariant: Invariant; detail: string }> {
  for (const each of told) {
    if (TERMINAL.has(each.status) && each.status !== status) {
      yield { invariant: 'changed', detail: `its sender was told ${each.status}, and it is ${status}` };
    }
  }
  const first = requeued.get(id);
  if (status === 'executed' && !run && !(first !== undefined && ran(first))) {
    yield { invariant: 'disagrees', detail: 'executed, says the server, and no screen ran it' };
  }
  if (NEVER_BEGUN.has(status) && run && certain) {
    yield { invariant: 'disagrees', detail: `${status}, says the server, which had the receipt that it ran` };
  }
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

/** Ids whose `executed` reached the server while it was their turn: more came on that socket than fit in its window. */
function answeredForCertain(screens: readonly (readonly ScreenRecord[])[]): Set<string> {
  const certain = new Set<string>();
  for (const records of screens) {
    let window = 1;
    let socket = '';
    let answered: { id: string; seq: number; later: Set<number> }[] = [];
    for (const record of records) {
      if (record.kind === 'boot') window = record.window;
      if (record.kind === 'got' || record.kind === 'answer') {
        if (record.socket !== socket) answered = [];
        socket = record.socket;
      }
      if (record.kind === 'answer' && record.status === 'executed') {
        answered.push({ id: record.id, seq: record.seq, later: new Set() });
      }
      if (record.kind !== 'got') continue;
      for (const each of answered) if (record.seq > each.seq) each.later.add(record.seq);
      for (const { id } of answered.filter(({ later }) => later.size >= window)) certain.add(id);
      answered = answered.filter(({ later }) => later.size < window);
    }
  }
  return certain;
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
