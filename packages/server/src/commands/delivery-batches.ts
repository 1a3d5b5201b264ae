import { type Clock, type DatabaseClock, sleep } from '../platform/clock.js';
import { isDatabaseFault } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import { BatchProcessor } from '../platform/resilience/batch-processor.js';
import { fewStatements } from '../platform/resilience/few-statements.js';
import type {
  DeliveryLedger,
  FenceAnswer,
  FenceRequest,
  Mismatch,
  ReadInbox,
  Settlement,
  StoredEntry,
} from './delivery-ledger.js';
import type { InboxEntry } from './hints.js';

export interface DeliveryBatchesDeps {
  ledger: DeliveryLedger;
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  node: { name: string; incarnation: string };
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  /** Aborted when a stopping server waits no longer. */
  signal: AbortSignal;
}

/** `rival`: another connection asked in the same breath and opened later. */
export type FenceResult = FenceAnswer | 'rival' | undefined;

/** `unwritten`: it could not be stored, or the server stops. */
export type SettleResult = Mismatch | 'unwritten' | undefined;

export interface ReadPage {
  entries: InboxEntry[];
  epoch: string | undefined;
}

/** How screens coming and going by the thousand become few statements. */
export interface DeliveryBatches {
  fences: BatchProcessor<FenceRequest, FenceResult>;
  settlements: BatchProcessor<Settlement, SettleResult>;
  reads: BatchProcessor<ReadInbox, ReadPage>;
}

const READS_A_BATCH = 64;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;

export function createDeliveryBatches(deps: DeliveryBatchesDeps): DeliveryBatches {
  const shape = fewStatements(deps.clock);
  const broken = new Set<string>();
  return {
    fences: new BatchProcessor({
      ...shape,
      keyOf: (request: FenceRequest) => request.screenId,
      process: (requests: FenceRequest[]) => takeFences(deps, requests),
    }),
    settlements: new BatchProcessor({
      ...shape,
      keyOf: (settlement: Settlement) => settlement.screenId,
      process: (settlements: Settlement[]) => settle(deps, broken, settlements),
    }),
    reads: new BatchProcessor({
      ...shape,
      maxSize: READS_A_BATCH,
      keyOf: (request: ReadInbox) => request.streamId,
      process: (requests: ReadInbox[]) => readPages(deps, requests),
    }),
  };
}

async function takeFences(deps: DeliveryBatchesDeps, requests: FenceRequest[]): Promise<FenceResult[]> {
  const winners = new Map<string, FenceRequest>();
  for (const request of requests) {
    const other = winners.get(request.screenId);
    if (!other || other.connectedAt <= request.connectedAt) winners.set(request.screenId, request);
  }
  const answers = await deps.ledger.takeFences([...winners.values()], deps.node);
  const byScreen = new Map(answers.map((answer) => [answer.screenId, answer]));
  return requests.map((request) =>
    winners.get(request.screenId) === request ? byScreen.get(request.screenId) : 'rival',
  );
}

/** @param broken connections whose receipts could not be stored once, until they are released */
async function settle(
  deps: DeliveryBatchesDeps,
  broken: Set<string>,
  settlements: Settlement[],
): Promise<SettleResult[]> {
  // What comes after a hole is cumulative and would cover it: of such a connection only the release is left.
  const refused = new Set(settlements.filter((settlement) => broken.has(keyOf(settlement))));
  const writable = settlements
    .filter((settlement) => !refused.has(settlement) || settlement.release)
    .map((settlement) => (refused.has(settlement) ? bareRelease(settlement) : settlement));
  const results = await settleByConnection(deps, writable);
  for (const settlement of writable) {
    const connection = keyOf(settlement);
    if (settlement.release) broken.delete(connection);
    else if (results.get(connection) === 'unwritten') broken.add(connection);
  }
  return settlements.map((settlement) =>
    refused.has(settlement) ? 'unwritten' : results.get(keyOf(settlement)),
  );
}

function bareRelease(settlement: Settlement): Settlement {
  return { ...settlement, ackedSeq: 0, ended: [], failed: [], reported: [] };
}

