import type { Queryable } from './database/database.js';

/**
 * One event of a change of identity, rights, screens or rooms. No secrets, and no personal data in clear: people are named by
 * id, addresses by prefix. Field meanings: OWASP Logging Vocabulary for `action`.
 */
export interface AuditEvent {
  /** e.g. `authn_login_success`, `screen_created`. */
  action: string;
  outcome: 'success' | 'failure';
  reason?: string;
  actor: { type: 'user' | 'screen' | 'system' | 'anonymous'; ref?: string; sid?: string; ipPrefix?: string };
  target?: { type: string; ref: string };
  request?: { id?: string; route?: string };
  /** Allow-listed extras. */
  data?: Record<string, string | number | boolean | null>;
}

/** Writes one row into `audit_outbox`, in the caller's transaction. */
export type RecordAudit = (tx: Queryable, event: AuditEvent) => Promise<void>;
