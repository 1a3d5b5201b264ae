import { availableParallelism } from 'node:os';
import type { ClosingKey, DeviceCredential } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
import type { RateLimiter } from '../guards/rate-limiter.js';
import type { RecordAudit } from '../platform/audit.js';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Database, Queryable } from '../platform/database/database.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Principal } from '../platform/principal.js';
import type { Events } from '../platform/surface.js';
import { People } from './accounts/people.js';
import { ensureFirstAdmin, makeSetupToken } from './accounts/setup.js';
import { usernames } from './accounts/usernames.js';
import type { IdentityConfig } from './config.js';
import type { Core } from './core.js';
import { deriveRing } from './derive.js';
import { identityEvents } from './events.js';
import { createIdentityMetrics } from './identity-metrics.js';
import { KeyedHashes } from './keyed-hashes.js';
import { authenticate } from './logins/authenticate.js';
import { issueDeviceCredential, revokeDevice } from './logins/device-credentials.js';
import { LiveSessions } from './logins/live-sessions.js';
import { RevocationFeed } from './logins/revocation-feed.js';
import { Sessions } from './logins/sessions.js';
import { ARGON2_COST, Passwords } from './passwords/passwords.js';
import { identityRoutes } from './routes/index.js';
import { wellKnownRoutes } from './routes/well-known.js';
import { isScreenCredentialUsed } from './store/sessions.js';
import { type KeyInfo, KeyRotation, type KeyRotationDeps } from './tokens/key-rotation.js';
import { SigningKeys } from './tokens/signing-keys.js';
import { TokenManager } from './tokens/token-manager.js';
import { VerifiedTokens } from './tokens/verified-tokens.js';

export type { PiiKey } from './accounts/pii.js';
export type { IdentityConfig } from './config.js';
export { findUsernames } from './store/users.js';
export type { KeyInfo } from './tokens/key-rotation.js';
export type { JwtAlgorithm } from './tokens/key-states.js';
export type { TokenManager } from './tokens/token-manager.js';
export { WrongSecretError } from './wrong-secret.js';

/** Whose connections must end: those of a login, of a user or of a screen. */
export interface Revoked {
  sessionId?: string;
  userId?: string;
  screenId?: string;
  /** All that came with an access token: it may have been forged. */
  accessTokens?: true;
}

/** What the gateway and other domains use of identity. */
export interface Identity {
  /** Keys, the first administrator, the feed of ended logins. @throws WrongSecretError when a secret does not fit the database */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Access token → who it is. @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED; DatabaseError when SQL is away and needed */
  authenticate(token: string): Promise<Principal>;
  /** A new device login for a screen, and its first tokens; earlier ones of the screen end. In the caller's transaction. */
  issueDeviceCredential(tx: Queryable, screenId: string): Promise<DeviceCredential>;
  /** Ends every device login of a screen, in the caller's transaction. */
  revokeDevice(tx: Queryable, screenId: string): Promise<void>;
  /** True once a device login has been used (refreshed, or its access token presented). Pairing answers the same until then. */
  deviceUsed(screenId: string): Promise<boolean>;
  /** Called after commit when a login, a user or a screen may no longer be connected. */
  onRevoked(listener: (who: Revoked, closing: ClosingKey) => void): () => void;
  /** A request, refresh or socket event of this login: it is not idle. Cheap; written at most once a minute. */
  touch(principal: Principal): void;
  /** Display names by id, of those that exist. */
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The first-admin link's token, while there is no administrator; a new one at each call. */
  setupToken(): Promise<string | undefined>;
  readonly tokens: TokenManager;
  readonly keys: KeyOperations;
  routes: FastifyPluginAsync;
  /** `/.well-known/jwks.json` lives outside /api. */
  wellKnownRoutes: FastifyPluginAsync;
  events: Events;
}

/** What whoever runs the server may do with its signing keys. */
export interface KeyOperations {
  list(): Promise<KeyInfo[]>;
  /** A new key that takes over in ten minutes. @throws CONFLICT in HS256 mode */
  rotate(): Promise<KeyInfo>;
  /** All keys end with all that they signed; a new one signs at once. @throws CONFLICT in HS256 mode */
  rotateAtOnce(): Promise<KeyInfo>;
}

export interface IdentityDeps {
  config: IdentityConfig;
  database: Database;
  ephemeral: Pick<Ephemeral, 'bus'>;
  databaseClock: DatabaseClock;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  recordAudit: RecordAudit;
  /** Counts refreshes by login. */
  limiter: Pick<RateLimiter, 'checkLimit'>;
}

/** How long a person's former refresh token still answers with its successor: for racing tabs and lost answers. */
const REFRESH_GRACE_MS = 10_000;
/** One core is left to everything else, and one thread of libuv's four to files and names. */
const MAX_HASHING = 3;
const MAX_QUEUED_HASHES = 128;
const PRUNE_MS = 3_600_000;
const KEYS_STEP_MS = 30_000;

