import { availableParallelism } from 'node:os';
import type { ClosingKey, DeviceCredential } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
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
import { authenticate, type Standing, standingOf } from './logins/authenticate.js';
import { issueDeviceCredential, revokeDevice } from './logins/device-credentials.js';
import { KnownDevices } from './logins/known-devices.js';
import { LiveSessions } from './logins/live-sessions.js';
import { Lockout } from './logins/lockout.js';
import { loginTransaction } from './logins/login-transaction.js';
import { RevocationFeed } from './logins/revocation-feed.js';
import { Sessions } from './logins/sessions.js';
import { Errands } from './mail/errands.js';
import { Mailer } from './mail/mailer.js';
import { Notices } from './mail/notices.js';
import { pruneMfa } from './mfa/prune.js';
import { SecondFactors } from './mfa/second-factors.js';
import { ForeignHashes } from './passwords/foreign-hashes.js';
import { ARGON2_COST, Passwords } from './passwords/passwords.js';
import { identityRoutes } from './routes/index.js';
import { wellKnownRoutes } from './routes/well-known.js';
import { deleteEndedKeys } from './store/api-keys.js';
import { deleteOldAttempts } from './store/attempts.js';
import { deleteOldResetTokens } from './store/passwords.js';
import { deleteOldPendingSignups } from './store/pending-signups.js';
import { isScreenCredentialUsed } from './store/sessions.js';
import { SigningKeys } from './tokens/signing-keys.js';
import { TokenManager } from './tokens/token-manager.js';
import { type UserAdministration, userAdministration } from './users/administration.js';

export type { PiiKey } from './accounts/pii.js';
export type { IdentityConfig } from './config.js';
export type { Standing } from './logins/authenticate.js';
export { findUsernames } from './store/users.js';
export type { JwtAlgorithm } from './tokens/signing-keys.js';
export type { TokenManager } from './tokens/token-manager.js';
export type { UserAdministration } from './users/administration.js';
export { WrongSecretError } from './wrong-secret.js';

/** Whose connections it is about: those of a login, of a user, of a screen or of an API key. */
export interface Revoked {
  sessionId?: string;
  userId?: string;
  screenId?: string;
  apiKeyId?: string;
}

/** What the gateway and other domains use of identity. */
export interface Identity {
  /** Keys, the first administrator, the feed of ended logins. @throws WrongSecretError when a secret does not fit the database */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Access token or API key → who it is. @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED; DatabaseError when SQL is away and needed */
  authenticate(token: string): Promise<Principal>;
  /** A new device login for a screen, and its first tokens; earlier ones of the screen end. In the caller's transaction. */
  issueDeviceCredential(tx: Queryable, screenId: string): Promise<DeviceCredential>;
  /** Ends every device login of a screen, in the caller's transaction. */
  revokeDevice(tx: Queryable, screenId: string): Promise<void>;
  /** True once a device login has been used (refreshed, or its access token presented). Pairing answers the same until then. */
  deviceUsed(screenId: string): Promise<boolean>;
  /** Called after commit when a login, a user or a screen may no longer be connected. */
  onRevoked(listener: (who: Revoked, closing: ClosingKey) => void): () => void;
  /**
   * Called after commit when a login or user lives on but has another role, name or proof: `standingOf` says what
   * is to be put into the principals of their open connections.
   */
  onChanged(listener: (who: Revoked) => void): () => void;
  /** How somebody who was let in stands as of now. @throws as authenticate */
  standingOf(principal: UserPrincipal): Promise<Standing>;
  /** A request, refresh or socket event of this login: it is not idle. Cheap; written at most once a minute. */
  touch(principal: Principal): void;
  /** Display names by id, of those that exist. */
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The first-admin link's token, while there is no administrator; a new one at each call. */
  setupToken(): Promise<string | undefined>;
  readonly tokens: TokenManager;
  /** For commands. */
  readonly users: UserAdministration;
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
  /** Counts refreshes by login, and guesses. */
  limiter: Core['limiter'];
  /** Where people reach this server: PUBLIC_URL, or where it listens. Asked once it does. */
  publicUrl(): string;
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
      await feed.start();
      await ensureFirstAdmin(core);
      live.start();
      keyHolders.start();
      cancelPruning = deps.clock.every(PRUNE_MS, () => prune(core));
    },
    async stop() {
      cancelPruning?.();
      await core.errands.stop();
      await core.mailer?.stop();
      await feed.stop();
      await Promise.all([live.stop(), keyHolders.stop()]);
    },
    authenticate: authenticateToken,
    issueDeviceCredential: (tx, screenId) => issueDeviceCredential(core, tx, screenId),
    revokeDevice: (tx, screenId) => revokeDevice(core, tx, screenId, 'screen'),
    deviceUsed: (screenId) => isScreenCredentialUsed(core.database, screenId),
    onRevoked: (listener) => feed.onRevoked(listener),
    onChanged: (listener) => feed.onChanged(listener),
    standingOf: (principal) => standingOf(core, principal),
    touch: (principal) => touch(core, principal),
    usernames: (ids) => usernames(core, ids),
    setupToken: () => makeSetupToken(core),
    tokens: core.tokens,
    users: userAdministration(async () => core),
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
  const keyHolders = new KeyHolders({
    ...{ database, clock, now, log, feedIsFresh },
    metrics: deps.metrics,
    hashes: () => core.hashes(),
  });
  const feed = new RevocationFeed({ database, bus: ephemeral.bus, clock, log, live, keyHolders });
  const sessions = new Sessions({ config, database, derived, now, live, feed, recordAudit, graceMs });
  const { issuer, accessTokenMs } = config;
  const rotate: Sessions['rotate'] = (presented, origin) => sessions.rotate(presented, origin);
  const tokens = new TokenManager({ issuer, accessTokenMs, keys, derived, now, rotate });
  const passwords = createPasswords(clock);
  const metrics = createIdentityMetrics(deps.metrics, () => passwords.queued);
  const lockout = new Lockout({
    ...deps,
    now,
    metrics,
    hashes: () => core.hashes(),
    paceMs: () => passwords.paceMs,
  });
  let people: People | undefined;
  let hashes: KeyedHashes | undefined;
  const secrets: Pick<Core, 'people' | 'hashes'> = {
    people() {
      if (!people) throw new Error('identity has not started');
      return people;
    },
    hashes() {
      if (!hashes) throw new Error('identity has not started');
      return hashes;
    },
  };
  const mfa = new SecondFactors({
    database,
    transaction: (work) => loginTransaction(core, work),
    now,
    metrics,
    ...secrets,
  });
  const mail = composeMail(deps, secrets.people);
  const core: Core = {
    ...mail,
    config,
    database,
    now,
    log,
    metrics,
    recordAudit,
    limiter: deps.limiter,
    passwords,
    foreignHashes: new ForeignHashes(database, clock),
    lockout,
    devices: new KnownDevices({
      key: derived.deviceMac,
      now,
      indexOf: (email) => core.people().indexOf(email),
    }),
    tokens,
    csrfKeys: [derived.csrf],
    live,
    keyHolders,
    feed,
    mfa,
    ...secrets,
  };
  const open = async () => {
    people = await People.open(database, config.piiKeys, now());
    hashes = await KeyedHashes.open(database, config.piiKeys, now());
  };
  return { core, keys, open };
}

