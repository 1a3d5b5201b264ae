import type { RateLimiter } from '../guards/rate-limiter.js';
import type { RecordAudit } from '../platform/audit.js';
import type { DatabaseClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import type { People } from './accounts/people.js';
import type { KeyHolders } from './api-keys/holders.js';
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
  limiter: Pick<RateLimiter, 'checkLimit'>;
  passwords: Passwords;
  tokens: TokenManager;
  live: LiveSessions;
  keyHolders: KeyHolders;
  feed: RevocationFeed;
  /** Ready once identity has started. */
  people(): People;
  /** Ready once identity has started. */
  hashes(): KeyedHashes;
}
