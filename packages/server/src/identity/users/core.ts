import type { AuditEvent } from '../../platform/audit.js';
import type { Core } from '../core.js';

/** What the management of users needs of identity: less than a server has, so that a command can do it beside one. */
export type UsersCore = Pick<
  Core,
  | 'config'
  | 'database'
  | 'reads'
  | 'now'
  | 'recordAudit'
  | 'passwords'
  | 'foreignHashes'
  | 'people'
  | 'takeBackScreens'
> & { feed: Pick<Core['feed'], 'committed'>; notices: Pick<Core['notices'], 'send'> };

/** Who does it, as the audit trail names them. */
export type DoneBy = Pick<AuditEvent, 'actor' | 'request'>;

/** Whoever may run commands on this machine. */
export const BY_COMMAND: DoneBy = { actor: { type: 'system' } };