function composeMail(deps: IdentityDeps, people: Core['people']) {
  const { config, database, log, publicUrl } = deps;
  const mailer = config.mail && new Mailer(config.mail, deps);
  const errands = new Errands(log);
  let told = false;
  return {
    mailer,
    errands,
    publicUrl,
    notices: new Notices({ config, database, mailer, errands, publicUrl, people }),
    tellNoMail() {
      if (!told)
        log.warn({}, 'A password reset was asked for, but no mail can be sent: set SMTP_URL and MAIL_FROM');
      told = true;
    },
  };
}

function touch({ live, keyHolders }: Core, principal: Principal): void {
  if (principal.kind === 'user' && principal.apiKey) keyHolders.touch(principal.apiKey.id);
  else live.touch(principal.sessionId);
}

/** How long an ended API key is still known as one that ended. */
const ENDED_KEY_MS = 90 * 86_400_000;

function prune(core: Core): void {
  const { database } = core;
  const now = core.now();
  const pruned: Record<string, Promise<void>> = {
    revocations: core.feed.prune(now),
    'reset tokens': deleteOldResetTokens(database, now),
    'pending sign-ups': deleteOldPendingSignups(database, now),
    attempts: deleteOldAttempts(database, now),
    challenges: pruneMfa(core),
    'API keys': deleteEndedKeys(database, now - ENDED_KEY_MS),
    'counters of log-ins': core.lockout.prune(),
  };
  for (const [what, done] of Object.entries(pruned)) {
    done.catch((err: unknown) => core.log.warn({ err }, `old ${what} were not pruned`));
  }
}

function createPasswords(clock: Clock): Passwords {
  const concurrency = Math.min(MAX_HASHING, Math.max(1, availableParallelism() - 1));
  return new Passwords({ cost: ARGON2_COST, concurrency, maxQueued: MAX_QUEUED_HASHES }, clock);
}

/**
 * Users without the rest of identity, for a command that opened the database itself: servers hear of what it ends by their poll. Opened
 * when first asked for something. @throws WrongSecretError
 */
export function openUserAdministration(
  deps: Pick<IdentityDeps, 'config' | 'database' | 'databaseClock' | 'clock' | 'recordAudit'>,
): UserAdministration {
  const { config, database, databaseClock: now, clock, recordAudit } = deps;
  const passwords = createPasswords(clock);
  const foreignHashes = new ForeignHashes(database, clock);
  return userAdministration(async () => {
    const people = await People.open(database, config.piiKeys, now());
    return {
      config,
      database,
      now,
      recordAudit,
      passwords,
      foreignHashes,
      people: () => people,
      feed: { committed: () => {} },
    };
  });
}
