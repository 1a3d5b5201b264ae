import type { Commanders } from '@bongsu/protocol';
import type { RoomCommands } from '../commands/index.js';
import type { RateLimiter } from '../guards/rate-limiter.js';
import type { RecordAudit } from '../platform/audit.js';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Queryable } from '../platform/database/database.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Origin, UserPrincipal } from '../platform/principal.js';
import type { Push, SocketGroups } from '../platform/push.js';
import type { Screens } from '../screens/index.js';
import type { Attendance } from './attendance.js';
import type { Joins } from './joins.js';
import type { KeyedQueues } from './keyed-queues.js';
import type { RoomsDatabase } from './lanes.js';
import type { LiveRooms } from './live-rooms.js';
import type { Returns } from './returns.js';
import type { RoomAccess } from './room-access.js';
import type { RoomCounts } from './room-counts.js';
import type { RoomParts } from './seams.js';

export interface RoomsConfig {
  /** How long a seat is kept for whoever lost the connection. */
  graceMs: number;
  /** ROOM_EMPTY_GRACE_SECONDS: how long a room stays open without anybody in it. */
  emptyGraceMs: number;
  /** ROOM_IDLE_HOURS: how long one stays open in which nothing happens. */
  idleMs: number;
  /** ROOMS_PER_MINUTE and JOINS_PER_MINUTE, of a user. */
  createsPerMinute: number;
  joinsPerMinute: number;
  /** SIGNALS_PER_SECOND, of a socket; twice as many at once. */
  signalsPerSecond: number;
  /** TURN_URLS, TURN_SECRET. */
  turn: TurnConfig | undefined;
}

export interface TurnConfig {
  /** stun:, stuns:, turn: and turns: URLs. */
  urls: readonly string[];
  /** coturn's static-auth-secret; absent only where no URL is one of turn: or turns:. */
  secret: string | undefined;
}

export interface RoomsDeps {
  config: RoomsConfig;
  database: RoomsDatabase;
  /** Where pages are read; absent: there too. */
  reads?: Queryable | undefined;
  /** `kind` absent: there are no other processes. */
  ephemeral: Pick<Ephemeral, 'bus'> & Partial<Pick<Ephemeral, 'kind'>>;
  databaseClock: DatabaseClock;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  recordAudit: RecordAudit;
  push: Pick<Push, 'toUser'>;
  groups: SocketGroups;
  streams: RoomCommands;
  screens: Pick<Screens, 'authorizeCommand' | 'holdCommanded'>;
  users: { usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>> };
  limiter: Pick<RateLimiter, 'enforceLimit' | 'burstLimit'>;
  idempotency: IdempotentOperations;
  /** This process: the uuid made at its start. */
  node: { incarnation: string };
}

/** What rooms use of the IdempotencyManager of commands. */
interface IdempotentOperations {
  /**
   * Takes the key in the caller's transaction, or answers what was saved under it.
   * @throws IDEMPOTENCY_CONFLICT when the key was used for something else
   */
  register(
    tx: Queryable,
    scope: string,
    key: string,
    fingerprint: Uint8Array,
  ): Promise<{ status: 'new' } | { status: 'known'; result: unknown }>;
  saveResult(tx: Queryable, scope: string, key: string, result: unknown): Promise<void>;
}

/** Who calls a verb, and from where. */
export interface Call {
  user: UserPrincipal;
  origin: Origin;
  /** Of an event. */
  socket?: CallingSocket;
}

export interface CallingSocket {
  id: string;
  /** Of the client object, when it named one. */
  instanceId: string | undefined;
  /** Aborted when the socket closes. */
  signal: AbortSignal;
  /** Whether its user is one now: a role is given and taken while sockets live. */
  isAdmin(): boolean;
}

/** What every verb works with. `database` is a lane of it, see lanes.ts. */
export interface RoomsContext extends RoomsDeps, RoomParts {
  live: LiveRooms;
  access: RoomAccess;
  attendance: Attendance;
  /** Changes of a room, one after another, in this process. */
  queues: KeyedQueues;
  joins: Joins;
  returns: Returns;
  /** What is due in rooms that were busy, and waits for its turn. */
  late: Set<string>;
  counts: RoomCounts;
  /** Aborted when this process stops. */
  stopping: AbortSignal;
  /** A grace ends then: it is looked after in time. */
  expectAt(time: number): void;
}

/** An open room, as its row says. */
export interface RoomRow {
  /** Of this room: another one under the same roomId has another. */
  id: number;
  roomId: string;
  streamId: number;
  generation: number;
  name: string;
  ownerId: string;
  maxUsers: number;
  locked: boolean;
  lobby: boolean;
  persistent: boolean;
  commanders: Commanders;
  version: number;
  createdAt: number;
}
