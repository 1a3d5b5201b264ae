import { checkWindows } from './check-windows.js';
import type { History, Invariant, Violation } from './checker.js';
import type { ScreenRecord } from './history.js';

type Run = Extract<ScreenRecord, { kind: 'run' }>;
type Add = (invariant: Invariant, record: { at: number }, subject: string, detail: string) => void;

/** The invariants of what one screen saw and did, in its own order. */
export function checkScreens({ screens, requeued = new Map() }: History): {
  violations: Violation[];
  interruptedAndRepeated: number;
} {
  const violations: Violation[] = [];
  const add: Add = (invariant, { at }, subject, detail) =>
    violations.push({ invariant, subject, at, detail });
  let interruptedAndRepeated = 0;
  for (const records of screens) {
    interruptedAndRepeated += checkRuns(records, requeued, add);
    checkSockets(records, add);
    checkOffsets(records, add);
    checkEpochs(records, add);
    checkAttempts(records, add);
    violations.push(...checkWindows(records));
  }
  return { violations, interruptedAndRepeated };
}

/** Runs rise and none comes twice, except one that this screen's own death interrupted under at-least-once. */
function checkRuns(
  records: readonly ScreenRecord[],
  requeued: ReadonlyMap<string, string>,
  add: Add,
): number {
  const begun = new Map<string, Run>();
  const finished = new Set<string>();
  /** By the first id of its chain: dead letters sent again are one command, whichever of them ran. */
  const finishedChains = new Map<string, Run>();
  const chainOf = (id: string) => requeued.get(id) ?? id;
  let policy = 'at-least-once';
  let interrupted: Run | undefined;
  let last: Run | undefined;
  let repeated = 0;
  for (const record of records) {
    if (record.kind === 'boot') {
      policy = record.policy;
      interrupted = last && !finished.has(last.id) ? last : undefined;
    }
    if (record.kind === 'done') {
      finished.add(record.id);
      const run = begun.get(record.id);
      if (run) finishedChains.set(chainOf(record.id), run);
    }
    if (record.kind !== 'run') continue;
    // What was begun, never finished and reported as failed may be asked for once more.
    const before = begun.get(record.id) ?? finishedChains.get(chainOf(record.id));
    if (before && before === interrupted && policy === 'at-least-once') {
      repeated += 1;
    } else {
      if (before) add('twice', record, record.id, `at ${before.seq} and at ${record.seq}`);
      const isSamePlace = last?.epoch === record.epoch && record.seq === last.seq;
      if (isSamePlace && !before) add('twice', record, record.id, `${record.seq} is ${last?.id} too`);
      if (last && last.epoch === record.epoch && record.seq < last.seq) {
        add('outOfOrder', record, record.id, `${record.seq} after ${last.seq}`);
      }
    }
    begun.set(record.id, record);
    last = record;
  }
  return repeated;
}

/** What came on a socket, and how it was answered. */
interface OnSocket {
  arrived: Set<number>;
  executed: Set<number>;
  failed: number[];
}

/**
 * On one socket: nothing is sent again unless it, or one before it, failed or was left without an answer, and never what was answered
 * as executed; `prev` came before. A screen that is connected twice hears of either in turn.
 */
function checkSockets(records: readonly ScreenRecord[], add: Add): void {
  const sockets = new Map<string, OnSocket>();
  for (const record of records) {
    if (record.kind !== 'got' && record.kind !== 'answer') continue;
    const seen = sockets.get(record.socket) ?? { arrived: new Set(), executed: new Set(), failed: [] };
    sockets.set(record.socket, seen);
    const { arrived, executed, failed } = seen;
    const { seq } = record;
    if (record.kind === 'answer') {
      if (record.status === 'executed') executed.add(seq);
      else failed.push(seq);
      continue;
    }
    const { prev } = record;
    if (prev !== 0 && !arrived.has(prev)) add('wrongPrev', record, record.id, `prev ${prev} never came`);
    if (prev >= seq) add('wrongPrev', record, record.id, `prev ${prev} of ${seq}`);
    const isExcused = failed.some((other) => other <= seq) || hasSilent(arrived, executed, seq);
    if (arrived.has(seq) && (executed.has(seq) || !isExcused)) {
      add('sentAgain', record, record.id, `${seq} came twice on one socket`);
    }
    arrived.add(seq);
  }
}

/** A resume offset is a receipt: what it covers never comes to its socket. */
function checkOffsets(records: readonly ScreenRecord[], add: Add): void {
  const offsets = new Map<string, number>();
  for (const record of records) {
    if (record.kind === 'open' && record.recovered && record.resumeEpoch === record.epoch) {
      offsets.set(record.socket, record.resumeSeq ?? 0);
    }
    if (record.kind !== 'got') continue;
    const offset = offsets.get(record.socket) ?? 0;
    if (record.seq <= offset) {
      add('sentAgain', record, record.id, `${record.seq} came to a socket that went on from ${offset}`);
    }
  }
}

function hasSilent(arrived: ReadonlySet<number>, executed: ReadonlySet<number>, before: number): boolean {
  return [...arrived].some((seq) => seq < before && !executed.has(seq));
}

function checkEpochs(records: readonly ScreenRecord[], add: Add): void {
  for (const record of records) {
    if (record.kind !== 'open' || record.resumeEpoch === undefined) continue;
    if (record.resumeEpoch !== record.epoch && record.recovered) {
      add('epoch', record, record.screen, `recovered from ${record.resumeEpoch} in ${record.epoch}`);
    }
  }
}

function checkAttempts(records: readonly ScreenRecord[], add: Add): void {
  const attempts = new Map<string, number>();
  for (const record of records) {
    if (record.kind !== 'got') continue;
    const key = `${record.epoch} ${record.id}`;
    const before = attempts.get(key) ?? 0;
    if (record.attempt < before) add('attempts', record, record.id, `${record.attempt} after ${before}`);
    attempts.set(key, record.attempt);
  }
}
