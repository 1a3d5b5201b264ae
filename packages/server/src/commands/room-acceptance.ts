import { BongsuError, type CommandStatus } from '@bongsu/protocol';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../platform/clock.js';
import { upTo } from '../platform/grown-cache.js';
import type { Push } from '../platform/push.js';
import { BatchProcessor } from '../platform/resilience/batch-processor.js';
import {
  type AcceptanceConfig,
  type AcceptanceDeps,
  type AcceptBatcher,
  BATCHES_IN_FLIGHT,
  BUSY_RETRY_MS,
  COMMIT_DEADLINE_MS,
  LARGEST_BATCH,
  MAX_QUEUED,
  MAX_QUEUED_BYTES,
  toEntry,
} from './acceptance.js';
import { type CommitDeps, commitBatch, refusals } from './commit.js';
import type { HintChannel } from './hint-channel.js';
import type { Hint } from './hints.js';
import type { AcceptOutcome, NewCommand } from './ledger.js';
import type { RoomHint } from './room-hints.js';
import {
  type EncodedRoomBatch,
  encodeRoomBatch,
  MAX_SCREENS_A_ROOM,
  type RoomLedger,
} from './room-ledger.js';
import { StatusTeller } from './status-teller.js';

export interface RoomAcceptanceDeps extends Omit<AcceptanceDeps, 'ledger' | 'config'> {
  config: AcceptanceConfig & { hook: object | undefined };
  ledger: RoomLedger;
  roomHints: HintChannel<RoomHint>;
  push: Pick<Push, 'toUser'>;
}

type Accepted = Extract<AcceptOutcome, { kind: 'accepted' }>;

/** A statement that writes so many entries still ends in a second or two, on a slow machine too. */
const ENTRIES_A_STATEMENT = 16_000;
/** How long a room counts as having as many screens as its last command went to; before that it counts as full. */
const SCREENS_KNOWN_MS = 10_000;
const ROOMS_KNOWN = 10_000;

/** The batches of room commands: their own, so that fan-outs never hold up commands to single screens. */
export function createRoomBatcher(deps: RoomAcceptanceDeps): AcceptBatcher {
  const { config, ledger, clock, databaseClock, log, metrics } = deps;
  const seconds = metrics.histogram(
    'bongsu_room_commit_seconds',
    'Seconds from sending a statement of room commands to its COMMIT, reruns included.',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10],
  );
  const accept: RoomLedger['accept'] = (batch, signal) => ledger.accept(batch, signal);
  const limits = { maxPending: config.maxPendingPerScreen, tellsHook: config.hook !== undefined };
  const commit: CommitDeps<EncodedRoomBatch> = {
    ledger: { accept, acceptChecked: accept },
    clock,
    log,
    deadlineMs: COMMIT_DEADLINE_MS,
    encode: (commands) => encodeRoomBatch(commands, databaseClock(), limits),
  };
  const tell = tellers(deps);
  const sizes = new RoomSizes(clock);
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
      const outcomes: AcceptOutcome[] = [];
      for (const part of splitFanOuts(commands, sizes)) {
        const startedAt = clock.monotonic();
        try {
          const stored = await commitBatch(part, commit, deps.signal);
          outcomes.push(...stored);
          sizes.learn(part, stored);
          tell(part, stored);
        } catch (error) {
          // What was stored before stays accepted, and what follows was not sent.
          return [
            ...outcomes,
            ...refusals(error, part.length, commands.length - outcomes.length - part.length),
          ];
        }
        seconds.observe((clock.monotonic() - startedAt) / 1000);
      }
      return outcomes;
    },
  });
}

/** In order; messages cost a row each, triggers and navigates one a screen. */
function splitFanOuts(commands: readonly NewCommand[], sizes: RoomSizes): NewCommand[][] {
  const parts: NewCommand[][] = [];
  let part: NewCommand[] = [];
  let entries = 0;
  for (const command of commands) {
    const own = command.type === 'message' ? 0 : sizes.of(command.streamId);
    if (entries + own > ENTRIES_A_STATEMENT) {
      parts.push(part);
      part = [];
      entries = 0;
    }
    part.push(command);
    entries += own;
  }
  return [...parts, part];
}

/** How many screens each room has, as far as its last command showed. */
class RoomSizes {
  readonly #known: LRUCache<number, number>;

  constructor(clock: Clock) {
    const perf = { now: () => clock.monotonic() };
    this.#known = new LRUCache({ ...upTo(ROOMS_KNOWN), ttl: SCREENS_KNOWN_MS, ttlResolution: 0, perf });
  }

  of(streamId: number): number {
    return this.#known.get(streamId) ?? MAX_SCREENS_A_ROOM;
  }

  learn(commands: readonly NewCommand[], outcomes: readonly AcceptOutcome[]): void {
    outcomes.forEach((outcome, index) => {
      const streamId = commands[index]?.streamId;
      if (streamId === undefined || outcome.kind !== 'accepted' || !outcome.members) return;
      this.#known.set(streamId, outcome.members.length);
    });
  }
}

/** Tells of what was committed. Never throws: whoever was not told finds it by comparing heads. */
function tellers(deps: RoomAcceptanceDeps) {
  const teller = new StatusTeller(deps.push, deps.metrics);
  return (commands: readonly NewCommand[], outcomes: readonly AcceptOutcome[]): void => {
    const accepted = outcomes.flatMap((outcome, index) => {
      const command = commands[index];
      return outcome.kind === 'accepted' && command ? [{ command, outcome }] : [];
    });
    const [first] = accepted;
    if (!first) return;
    const { epoch } = first.outcome;
    try {
      deps.onEpoch(epoch);
      for (const hint of roomHints(epoch, accepted)) deps.roomHints.tell(hint);
      for (const { command, outcome } of accepted) {
        tellCopies(deps.hints, command, outcome);
        for (const { screenId, isSettled } of outcome.members ?? []) {
          if (!isSettled) continue;
          deps.onFull(`screen:${screenId}`);
          teller.tell(command, overflowOf(command, outcome, screenId));
        }
      }
    } catch (err) {
      deps.log.error({ err }, 'accepted room commands could not be told of');
    }
  };
}

function roomHints(
  epoch: string,
  accepted: readonly { command: NewCommand; outcome: Accepted }[],
): RoomHint[] {
  const hints = new Map<string, RoomHint>();
  for (const { command, outcome } of accepted) {
    const { streamId, generation = 0, stream, socketId } = command;
    const key = `${streamId}:${generation}`;
    const hint = hints.get(key) ?? { streamId, generation, epoch, entries: [] };
    hints.set(key, hint);
    hint.entries.push({
      stream,
      seq: outcome.seq,
      id: command.id,
      type: command.type,
      fields: command.fields,
      acceptedAt: outcome.acceptedAt,
      sender: { userId: command.senderId, username: command.username },
      ...(socketId === undefined ? {} : { socketId }),
    });
  }
  return [...hints.values()];
}

function tellCopies(hints: HintChannel<Hint>, command: NewCommand, outcome: Accepted): void {
  const { type } = command;
  const { epoch, acceptedAt, members = [] } = outcome;
  if (type === 'message' || members.length === 0) return;
  const places = members.map(({ screenId, seq, isSettled }) => ({
    stream: `screen:${screenId}`,
    seq,
    settled: isSettled,
  }));
  hints.tell({ kind: 'copies', epoch, entry: toEntry(command, type, acceptedAt), places });
}

function overflowOf({ id }: NewCommand, { acceptedAt: at }: Accepted, screenId: string): CommandStatus {
  return { id, screenId, status: 'dead', attempt: 0, at, reason: 'overflow' };
}
