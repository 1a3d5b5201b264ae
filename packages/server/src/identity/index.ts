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
import { ensureFirstAdmin, makeSetupToken } from './accounts/setup.js';
import { usernames } from './accounts/usernames.js';
import { isApiKey } from './api-keys/format.js';
import { compose } from './compose.js';
import type { IdentityConfig } from './config.js';
import type { Core } from './core.js';
import { identityEvents } from './events.js';
import { authenticate, type Standing, standingOf } from './logins/authenticate.js';
import { issueDeviceCredential, revokeDevice } from './logins/device-credentials.js';
import { prune } from './prune.js';
import { identityRoutes } from './routes/index.js';
import { wellKnownRoutes } from './routes/well-known.js';
import { isScreenCredentialUsed } from './store/sessions.js';
import type { KeyInfo, KeyRotation } from './tokens/key-rotation.js';
import type { SigningKeys } from './tokens/signing-keys.js';
import type { TokenManager } from './tokens/token-manager.js';
import { type UserAdministration, userAdministration } from './users/administration.js';

export type { PiiKey } from './accounts/pii.js';
export type { IdentityConfig } from './config.js';
export { createKeyOperations, openUserAdministration } from './for-commands.js';
export type { Standing } from './logins/authenticate.js';
export type { Argon2Cost } from './passwords/passwords.js';
export { findUsernames } from './store/users.js';
export type { KeyInfo } from './tokens/key-rotation.js';
export type { JwtAlgorithm } from './tokens/key-states.js';
export type { TokenManager } from './tokens/token-manager.js';
export type { UserAdministration } from './users/administration.js';
export { WrongSecretError } from './wrong-secret.js';

/** Whose connections it is about: those of a login, of a user, of a screen or of an API key. */
export interface Revoked {
  sessionId?: string;
  userId?: string;
  screenId?: string;
  apiKeyId?: string;
  /** All that came with an access token: it may have been forged. */
  accessTokens?: true;
}

/** What the gateway and other domains use of identity. */
export interface Identity {
  /** Keys, the first administrator, the feed of ended logins. @throws WrongSecretError when a secret does not fit the database */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Access token or API key → who it is. @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED; DatabaseError when SQL is away and needed */
  authenticate(token: string, beforeLookUp?: () => Promise<void>): Promise<Principal>;
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
  /** For commands. */
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
  /** Where pages are read; absent: there too. */
  reads?: Queryable | undefined;
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
  takeBackScreens: Core['takeBackScreens'];
}

const PRUNE_MS = 3_600_000;
const KEYS_STEP_MS = 30_000;

export function createIdentity(deps: IdentityDeps): Identity {
  const { core, keys, rotation, open } = compose(deps);
  const { live, feed, keyHolders } = core;
  const authenticateToken: Identity['authenticate'] = (token, beforeLookUp) =>
    isApiKey(token) ? keyHolders.authenticate(token, beforeLookUp) : authenticate(core, token);
  const cancels: (() => void)[] = [];
  return {
    async start() {
      await rotation.prepare();
      await open();
      await feed.start();
      await keys.reload();
      await ensureFirstAdmin(core);
      live.start();
      keyHolders.start();
      cancels.push(
        deps.clock.every(PRUNE_MS, () => prune(core)),
        deps.clock.every(KEYS_STEP_MS, () => stepKeys(core, keys, rotation)),
      );
    },
    async stop() {
      for (const cancel of cancels.splice(0)) cancel();
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
    keys: rotation,
    routes: identityRoutes(core),
    wellKnownRoutes: wellKnownRoutes(keys),
    events: identityEvents({ authenticate: authenticateToken }),
  };
}

function touch({ live, keyHolders }: Core, principal: Principal): void {
  if (principal.kind === 'user' && principal.apiKey) keyHolders.touch(principal.apiKey.id);
  else live.touch(principal.sessionId);
}

/** What is due is done by whichever node comes first; each looks at what came of it. */
function stepKeys(core: Core, keys: SigningKeys, rotation: KeyRotation): void {
  rotation
    .step()
    .then(() => keys.reload())
    .catch((err: unknown) => core.log.warn({ err }, 'signing keys could not be looked after'));
}
