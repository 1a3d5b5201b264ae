import { BongsuError } from '@bongsu/protocol';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import { createDatabaseBreaker, guardDatabase } from '../platform/database/guarded-database.js';
import { nearOrHome, type ReplicaReads } from '../platform/database/replica-reads.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { NodeCalls } from '../platform/ephemeral/node-calls.js';
import type { StreamMirror } from '../platform/ephemeral/stream-mirror.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Principal } from '../platform/principal.js';
import type { Push } from '../platform/push.js';
import type { Breakers } from '../platform/resilience/breakers.js';
import type { ScreenGrant } from '../screens/index.js';
import { Acceptor } from './accept.js';
import { createAcceptBatcher } from './acceptance.js';
import { AwayLedger } from './away-ledger.js';
import { passCancels } from './cancel-elsewhere.js';
import { CommandListStore } from './command-list-store.js';
import { DeadLetterMirror } from './dead-letter-mirror.js';
import { DeadLetterQueue } from './dead-letter-queue.js';
import { deadLetterRoutes } from './dead-letter-routes.js';
import { DeliveryLedger } from './delivery-ledger.js';
import { Dispatcher } from './dispatcher.js';
import { Epoch } from './epoch.js';
import { commandEvents, roomEvents } from './events.js';
import { HintChannel } from './hint-channel.js';
import { isHint } from './hints.js';
import type { CommandHook } from './hook.js';
import { createHooks } from './hooks.js';
import { IdempotencyManager } from './idempotency-manager.js';
import { IdempotencyStore } from './idempotency-store.js';
import { Ledger } from './ledger.js';
import { MirrorStore } from './mirror-store.js';
import { type PruneRooms, Retention } from './retention.js';
import { RetentionStore } from './retention-store.js';
import { createRoomBatcher } from './room-acceptance.js';
import type { RoomGrant } from './room-grant.js';
import { isRoomHint } from './room-hints.js';
import { RoomHistoryStore } from './room-history-store.js';
import { RoomLedger } from './room-ledger.js';
import { roomCommandRoutes } from './room-routes.js';
import { RoomStreams } from './room-streams.js';
import { createRoomCommands } from './rooms.js';
import { commandRoutes } from './routes.js';
import { listRoomsOfScreen, takeFromRooms } from './screen-rooms-store.js';
import { StatusLedger } from './status-ledger.js';
import { Turns } from './turns.js';
import type { CancelDelivery, Commands, NodeLease } from './types.js';

export { DeadLetterQueue } from './dead-letter-queue.js';
export type { CommandHook, HookAnswer } from './hook.js';
export { IdempotencyManager } from './idempotency-manager.js';
export type { PruneRooms } from './retention.js';
export type { RoomGrant, RoomRights } from './room-grant.js';
export type { RoomEntry } from './room-hints.js';
export type { RoomHistory, RoomPosition, RoomResume, RoomSubscription } from './room-streams.js';
export type { RoomSubscriber } from './room-tail.js';
export type { RoomCommands, RoomStreamId } from './rooms.js';
export { takeFromRooms } from './screen-rooms-store.js';
export type { Commands, NodeLease, ScreenAttachment, ScreenConnection } from './types.js';

export interface CommandsConfig {
  /** COMMAND_RETENTION_HOURS. */
  retentionMs: number;
  /** DEAD_LETTER_DAYS. */
  deadLetterMs: number;
  /** ROOM_HISTORY_DAYS and ROOM_HISTORY_MAX. */
  roomHistoryMs: number;
  roomHistoryMax: number;
  /** COMMAND_ACK_TIMEOUT_MS: for each send of the oldest entry in flight. */
  ackTimeoutMs: number;
  /** COMMAND_MAX_RETRIES. */
  maxRetries: number;
  /** COMMAND_HOOK_URL and COMMAND_HOOK_SECRET. */
  hook: { url: string; secret: string } | undefined;
  maxPendingPerScreen: number;
  batchSize: number;
  batchMaxWaitMs: number;
}

