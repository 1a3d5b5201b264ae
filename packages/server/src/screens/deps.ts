import type { RateLimiter } from '../guards/rate-limiter.js';
import type { Identity } from '../identity/index.js';
import type { RecordAudit } from '../platform/audit.js';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Database, Queryable } from '../platform/database/database.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Origin, UserPrincipal } from '../platform/principal.js';
import type { Push } from '../platform/push.js';
import type { ScreenRole } from '../platform/rights.js';
import type { ScreenRights } from './authorize.js';
import type { PairingLimits } from './pairing-limits.js';
import type { ScreenPresence } from './presence.js';

export interface ScreensDeps {
  /** This process. */
  node: { incarnation: string };
  database: Database;
  /** Where pages are read; absent: there too. */
  reads?: Queryable | undefined;
  ephemeral: Pick<Ephemeral, 'bus' | 'presence'>;
  databaseClock: DatabaseClock;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  recordAudit: RecordAudit;
  push: Pick<Push, 'toUser' | 'closeScreen'>;
  identity: Pick<Identity, 'issueDeviceCredential' | 'revokeDevice' | 'deviceUsed'>;
  users: UserNames;
  inbox: Inboxes;
  rateLimiter: Pick<RateLimiter, 'enforceLimit' | 'refund'>;
  idempotency: IdempotentOperations;
}

/** What screens use of commands. */
export interface Inboxes {
  /** Makes a screen's inbox, in the caller's transaction, and answers its stream. */
  createInbox(tx: Queryable, screenId: string): Promise<number>;
  /**
   * Ends a screen's inbox, in the caller's transaction: what is pending becomes cancelled. The caller calls the answer after
   * COMMIT: it tells the senders.
   */
  cancelInbox(tx: Queryable, streamId: number, now: number): Promise<() => void>;
  /** Takes screens, by their streams, out of the rooms that a user put them into, in the caller's transaction. @returns of how many */
  takeFromRooms(
    tx: Queryable,
    put: { addedBy: string; only: readonly number[] } | { addedBy: string; except: readonly number[] },
  ): Promise<number>;
  /** A page of the rooms that a screen is in, by `key`. */
  listRoomsOfScreen(
    streamId: number,
    page: { after: number | undefined; limit: number },
  ): Promise<{ key: number; roomId: string; addedBy: string; addedAt: number }[]>;
}

interface UserNames {
  /** Names by id, of those that exist. */
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

/** What screens use of the IdempotencyManager of commands. */
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

export interface ScreensConfig {
  pairing: PairingLimits;
}

/** What every verb works with. */
export interface ScreensContext extends ScreensDeps {
  config: ScreensConfig;
  rights: ScreenRights;
  presence: ScreenPresence;
}

/** Who calls a verb, and from where. */
export interface Call {
  user: UserPrincipal;
  origin: Origin;
}

export interface ScreenGrant {
  screenId: string;
  streamId: number;
  role: ScreenRole;
}
