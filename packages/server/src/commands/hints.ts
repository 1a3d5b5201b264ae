import type { Notify, Sender } from '@bongsu/protocol';

/** An entry of an inbox, from a hint or read from the ledger. */
export interface InboxEntry {
  stream: string;
  seq: number;
  id: string;
  type: 'trigger' | 'navigate';
  /** action, data, url, displayIndex. */
  fields: object;
  /** Length of its JSON text. */
  bytes: number;
  acceptedAt: number;
  expiresAt: number;
  sender: Sender;
  notify: Notify;
  requeueOf?: string;
  /** Tries after the first one; absent: COMMAND_MAX_RETRIES. */
  retries?: number | undefined;
  /** Terminal before its turn came. */
  settled: boolean;
  /** Receipts that said failed, and connections that ended while it was the oldest in flight. */
  failed: number;
  lost: number;
  /** After a failure: not sent before, database clock; and what the screen said. */
  nextAt?: number | undefined;
  lastError?: string | undefined;
}

/** Where one copy of a room's command is. */
export type CopyPlace = Pick<InboxEntry, 'stream' | 'seq' | 'settled'>;

/** What nodes tell each other. A lost hint costs latency: heads are compared with SQL. */
export type Hint =
  | { kind: 'entries'; epoch: string; entries: InboxEntry[] }
  /** One command in many inboxes: what is the same in all of them is told once. */
  | { kind: 'copies'; epoch: string; entry: Omit<InboxEntry, keyof CopyPlace>; places: CopyPlace[] }
  /** The stream ends at `seq` now: what is new is read from the ledger. */
  | { kind: 'head'; stream: string; seq: number }
  /** A screen's fence was taken by a connection that is alive. */
  | { kind: 'fence'; screenId: string; fence: number; instanceId: string | null }
  /** A heartbeat: whoever hears nothing of a living node compares heads. `isWell`: it renewed its lease lately; older versions do not say. */
  | { kind: 'alive'; incarnation: string; isWell?: boolean; region?: string };

const KINDS: ReadonlySet<unknown> = new Set<Hint['kind']>(['entries', 'copies', 'head', 'fence', 'alive']);

export function isHint(message: unknown): message is Hint {
  return typeof message === 'object' && message !== null && 'kind' in message && KINDS.has(message.kind);
}