export interface CommandsDeps {
  config: CommandsConfig;
  database: Database;
  /** Where pages are read first. */
  reads?: Pick<ReplicaReads, 'near'> | undefined;
  /** `kind` absent: nobody else is on the bus. */
  ephemeral: Pick<Ephemeral, 'bus'> & Partial<Pick<Ephemeral, 'kind'>>;
  calls: Pick<NodeCalls, 'serve' | 'ask'>;
  breakers: Breakers;
  /** Asked in place of COMMAND_HOOK_URL, in this process. */
  commandHook?: CommandHook | undefined;
  /** Where dead letters are mirrored; absent without Redis. */
  letterMirror?: StreamMirror | undefined;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
  push: Pick<Push, 'toUser'>;
  /** Screens.authorizeCommand. */
  authorize(
    principal: Principal,
    screenId: string,
  ): ScreenGrant | undefined | Promise<ScreenGrant | undefined>;
  /** Rooms' own. Without it there are no rooms: a command to one is ROOM_NOT_FOUND, and routes and events of theirs are absent. */
  authorizeRoom?(
    principal: Principal,
    roomId: string,
    toCommand: boolean,
  ): RoomGrant | undefined | Promise<RoomGrant | undefined>;
  /** Rooms' own. */
  pruneRooms?: PruneRooms;
  /** The screens that a user owns: whose dead letters are theirs to see. */
  ownedScreens(userId: string): Promise<readonly string[]>;
  /** The present names of senders, for `from` of entries read from the ledger. */
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Counts one command of a user by COMMAND_RATE_PER_MINUTE, in memory and at once. HTTP calls were counted by the gateway. */
  limit(userId: string): { allowed: boolean; retryAfterMs?: number };
  /** False when the nonce was used with another command in the last 10 min. */
  registerNonce(userId: string, nonce: string, commandId: string): boolean | Promise<boolean>;
  /** This process: its name, the uuid made at its start, and where it is. */
  node: { name: string; incarnation: string; region?: string | undefined };
  lease: NodeLease;
  /** 0 to 1; absent: Math.random. */
  random?: () => number;
}

