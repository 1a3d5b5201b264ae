import type { RateLimiter } from '../guards/rate-limiter.js';
import type { RecordAudit } from '../platform/audit.js';
import type { DatabaseClock } from '../platform/clock.js';
import type { Database, Queryable } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import type { People } from './accounts/people.js';
import type { KeyHolders } from './api-keys/holders.js';
import type { IdentityConfig } from './config.js';
import type { IdentityMetrics } from './identity-metrics.js';
import type { KeyedHashes } from './keyed-hashes.js';
import type { KnownDevices } from './logins/known-devices.js';
import type { LiveSessions } from './logins/live-sessions.js';
import type { Lockout } from './logins/lockout.js';
import type { RevocationFeed } from './logins/revocation-feed.js';
import type { Errands } from './mail/errands.js';
import type { Mailer } from './mail/mailer.js';
import type { Notices } from './mail/notices.js';
import type { SecondFactors } from './mfa/second-factors.js';
import type { ForeignHashes } from './passwords/foreign-hashes.js';
import type { Passwords } from './passwords/passwords.js';
import type { TokenManager } from './tokens/token-manager.js';

/** What the verbs of this domain work with. */
export interface Core {
  config: IdentityConfig;
  database: Database;
  /** Where pages are read; absent: there too. */
  reads?: Queryable | undefined;
  now: DatabaseClock;
  log: Log;
  metrics: IdentityMetrics;
  recordAudit: RecordAudit;
  limiter: Pick<RateLimiter, 'checkLimit'>;
  passwords: Passwords;
  foreignHashes: ForeignHashes;
  lockout: Lockout;
  devices: KnownDevices;
  tokens: TokenManager;
  /** The first makes CSRF tokens, all of them verify. */
  csrfKeys: readonly Uint8Array[];
  live: LiveSessions;
  keyHolders: KeyHolders;
  feed: RevocationFeed;
  /** Whether a second factor is due, and whether a code is right. */
  mfa: SecondFactors;
  /** Undefined: no mail is sent. */
  mailer: Mailer | undefined;
  /** What is done after the answer. */
  errands: Errands;
  /** Tells people by mail what happened to their account. */
  notices: Notices;
  /** Where people reach this server: the beginning of every link in a mail. No trailing slash. */
  publicUrl(): string;
  /** Logs, once, that a mail was asked for and none can be sent. */
  tellNoMail(): void;
  /** What screens do in the transaction in which somebody is an administrator no more, or disabled. */
  takeBackScreens(tx: Queryable, userId: string, isDisabled: boolean): Promise<void>;
  /** Ready once identity has started. */
  people(): People;
  /** Ready once identity has started. */
  hashes(): KeyedHashes;
}
