import type { History, Violation } from './checker.js';

/** The ledger's tables at one moment, as the database says, not the server. */
export interface LedgerFacts {
  at: number;
  epoch: string;
  sessions: readonly { screen: string; fence: number; acked: number; lastSeq: number }[];
  /** Of those that are dead. */
  deadDeliveries: readonly { screen: string; seq: number; commandId: string }[];
  deadLetters: readonly { screen: string; commandId: string; reason: string }[];
  /** Commands that took the place of a dead letter. */
  requeued: readonly { id: string; stream: string; seq: number; acceptedAt: number }[];
  /** Entries at or below acked_seq without a delivery row. */
  uncovered: readonly { screen: string; seq: number }[];
}

/** The invariants that need the tables. */
export function checkLedger({ facts = [], controllers }: History): Violation[] {
  const violations: Violation[] = requeuedTwice(controllers);
  facts.forEach((now, index) => {
    const before = facts[index - 1];
    if (before?.epoch === now.epoch) violations.push(...falls(before, now));
    for (const { screen, seq } of now.uncovered) {
      const detail = `${seq} is below acked_seq and has no outcome`;
      violations.push({ invariant: 'lost', subject: screen, at: now.at, detail });
    }
  });
  const last = facts.at(-1);
  return last ? [...violations, ...letters(last)] : violations;
}

/** However often it is asked for: one command takes a letter's place. */
function requeuedTwice(controllers: History['controllers']): Violation[] {
  const places = new Map<string, string>();
  return controllers.flatMap((record): Violation[] => {
    if (record.kind !== 'requeue') return [];
    const { id, letter, at } = record;
    const before = places.get(letter) ?? id;
    places.set(letter, before);
    if (before === id) return [];
    return [{ invariant: 'deadLetters', subject: letter, at, detail: `requeued as ${before} and as ${id}` }];
  });
}

function falls(before: LedgerFacts, now: LedgerFacts): Violation[] {
  const earlier = new Map(before.sessions.map((session) => [session.screen, session]));
  return now.sessions.flatMap((session): Violation[] => {
    const was = earlier.get(session.screen);
    if (!was) return [];
    const fallen = (['fence', 'acked', 'lastSeq'] as const).filter((name) => session[name] < was[name]);
    return fallen.map((name) => ({
      invariant: 'fell',
      subject: session.screen,
      at: now.at,
      detail: `${name} was ${was[name]} and is ${session[name]}`,
    }));
  });
}

/** A requeued or removed letter is still a row until its days are over. */
function letters({ at, deadDeliveries, deadLetters }: LedgerFacts): Violation[] {
  const keyOf = ({ screen, commandId }: { screen: string; commandId: string }) => `${screen} ${commandId}`;
  const counts = new Map<string, number>();
  for (const letter of deadLetters) counts.set(keyOf(letter), (counts.get(keyOf(letter)) ?? 0) + 1);
  const dead = new Set(deadDeliveries.map(keyOf));
  const wrong = (subject: string, detail: string): Violation => ({
    invariant: 'deadLetters',
    subject,
    at,
    detail,
  });
  return [
    ...[...dead].filter((key) => !counts.has(key)).map((key) => wrong(key, 'dead, and no letter')),
    ...[...counts].filter(([key]) => !dead.has(key)).map(([key]) => wrong(key, 'a letter, and not dead')),
    ...[...counts].filter(([, count]) => count > 1).map(([key, count]) => wrong(key, `${count} letters`)),
  ];
}
