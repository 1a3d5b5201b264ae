import { BongsuError } from '@bongsu/protocol';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { BatchProcessor } from '../platform/resilience/batch-processor.js';
import { commitBatch } from './commit.js';
import type { HintChannel } from './hint-channel.js';
import type { CopyPlace, Hint, InboxEntry } from './hints.js';
import { type AcceptOutcome, encodeBatch, type Ledger, type NewCommand } from './ledger.js';

export interface AcceptanceConfig {
  maxPendingPerScreen: number;
  batchSize: number;
  batchMaxWaitMs: number;
}

export interface AcceptanceDeps {
  config: AcceptanceConfig;
  ledger: Ledger;
  hints: HintChannel<Hint>;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
  /** Aborted when a stopping server waits no longer. */
  signal: AbortSignal;
  onEpoch(epoch: string): void;
  /** The stream of a screen takes no more for now. */
  onFull(stream: string): void;
}

export type AcceptBatcher = BatchProcessor<NewCommand, AcceptOutcome>;

export const LARGEST_BATCH = 256;
export const BATCHES_IN_FLIGHT = 2;
export const MAX_QUEUED = 8192;
export const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
export const BUSY_RETRY_MS = 250;
/** Longer than a restart of the database takes, shorter than a client waits. */
export const COMMIT_DEADLINE_MS = 10_000;

/** The batches between the gates and the ledger: an item's promise resolves after COMMIT. */
export function createAcceptBatcher(deps: AcceptanceDeps): AcceptBatcher {
  const { config, ledger, clock, databaseClock, log, metrics } = deps;
  const sizes = metrics.histogram('bongsu_batch_size', 'Commands a batch.', [1, 2, 5, 10, 25, 50, 100, 256]);
  const seconds = metrics.histogram(
    'bongsu_commit_seconds',
    'Seconds from sending a batch to its COMMIT, reruns included.',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10],
  );
  const commit = {
    ledger,
    clock,
    log,
    deadlineMs: COMMIT_DEADLINE_MS,
    encode: (commands: readonly NewCommand[]) =>
      encodeBatch(commands, databaseClock(), config.maxPendingPerScreen),
  };
  return new BatchProcessor<NewCommand, AcceptOutcome>({
    size: config.batchSize,
    maxSize: Math.max(config.batchSize, LARGEST_BATCH),
    maxInFlight: BATCHES_IN_FLIGHT,
    maxWaitMs: config.batchMaxWaitMs,
    maxQueued: MAX_QUEUED,
    maxQueuedBytes: MAX_QUEUED_BYTES,
    refuse: () => new BongsuError('BUSY', { retryAfterMs: BUSY_RETRY_MS }),
    clock,
    keyOf: (command) => command.streamId,
    bytesOf: (command) => command.payload.length,
    async process(commands) {
      const startedAt = clock.monotonic();
      const outcomes = await commitBatch(commands, commit, deps.signal);
      seconds.observe((clock.monotonic() - startedAt) / 1000);
      sizes.observe(commands.length);
      try {
        tellEntries(deps, commands, outcomes);
      } catch (err) {
        // It is committed, so the answers stand. Whoever was not told finds it by comparing heads.
        log.error({ err }, 'accepted commands could not be told of');
      }
      return outcomes;
    },
  });
}

function tellEntries(
  { hints, onEpoch, onFull }: AcceptanceDeps,
  commands: readonly NewCommand[],
  outcomes: readonly AcceptOutcome[],
): void {
  let epoch = '';
  const entries: InboxEntry[] = [];
  outcomes.forEach((outcome, index) => {
    const command = commands[index];
    if (outcome.kind === 'full' && command) onFull(command.stream);
    if (outcome.kind !== 'accepted' || !command || command.type === 'message') return;
    epoch = outcome.epoch;
    const { stream, type } = command;
    const { seq, acceptedAt } = outcome;
    entries.push({ ...toEntry(command, type, acceptedAt), stream, seq, settled: false });
  });
  if (entries.length === 0) return;
  onEpoch(epoch);
  hints.tell({ kind: 'entries', epoch, entries });
}

/** The entry of an inbox, as hints tell it, but for its place there. */
export function toEntry(
  command: NewCommand,
  type: InboxEntry['type'],
  acceptedAt: number,
): Omit<InboxEntry, keyof CopyPlace> {
  return {
    id: command.id,
    type,
    fields: command.fields,
    bytes: command.payload.length,
    acceptedAt,
    expiresAt: acceptedAt + command.ttlMs,
    sender: { userId: command.senderId, username: command.username },
    notify: command.notify,
    retries: command.retries,
    failed: 0,
    lost: 0,
  };
}
