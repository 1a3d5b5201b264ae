import type { Invariant, Verdict, Violation } from './checker.js';
import type { ControllerRecord, ScreenRecord } from './history.js';

export interface RunRecord {
  fault: string;
  /** It had to strike in full flight. */
  isKill: boolean;
  since: number;
  done: number;
  accepted: number;
  unsettled: number;
  unanswered: number;
  /** Why it does not count; empty when it does. */
  short: readonly string[];
  awayMs: number;
  convergeMs: number;
  /** From the fault's end, when nothing was mended yet, until everything had ended. */
  settleMs: number;
  /** P95 from the answer to the run, of what was accepted while the fault lasted. */
  delayMs: number | undefined;
}

export interface FaultFigures {
  runs: number;
  accepted: number;
  lost: number;
  twice: number;
  outOfOrder: number;
  other: number;
  /** The longest, and the largest P95, of its runs. */
  settleMs: number;
  /** Null: of some run it is not known. */
  delayMs: number | null;
}

export interface Report {
  seed: number;
  seconds: number;
  /** Runs that count. */
  runs: number;
  runsThatDoNotCount: Record<string, number>;
  violations: number;
  byInvariant: Partial<Record<Invariant, number>>;
  /** The first ones of each invariant. */
  examples: (Violation & { fault: string })[];
  /** Why the session ended early. */
  unfinished: string | undefined;
  faults: Record<string, FaultFigures>;
  accepted: number;
  transmissions: number;
  refused: number;
  runsOnScreens: number;
  ended: Record<string, number>;
  /** Dead letters sent again, each asked for twice. */
  requeued: number;
  /** A screen's own death between start and end, under at-least-once: counted apart. */
  interruptedAndRepeated: number;
  leastUnsettled: number;
  leastUnanswered: number;
  convergeMsMedian: number;
  convergeMsMost: number;
  residentMiBMost: number;
}

interface Made {
  seed: number;
  seconds: number;
  runs: readonly RunRecord[];
  verdict: Verdict;
  unfinished: string | undefined;
  controllers: readonly ControllerRecord[];
  screens: readonly (readonly ScreenRecord[])[];
  said: ReadonlyMap<string, string>;
  residentMiB: number;
  requeued: number;
}

const EXAMPLES = 3;
const COLUMN: Partial<Record<Invariant, 'lost' | 'twice' | 'outOfOrder'>> = {
  lost: 'lost',
  unanswered: 'lost',
  twice: 'twice',
  outOfOrder: 'outOfOrder',
};

export function makeReport(made: Made): Report {
  const { seed, seconds, runs, verdict, unfinished, controllers, screens, said, residentMiB } = made;
  const counting = runs.filter(({ short }) => short.length === 0);
  const kills = counting.filter(({ isKill }) => isKill);
  const converged = counting.map(({ convergeMs }) => convergeMs).sort((a, b) => a - b);
  const least = (values: readonly number[]) => (values.length === 0 ? 0 : Math.min(...values));
  return {
    seed,
    seconds: Math.round(seconds),
    runs: counting.length,
    runsThatDoNotCount: tally(
      runs.flatMap(({ short, fault }) => (short.length === 0 ? [] : [`${fault}: ${short}`])),
    ),
    violations: verdict.violations.length + (unfinished === undefined ? 0 : 1),
    byInvariant: tally(verdict.violations.map(({ invariant }) => invariant)),
    examples: examplesOf(verdict.violations, runs),
    unfinished,
    faults: byFault(runs, verdict.violations),
    accepted: new Set(controllers.flatMap((record) => (record.kind === 'ok' ? [record.id] : []))).size,
    transmissions: controllers.filter(({ kind }) => kind === 'invoke').length,
    refused: controllers.filter((record) => record.kind === 'fail' && !record.retryable).length,
    runsOnScreens: screens.flat().filter(({ kind }) => kind === 'run').length,
    ended: tally([...said.values()]),
    requeued: made.requeued,
    interruptedAndRepeated: verdict.interruptedAndRepeated,
    leastUnsettled: least(kills.map(({ unsettled }) => unsettled)),
    leastUnanswered: least(kills.map(({ unanswered }) => unanswered)),
    convergeMsMedian: Math.round(converged[Math.floor(converged.length / 2)] ?? 0),
    convergeMsMost: Math.round(converged.at(-1) ?? 0),
    residentMiBMost: residentMiB,
  };
}

function faultAt(runs: readonly RunRecord[], at: number): string {
  return (runs.find(({ since, done }) => since <= at && at <= done) ?? runs.at(-1))?.fault ?? 'none';
}

function byFault(runs: readonly RunRecord[], violations: readonly Violation[]): Record<string, FaultFigures> {
  const figures: Record<string, FaultFigures> = {};
  const of = (name: string) => {
    figures[name] ??= {
      ...{ runs: 0, accepted: 0, lost: 0, twice: 0, outOfOrder: 0, other: 0 },
      ...{ settleMs: 0, delayMs: 0 },
    };
    return figures[name];
  };
  for (const { fault, accepted, short, settleMs, delayMs } of runs) {
    if (short.length > 0) continue;
    const figure = of(fault);
    figure.runs += 1;
    figure.accepted += accepted;
    figure.settleMs = Math.max(figure.settleMs, Math.round(settleMs));
    const isKnown = figure.delayMs !== null && delayMs !== undefined;
    figure.delayMs = isKnown ? Math.max(figure.delayMs ?? 0, Math.round(delayMs)) : null;
  }
  for (const { invariant, at } of violations) of(faultAt(runs, at))[COLUMN[invariant] ?? 'other'] += 1;
  return Object.fromEntries(Object.entries(figures).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function examplesOf(violations: readonly Violation[], runs: readonly RunRecord[]): Report['examples'] {
  const seen = new Map<Invariant, number>();
  return violations.flatMap((violation) => {
    const count = (seen.get(violation.invariant) ?? 0) + 1;
    seen.set(violation.invariant, count);
    return count > EXAMPLES ? [] : [{ ...violation, fault: faultAt(runs, violation.at) }];
  });
}

function tally<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  const counts = {} as Record<Key, number>;
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

/** A table for people: one line a fault. */
export function formatReport(report: Report): string {
  const rows = Object.entries(report.faults).map(
    ([name, { runs, accepted, lost, twice, outOfOrder, other }]) => [
      name,
      ...[runs, accepted, lost, twice, outOfOrder, other].map(String),
    ],
  );
  const sums = (['runs', 'accepted', 'lost', 'twice', 'outOfOrder', 'other'] as const).map((column) =>
    String(Object.values(report.faults).reduce((total, figures) => total + figures[column], 0)),
  );
  const table = [
    ['fault', 'runs', 'accepted', 'lost', 'twice', 'out of order', 'other'],
    ...rows,
    ['all', ...sums],
  ];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  return [
    ...lines,
    '',
    `${report.transmissions} transmissions, ${report.refused} refused for good, ${report.runsOnScreens} run by screens`,
    `ended: ${Object.entries(report.ended)
      .map(([status, count]) => `${status} ${count}`)
      .join(', ')}`,
    `dead letters requeued: ${report.requeued}`,
    `interrupted by the screen's own death and repeated under at-least-once: ${report.interruptedAndRepeated}`,
    `seed ${report.seed}, ${report.seconds} s`,
    ...report.examples.map(
      ({ fault, invariant, subject, detail }) => `  ${fault}: ${invariant}: ${subject}: ${detail}`,
    ),
    ...(report.unfinished === undefined ? [] : [`NOT FINISHED: ${report.unfinished}`]),
  ].join('\n');
}
