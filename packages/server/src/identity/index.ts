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
import type { Principal, UserPrincipal } from '../platform/principal.js';
import type { Events } from '../platform/surface.js';
import { People } from './accounts/people.js';
import { ensureFirstAdmin, makeSetupToken } from './accounts/setup.js';
import { usernames } from './accounts/usernames.js';
import { isApiKey } from './api-keys/format.js';
import { KeyHolders } from './api-keys/holders.js';
import type { IdentityConfig } from './config.js';
import type { Core } from './core.js';
import { deriveKeys } from './derive.js';
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
import { deleteEndedKeys } from './store/api-keys.js';
import { isScreenCredentialUsed } from './store/sessions.js';
import { SigningKeys } from './tokens/signing-keys.js';
import { TokenManager } from './tokens/token-manager.js';

export type { PiiKey } from './accounts/pii.js';
export type { IdentityConfig } from './config.js';
export { findUsernames } from './store/users.js';
export type { JwtAlgorithm } from './tokens/signing-keys.js';
export type { TokenManager } from './tokens/token-manager.js';
export { WrongSecretError } from './wrong-secret.js';

/** What the gateway and other domains use of identity. */
/** Whose connections must end: those of a login, of a user or of a screen. Those of an API key must ask whether it still counts. */
export interface Revoked {
  sessionId?: string;
  userId?: string;
  screenId?: string;
  apiKeyId?: string;
}

export interface Identity {
  /** Keys, the first administrator, the feed of ended logins. @throws WrongSecretError when a secret does not fit the database */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Access token or API key → who it is. @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED; DatabaseError when SQL is away and needed */
  authenticate(token: string): Promise<Principal>;
  /** A caller by API key as it is now: with its present end, scopes and role. @throws as `authenticate` */
  currentKey(apiKeyId: string): Promise<UserPrincipal>;
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
  routes: FastifyPluginAsync;
  /** `/.well-known/jwks.json` lives outside /api. */
  wellKnownRoutes: FastifyPluginAsync;
  events: Events;
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

export function createIdentity(deps: IdentityDeps): Identity {
  const { core, keys, open } = compose(deps);
  const { live, feed, keyHolders } = core;
  const authenticateToken = (token: string) =>
    isApiKey(token) ? keyHolders.authenticate(token) : authenticate(core, token);
  let cancelPruning: (() => void) | undefined;
  return {
    async start() {
      await keys.start();
      await open();
      await Promise.all([core.passwords.prepare(), feed.start()]);
      await ensureFirstAdmin(core);
      live.start();
      keyHolders.start();
      cancelPruning = deps.clock.every(PRUNE_MS, () => prune(core));
    },
    async stop() {
      cancelPruning?.();
      await feed.stop();
      await Promise.all([live.stop(), keyHolders.stop()]);
    },
    authenticate: authenticateToken,
    currentKey: (apiKeyId) => keyHolders.current(apiKeyId),
    issueDeviceCredential: (tx, screenId) => issueDeviceCredential(core, tx, screenId),
    revokeDevice: (tx, screenId) => revokeDevice(core, tx, screenId, 'screen'),
    deviceUsed: (screenId) => isScreenCredentialUsed(core.database, screenId),
    onRevoked: (listener) => feed.listen(listener),
    touch: (principal) => touch(core, principal),
    usernames: (ids) => usernames(core, ids),
    setupToken: () => makeSetupToken(core),
    tokens: core.tokens,
    routes: identityRoutes(core),
    wellKnownRoutes: wellKnownRoutes(keys),
    events: identityEvents({ authenticate: authenticateToken }),
  };
}

function compose(deps: IdentityDeps): { core: Core; keys: SigningKeys; open(): Promise<void> } {
  const { config, database, databaseClock: now, clock, log, recordAudit, ephemeral } = deps;
  const derived = deriveKeys(config.jwtSecret);
  const keys = new SigningKeys({
    algorithm: config.jwtAlgorithm,
    derived,
    database,
    now,
    clock,
    recordAudit,
  });
  const graceMs = REFRESH_GRACE_MS;
  const feedIsFresh = () => feed.isFresh();
  const live = new LiveSessions({ database, clock, now, log, metrics: deps.metrics, graceMs, feedIsFresh });
  const hashesOf = () => {
    if (!hashes) throw new Error('identity has not started');
    return hashes;
  };
  const keyHolders = new KeyHolders({
    ...{ database, clock, now, log, feedIsFresh },
    metrics: deps.metrics,
    hashes: hashesOf,
  });
  const feed = new RevocationFeed({ database, bus: ephemeral.bus, clock, log, live, keyHolders });
  const sessions = new Sessions({ database, derived, now, live, recordAudit, graceMs });
  const { issuer, accessTokenMs } = config;
  const rotate: Sessions['rotate'] = (presented, origin) => sessions.rotate(presented, origin);
  const tokens = new TokenManager({ issuer, accessTokenMs, keys, derived, now, rotate });
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
    keyHolders,
    feed,
    people() {
      if (!people) throw new Error('identity has not started');
      return people;
    },
    hashes: hashesOf,
  };
  const open = async () => {
    people = await People.open(database, config.piiKeys, now());
    hashes = await KeyedHashes.open(database, config.piiKeys, now());
  };
  return { core, keys, open };
}

function touch({ live, keyHolders }: Core, principal: Principal): void {
  if (principal.kind === 'user' && principal.apiKey) keyHolders.touch(principal.apiKey.id);
  else live.touch(principal.sessionId);
}

/** How long an ended API key is still known as one that ended. */
const ENDED_KEY_MS = 90 * 86_400_000;

function prune(core: Core): void {
  const now = core.now();
  Promise.all([core.feed.prune(now), deleteEndedKeys(core.database, now - ENDED_KEY_MS)]).catch(
    (err: unknown) => core.log.warn({ err }, 'old revocations and API keys were not pruned'),
  );
}
