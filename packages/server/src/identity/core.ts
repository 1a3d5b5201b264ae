import type { RateLimiter } from '../guards/rate-limiter.js';
import type { RecordAudit } from '../platform/audit.js';
import type { DatabaseClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import type { Origin } from '../platform/principal.js';
import type { People } from './accounts/people.js';
import type { IdentityConfig } from './config.js';
import type { IdentityMetrics } from './identity-metrics.js';
import type { KeyedHashes } from './keyed-hashes.js';
import type { LiveSessions } from './logins/live-sessions.js';
import type { RevocationFeed } from './logins/revocation-feed.js';
import type { Passwords } from './passwords/passwords.js';
import type { TokenManager } from './tokens/token-manager.js';

/** What the verbs of this domain work with. */
export interface Core {
  config: IdentityConfig;
  database: Database;
  now: DatabaseClock;
  log: Log;
  metrics: IdentityMetrics;
  recordAudit: RecordAudit;
  limiter: Pick<RateLimiter, 'checkLimit' | 'refund'>;
  passwords: Passwords;
  tokens: TokenManager;
  live: LiveSessions;
  feed: RevocationFeed;
  /**
   * What a right code of the person's second factor, which is spent by it, adds to a login; undefined for a wrong one.
   * Without it no code is right. @throws RATE_LIMIT, ACCOUNT_LOCKED
   */
  checkSecondFactor?(
    userId: string,
    code: string,
    origin: Origin,
  ): Promise<{ acr: 'aal1' | 'aal2'; amr: string } | undefined>;
  /** Ready once identity has started. */
  people(): People;
  /** Ready once identity has started. */
  hashes(): KeyedHashes;
}
