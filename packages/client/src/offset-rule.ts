import type { Entry, StreamState } from '@bongsu/protocol';

/** What to do with an entry that was begun before a crash and not finished. */
export type Policy = 'at-least-once' | 'at-most-once';

interface Begun {
  epoch: string;
  seq: number;
  key: string;
}

/** A screen's place in one stream, as it is stored. */
export interface StreamRecord {
  epoch: string;
  /** Every entry up to here is executed or was ended by the server. */
  done: number;
  /** The entry begun last, until it is finished. */
  started: Begun | null;
  /** Entries begun, never finished, and ended by the server: at-most-once must know them in a later epoch. */
  interrupted: Begun[];
  /** Keys executed since `done` was last taken from the server, at most 1,000, oldest first. */
  executed: string[];
  /** Keys executed before that: these decide what is a repeat, for their sequence numbers mean nothing now. */
  earlier: string[];
}

export type Decision =
  /** Executed before: store `record` if it is there, then answer `executed`. */
  | { action: 'answer'; record?: StreamRecord }
  /** Something before it is missing; the server sends both again. */
  | { action: 'drop' }
  /** Begun before a crash, and not to be begun twice: answer `failed`, not retryable. */
  | { action: 'refuse' }
  /** Store `record`, run the handler, then store `finished` or `failed`. */
  | { action: 'run'; record: StreamRecord };

const MAX_KEYS = 1000;

/** Ids are unique per sender only. */
function keyOf(entry: Entry, id = entry.id): string {
  return `${entry.from.userId} ${id}`;
}

export function newRecord(epoch: string): StreamRecord {
  return { epoch, done: 0, started: null, interrupted: [], executed: [], earlier: [] };
}

/** The place after a `ready`: the server's, if it could not go on from ours. */
export function onReady(
  record: StreamRecord | undefined,
  epoch: string,
  state: StreamState | undefined,
): StreamRecord {
  if (!record) return newRecord(epoch);
  if (record.epoch === epoch && state?.recovered !== false) return record;
  return rebase(record, epoch, state?.acked ?? 0);
}

function rebase(record: StreamRecord, epoch: string, acked: number): StreamRecord {
  return {
    ...record,
    epoch,
    done: acked,
    executed: [],
    earlier: lastOf([...record.earlier, ...record.executed]),
  };
}

/** What to do with an entry whose turn has come. */
export function onEntry(stored: StreamRecord, entry: Entry, policy: Policy): Decision {
  const { epoch, seq, prev = 0 } = entry;
  // A new epoch comes with a new `ready`; without one, keys alone decide.
  const record = stored.epoch === epoch ? stored : rebase(stored, epoch, 0);
  if (seq <= record.done) return { action: 'answer' };
  if (prev > record.done) return { action: 'drop' };
  if (isRepeat(record, entry)) {
    // What was begun and interrupted is another entry, and stays known.
    return { action: 'answer', record: { ...onFinished(record, entry), started: record.started } };
  }
  if (policy === 'at-most-once' && wasStarted(record, entry)) return { action: 'refuse' };
  return { action: 'run', record: onBegun(record, { epoch, seq, key: keyOf(entry) }) };
}

function onBegun(record: StreamRecord, begun: Begun): StreamRecord {
  const { started, interrupted } = record;
  const left = started && started.key !== begun.key ? lastOf([...interrupted, started]) : interrupted;
  return { ...record, started: begun, interrupted: left };
}

function isRepeat({ earlier, executed }: StreamRecord, entry: Entry): boolean {
  if (earlier.includes(keyOf(entry))) return true;
  if (entry.requeueOf === undefined) return false;
  const first = keyOf(entry, entry.requeueOf);
  return executed.includes(first) || earlier.includes(first);
}

function wasStarted({ started, interrupted }: StreamRecord, entry: Entry): boolean {
  const key = keyOf(entry);
  const isSame = (begun: Begun) =>
    begun.epoch === entry.epoch ? begun.seq === entry.seq : begun.key === key;
  return (started !== null && isSame(started)) || interrupted.some(isSame);
}

/** The place once the handler is through. */
export function onFinished(record: StreamRecord, entry: Entry): StreamRecord {
  const keys = [keyOf(entry)];
  // The next of the chain names its first id, not this one's.
  if (entry.requeueOf !== undefined) keys.push(keyOf(entry, entry.requeueOf));
  return { ...record, done: entry.seq, started: null, executed: lastOf([...record.executed, ...keys]) };
}

/** The place once the handler has thrown: the entry may be begun again, under either policy. */
export function onFailed(record: StreamRecord): StreamRecord {
  return { ...record, started: null };
}

function lastOf<T>(list: T[]): T[] {
  return list.slice(-MAX_KEYS);
}