async function settleByConnection(
  deps: DeliveryBatchesDeps,
  settlements: readonly Settlement[],
): Promise<Map<string, SettleResult>> {
  const merged = mergeSettlements(settlements);
  const results = await settleUntilWritten(deps, merged);
  return new Map(merged.map((settlement, index) => [keyOf(settlement), results[index]]));
}

/** Receipts are facts: they wait for the database, as long as this process lives. Writing them twice changes nothing. */
async function settleUntilWritten(
  deps: DeliveryBatchesDeps,
  settlements: readonly Settlement[],
): Promise<SettleResult[]> {
  for (
    let pauseMs = FIRST_PAUSE_MS;
    !deps.signal.aborted;
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)
  ) {
    try {
      const mismatches = await deps.ledger.settle(settlements, deps.databaseClock());
      return settlements.map((_, slot) => mismatches.get(slot));
    } catch (error) {
      if (isDatabaseFault(error, 'content')) return settleOneByOne(deps, settlements, error);
      deps.log.warn({ err: error, receipts: settlements.length }, 'receipts could not be written yet');
    }
    await sleep(deps.clock, pauseMs, deps.signal).catch(() => undefined);
  }
  return settlements.map(() => 'unwritten');
}

async function settleOneByOne(
  deps: DeliveryBatchesDeps,
  settlements: readonly Settlement[],
  cause: unknown,
): Promise<SettleResult[]> {
  if (settlements.length <= 1) {
    deps.log.error({ err: cause, screenId: settlements[0]?.screenId }, 'receipts cannot be stored');
    return settlements.map(() => 'unwritten');
  }
  const results: SettleResult[] = [];
  for (const settlement of settlements) results.push(...(await settleUntilWritten(deps, [settlement])));
  return results;
}

/** One settlement a connection: receipts are cumulative. */
function mergeSettlements(settlements: readonly Settlement[]): Settlement[] {
  const byConnection = new Map<string, Settlement[]>();
  for (const settlement of settlements) {
    const connection = keyOf(settlement);
    const others = byConnection.get(connection);
    if (others) others.push(settlement);
    else byConnection.set(connection, [settlement]);
  }
  return [...byConnection.values()].map(join);
}

/** The connection that settles. After a failover the same fence may be another's. */
function keyOf({ epoch, fence, screenId }: Settlement): string {
  return `${epoch} ${fence} ${screenId}`;
}

function join(parts: readonly Settlement[]): Settlement {
  const [first] = parts as [Settlement];
  if (parts.length === 1) return first;
  const failed = parts.flatMap((part) => part.failed);
  return {
    ...first,
    ackedSeq: Math.max(...parts.map(({ ackedSeq }) => ackedSeq)),
    release: parts.some(({ release }) => release),
    ended: parts.flatMap((part) => part.ended),
    failed: [...new Map(failed.map((attempt) => [attempt.seq, attempt])).values()],
    reported: parts.flatMap((part) => part.reported),
  };
}

async function readPages(deps: DeliveryBatchesDeps, requests: ReadInbox[]): Promise<ReadPage[]> {
  const first = new Map<number, ReadInbox>();
  for (const request of requests) if (!first.has(request.streamId)) first.set(request.streamId, request);
  const stored = await deps.ledger.readInboxes([...first.values()]);
  const names = await deps.usernames([...new Set(stored.map((entry) => entry.senderId))]);
  const pages = new Map<ReadInbox, ReadPage>();
  for (const request of first.values()) pages.set(request, { entries: [], epoch: undefined });
  for (const entry of stored) {
    const request = first.get(entry.streamId);
    const page = request && pages.get(request);
    if (!page) continue;
    page.epoch = entry.epoch;
    page.entries.push(toEntry(entry, names));
  }
  // While one connection takes over from another both may ask for one inbox.
  const others = requests.filter((request) => !pages.has(request));
  const rest = others.length > 0 ? await readPages(deps, others) : [];
  others.forEach((request, index) => {
    const page = rest[index];
    if (page) pages.set(request, page);
  });
  return requests.map((request) => pages.get(request) ?? { entries: [], epoch: undefined });
}

function toEntry(
  { senderId, streamId: _streamId, epoch: _epoch, ...entry }: StoredEntry,
  names: ReadonlyMap<string, string>,
): InboxEntry {
  return { ...entry, sender: { userId: senderId, username: names.get(senderId) ?? '' } };
}
