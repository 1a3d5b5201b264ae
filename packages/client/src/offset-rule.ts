import type { Entry, StreamState } from '@bongsu/protocol';

/** What to do with an entry that was begun before a crash and not finished. */
export type Policy = 'at-least-once' | 'at-most-once';

/** A screen's place in one stream, as it is stored. */
export interface StreamRecord {
  epoch: string;
  /** Every entry up to here is executed or was ended by the server. */
  done: number;
  /** The entry begun last, until it is finished. */
  started: { epoch: string; seq: number; key: string } | null;
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
  return { epoch, done: 0, started: null, executed: [], earlier: [] };
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
    epoch,
    done: acked,
    started: record.started,
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
  if (isRepeat(record, entry)) return { action: 'answer', record: onFinished(record, entry) };
  if (policy === 'at-most-once' && wasStarted(record, entry)) return { action: 'refuse' };
  return { action: 'run', record: { ...record, started: { epoch, seq, key: keyOf(entry) } } };
}

function isRepeat({ earlier, executed }: StreamRecord, entry: Entry): boolean {
  if (earlier.includes(keyOf(entry))) return true;
  if (entry.requeueOf === undefined) return false;
  const first = keyOf(entry, entry.requeueOf);
  return executed.includes(first) || earlier.includes(first);
}

function wasStarted({ started }: StreamRecord, entry: Entry): boolean {
  if (!started) return false;
  return started.epoch === entry.epoch ? started.seq === entry.seq : started.key === keyOf(entry);
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

function lastOf(keys: string[]): string[] {
  return keys.slice(-MAX_KEYS);
}
