import type { AuditEvent } from '../../platform/audit.js';
import type { Queryable } from '../../platform/database/database.js';
import type { Origin } from '../../platform/principal.js';
import { auditOrigin } from '../audit-origin.js';
import type { Core } from '../core.js';
import { findOpenLogins, type OpenLoginRow } from '../store/logins.js';
import { UNWRITTEN_MS } from './liveness.js';
import type { LoginTransaction } from './login-transaction.js';

/** A person's logins that still count, the least recently seen first. Devices' credentials are none of them. */
export async function liveLogins(core: Core, db: Queryable, userId: string): Promise<OpenLoginRow[]> {
  const now = core.now();
  const rows = await findOpenLogins(db, userId, now, UNWRITTEN_MS);
  return rows
    .map((row) => ({ ...row, lastSeen: core.live.lastSeen(row) }))
    .filter(({ idleMs, lastSeen }) => idleMs === null || now - lastSeen < idleMs)
    .sort((a, b) => a.lastSeen - b.lastSeen || a.createdAt - b.createdAt);
}

/** The order in which all lock logins (`writeLastSeen`): so no two wait for each other in a circle. */
export function inLockOrder(logins: readonly OpenLoginRow[]): OpenLoginRow[] {
  return [...logins].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * Ends the least recently seen logins of a person until one more fits. Exact because the caller holds the user's row: of
 * many log-ins at once each counts what the one before it left.
 */
export async function makeRoom(
  core: Core,
  tx: LoginTransaction,
  userId: string,
  origin: Origin,
): Promise<void> {
  const live = await liveLogins(core, tx, userId);
  const over = Math.max(0, live.length + 1 - core.config.maxLogins);
  for (const { id } of inLockOrder(live.slice(0, over))) {
    if (await tx.end(id, 'limit')) await core.recordAudit(tx, gaveWay(userId, id, origin));
  }
}

function gaveWay(userId: string, id: string, origin: Origin): AuditEvent {
  return {
    action: 'session_ended',
    outcome: 'success',
    reason: 'limit',
    actor: { type: 'user', ref: userId, ...auditOrigin(origin).actor },
    target: { type: 'session', ref: id },
    ...auditOrigin(origin).request,
  };
}
