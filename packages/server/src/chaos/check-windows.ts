import type { Violation } from './checker.js';
import type { ScreenRecord } from './history.js';

type Got = Extract<ScreenRecord, { kind: 'got' }>;
type Answer = Extract<ScreenRecord, { kind: 'answer' }>;

/** Half of the time after which silence ends an entry: what is older may have left flight by it. */
const SILENT_MS = 500;

/** On each socket no more entries are in flight than its screen announced. */
export function checkWindows(records: readonly ScreenRecord[]): Violation[] {
  const windows = new Map<string, number>();
  const flights = new Map<string, Flight>();
  return records.flatMap((record): Violation[] => {
    if (record.kind === 'open') windows.set(record.socket, record.window);
    if (record.kind !== 'got' && record.kind !== 'answer') return [];
    const { socket, at, id } = record;
    const flight = flights.get(socket) ?? new Flight();
    flights.set(socket, flight);
    if (record.kind === 'answer') {
      flight.answer(record);
      return [];
    }
    const window = windows.get(socket) ?? 1;
    const count = flight.take(record);
    if (count <= window) return [];
    return [
      { invariant: 'window', subject: id, at, detail: `${count} in flight, and ${window} were announced` },
    ];
  });
}

/** What its screen can know of what the server has in flight: never more than there is. */
class Flight {
  /** When each came. */
  readonly #unanswered = new Map<number, number>();
  /** Failed, or sent behind one that failed before the server heard of it: these leave flight by go-back-N. */
  readonly #dropped = new Set<number>();
  readonly #arrived = new Set<number>();

  answer({ seq, status }: Answer): void {
    this.#unanswered.delete(seq);
    if (status === 'executed') return;
    this.#dropped.add(seq);
    for (const other of this.#unanswered.keys()) if (other > seq) this.#dropped.add(other);
    this.#leave((other) => other > seq);
  }

  /** Answers how many are in flight now. */
  take({ seq, prev, at }: Got): number {
    // Go-back-N: whatever stood behind it comes again as well.
    if (this.#arrived.has(seq)) this.#leave((other) => other >= seq);
    this.#arrived.add(seq);
    if (prev !== 0 && this.#dropped.has(prev)) {
      this.#dropped.add(seq);
      return 0;
    }
    this.#dropped.delete(seq);
    if ([...this.#unanswered.values()].some((since) => at - since > SILENT_MS)) this.#leave(() => true);
    this.#unanswered.set(seq, at);
    return this.#unanswered.size;
  }

  #leave(isIt: (seq: number) => boolean): void {
    for (const seq of [...this.#unanswered.keys()].filter(isIt)) this.#unanswered.delete(seq);
  }
}