export function createCommands(deps: CommandsDeps): Commands {
  const { config, database, databaseClock, metrics, authorize } = deps;
  const abort = new AbortController();
  const { signal } = abort;
  const breaker = createDatabaseBreaker(deps.breakers, database);
  const guarded = guardDatabase(database, breaker);
  const ledger = new Ledger(guarded);
  const deliveryLedger = new DeliveryLedger(guarded, config.hook !== undefined);
  const awayLedger = new AwayLedger(guarded, config.hook !== undefined);
  const hooks = createHooks({ ...deps, database: guarded, hook: config.hook, ledger, signal });
  const idempotencyStore = new IdempotencyStore();
  const hints = new HintChannel(deps.ephemeral.bus, 'ledger', isHint);
  const epoch = new Epoch({ read: () => ledger.epoch(), log: deps.log });
  const batcher = createAcceptBatcher({
    ...deps,
    ledger,
    hints,
    signal,
    onEpoch: (now) => epoch.note(now),
    onFull: (stream) => dispatcher.onFull(stream),
  });
  const roomLedger = new RoomLedger(guarded);
  const roomHints = new HintChannel(deps.ephemeral.bus, 'rooms', isRoomHint);
  const roomBatcher = createRoomBatcher({
    ...deps,
    ledger: roomLedger,
    hints,
    roomHints,
    signal,
    onEpoch: (now) => epoch.note(now),
    onFull: (stream) => dispatcher.onFull(stream),
  });
  const roomStreams = new RoomStreams({
    ...deps,
    ...{ ledger: roomLedger, hints: roomHints, epoch },
    history: deps.reads && new RoomHistoryStore(deps.reads),
  });
  const acceptor = new Acceptor({
    ...deps,
    retentionMs: config.retentionMs,
    ledger,
    batcher,
    roomBatcher,
    turns: new Turns(),
    hook: hooks.gate,
    refusesForMs: () => breaker.refusesForMs(),
    count: countOutcomes(metrics),
  });
  const cutOffListeners: (() => void)[] = [];
  const dispatcher = new Dispatcher({
    ...deps,
    ledger: deliveryLedger,
    awayLedger,
    hints,
    isShared: deps.ephemeral.kind === 'redis',
    epoch,
    checkRooms: () => roomStreams.checkHeads(),
    onCutOff: () => {
      for (const listener of cutOffListeners) listener();
    },
    onOutcomes: (statuses) => {
      if (statuses.some((status) => status === 'executed' || status === 'dead')) hooks.outbox?.wake();
      if (statuses.includes('dead')) mirror?.wake();
    },
    signal,
    random: deps.random ?? Math.random,
  });
  const status = { ledger: new StatusLedger(database), authorize };
  const store = new CommandListStore(database, nearOrHome(deps.reads, database));
  const cancel: CancelDelivery = (screenId, streamId, seq) => dispatcher.cancel(screenId, streamId, seq);
  const cancelElsewhere = passCancels({
    ...deps,
    holdersOf: (screenIds, at) => awayLedger.holdersOf(screenIds, at),
    cancel,
  });
  const deadLetters = new DeadLetterQueue({
    ...deps,
    database: guarded,
    reads: nearOrHome(deps.reads, guarded),
    onRequeued: ({ stream, seq, epoch: present }) => {
      epoch.note(present);
      hints.tell({ kind: 'head', stream, seq });
    },
    onGone: (screenId, ids) => mirror?.gone(screenId, ids),
  });
  const mirror =
    deps.letterMirror &&
    new DeadLetterMirror({ ...deps, store: new MirrorStore(database), mirror: deps.letterMirror });
  const retention = new Retention({ ...deps, store: new RetentionStore(database), lock: database });

  return {
    async start() {
      epoch.note(await ledger.epoch());
      dispatcher.start();
      roomStreams.start();
      hooks.outbox?.start();
      retention.start();
      mirror?.start();
    },
    async stop(stopSignal) {
      const retired = Promise.all([retention.stop(), mirror?.stop()]);
      acceptor.stop();
      hooks.gate?.stop();
      const giveUp = () => abort.abort();
      if (stopSignal.aborted) giveUp();
      stopSignal.addEventListener('abort', giveUp, { once: true });
      await Promise.all([batcher.idle(), roomBatcher.idle()]);
      roomStreams.stop();
      await dispatcher.stop();
      await hooks.outbox?.stop();
      await retired;
      stopSignal.removeEventListener('abort', giveUp);
    },
    attachScreen: (connection) => dispatcher.attach(connection),
    cancel,
    async currentEpoch() {
      return epoch.current ?? ledger.epoch();
    },
    onNewEpoch: (listener) => epoch.onChange(listener),
    isCutOff: () => dispatcher.isCutOff,
    onCutOff: (listener) => void cutOffListeners.push(listener),
    createInbox: (tx, screenId) => deliveryLedger.createInbox(tx, screenId),
    async cancelInbox(tx, streamId, now) {
      const cancelled = await deliveryLedger.cancelInbox(tx, streamId, now);
      const screenId = await deliveryLedger.screenOf(tx, streamId);
      if (screenId === undefined) throw new BongsuError('SCREEN_NOT_FOUND');
      await roomLedger.forgetScreen(tx, streamId);
      return () => dispatcher.dropInbox(screenId, cancelled, now);
    },
    takeFromRooms,
    listRoomsOfScreen: (streamId, page) => listRoomsOfScreen(database, streamId, page),
    rooms: createRoomCommands({ ledger: roomLedger, streams: roomStreams, acceptor }),
    idempotency: new IdempotencyManager({ store: idempotencyStore, ledger, databaseClock }),
    deadLetters,
    routes: async (app) => {
      await app.register(
        commandRoutes({
          acceptor,
          list: { ...deps, status, store },
          cancel: { status, store, cancel, cancelElsewhere },
        }),
      );
      await app.register(deadLetterRoutes({ ...deps, letters: deadLetters }));
      if (deps.authorizeRoom) await app.register(roomCommandRoutes(acceptor));
    },
    events: {
      ...commandEvents({ acceptor, status, countCall: (userId) => acceptor.checkLimit(userId) }),
      ...(deps.authorizeRoom ? roomEvents(acceptor) : {}),
    },
  };
}

function countOutcomes(metrics: Metrics): (type: string, outcome: string) => void {
  const counter = metrics.counter('bongsu_commands_total', 'Commands by what they were answered.', [
    'type',
    'outcome',
  ]);
  const tallies = new Map<string, () => void>();
  return (type, outcome) => {
    const key = `${type} ${outcome}`;
    let count = tallies.get(key);
    if (!count) {
      count = metrics.tally(counter, { type, outcome });
      tallies.set(key, count);
    }
    count();
  };
}