export function createIdentity(deps: IdentityDeps): Identity {
  const { core, keys, rotation, open } = compose(deps);
  const { live, feed } = core;
  const authenticateToken = (token: string) => authenticate(core, token);
  const cancels: (() => void)[] = [];
  return {
    async start() {
      await rotation.prepare();
      await open();
      await Promise.all([core.passwords.prepare(), feed.start()]);
      await keys.reload();
      await ensureFirstAdmin(core);
      live.start();
      cancels.push(
        deps.clock.every(PRUNE_MS, () => prune(core)),
        deps.clock.every(KEYS_STEP_MS, () => stepKeys(core, keys, rotation)),
      );
    },
    async stop() {
      for (const cancel of cancels.splice(0)) cancel();
      await feed.stop();
      await live.stop();
    },
    authenticate: authenticateToken,
    issueDeviceCredential: (tx, screenId) => issueDeviceCredential(core, tx, screenId),
    revokeDevice: (tx, screenId) => revokeDevice(core, tx, screenId, 'screen'),
    deviceUsed: (screenId) => isScreenCredentialUsed(core.database, screenId),
    onRevoked: (listener) => feed.listen(listener),
    touch: ({ sessionId }) => live.touch(sessionId),
    usernames: (ids) => usernames(core, ids),
    setupToken: () => makeSetupToken(core),
    tokens: core.tokens,
    keys: rotation,
    routes: identityRoutes(core),
    wellKnownRoutes: wellKnownRoutes(keys),
    events: identityEvents({ authenticate: authenticateToken }),
  };
}

interface Composed {
  core: Core;
  keys: SigningKeys;
  rotation: KeyRotation;
  open(): Promise<void>;
}

/** For a process that serves nobody; servers read from SQL what it did. */
export function createKeyOperations(
  deps: Pick<IdentityDeps, 'config' | 'database' | 'databaseClock' | 'recordAudit'>,
): KeyOperations {
  const { config, database, databaseClock: now, recordAudit } = deps;
  const { jwtAlgorithm: algorithm, accessTokenMs } = config;
  const ring = deriveRing(config.jwtSecret, config.jwtSecretPrevious);
  return new KeyRotation({ algorithm, ring, accessTokenMs, database, now, recordAudit, announce: () => {} });
}

function compose(deps: IdentityDeps): Composed {
  const { config, database, databaseClock: now, clock, log, recordAudit, ephemeral } = deps;
  const ring = deriveRing(config.jwtSecret, config.jwtSecretPrevious);
  const { issuer, accessTokenMs, jwtAlgorithm: algorithm } = config;
  const graceMs = REFRESH_GRACE_MS;
  const feedIsFresh = () => feed.isFresh();
  const onChange = () => verified.clear();
  const keys = new SigningKeys({ algorithm, ring, database, clock, feedIsFresh, onChange });
  const countsKey = (kid: string) => keys.counts(kid);
  const verified = new VerifiedTokens({ clock, now, metrics: deps.metrics, feedIsFresh, countsKey });
  const announce: KeyRotationDeps['announce'] = (revocations) => feed.committed(revocations);
  const rotation = new KeyRotation({ algorithm, ring, accessTokenMs, database, now, recordAudit, announce });
  const live = new LiveSessions({ database, clock, now, log, metrics: deps.metrics, graceMs, feedIsFresh });
  const feed = new RevocationFeed({ database, bus: ephemeral.bus, clock, log, live, keys });
  const sessions = new Sessions({ database, ring, now, live, recordAudit, graceMs });
  const rotate: Sessions['rotate'] = (presented, origin) => sessions.rotate(presented, origin);
  const tokens = new TokenManager({ issuer, accessTokenMs, keys, verified, ring, now, rotate });
  const concurrency = Math.min(MAX_HASHING, Math.max(1, availableParallelism() - 1));
  const pool = { cost: ARGON2_COST, concurrency, maxQueued: MAX_QUEUED_HASHES };
  const passwords = new Passwords(pool, clock);
  const metrics = createIdentityMetrics(deps.metrics, () => passwords.queued);
  let people: People | undefined;
  let hashes: KeyedHashes | undefined;
  const core: Core = {
    config,
    database,
    now,
    log,
    metrics,
    recordAudit,
    limiter: deps.limiter,
    passwords,
    tokens,
    live,
    feed,
    people() {
      if (!people) throw new Error('identity has not started');
      return people;
    },
    hashes() {
      if (!hashes) throw new Error('identity has not started');
      return hashes;
    },
  };
  const open = async () => {
    people = await People.open(database, config.piiKeys, now());
    hashes = await KeyedHashes.open(database, config.piiKeys, now());
  };
  return { core, keys, rotation, open };
}

/** What is due is done by whichever node comes first; each looks at what came of it. */
function stepKeys(core: Core, keys: SigningKeys, rotation: KeyRotation): void {
  rotation
    .step()
    .then(() => keys.reload())
    .catch((err: unknown) => core.log.warn({ err }, 'signing keys could not be looked after'));
}

function prune(core: Core): void {
  core.feed
    .prune(core.now())
    .catch((err: unknown) => core.log.warn({ err }, 'old revocations were not pruned'));
}
