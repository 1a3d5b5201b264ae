import { addressPrefix } from '../guards/address.js';
import type { AuditEvent } from '../platform/audit.js';
import type { Queryable } from '../platform/database/database.js';
import type { Origin } from '../platform/principal.js';
import type { Call, ScreensDeps } from './deps.js';

type Actor = Pick<AuditEvent['actor'], 'type' | 'ref' | 'sid'>;
type Change = Pick<AuditEvent, 'action' | 'data'> & { target: { type: 'screen' | 'pairing'; ref: string } };

/** Records what a user changed, in the transaction of the change. */
export function auditCall(deps: ScreensDeps, tx: Queryable, call: Call, change: Change): Promise<void> {
  const actor: Actor = { type: 'user', ref: call.user.userId, sid: call.user.sessionId };
  return audit(deps, tx, actor, call.origin, change);
}

/** Records what a device did that is nobody yet. */
export function auditDevice(deps: ScreensDeps, tx: Queryable, origin: Origin, change: Change): Promise<void> {
  return audit(deps, tx, { type: 'anonymous' }, origin, change);
}

async function audit(
  deps: ScreensDeps,
  tx: Queryable,
  actor: Actor,
  origin: Origin,
  change: Change,
): Promise<void> {
  const prefix = addressPrefix(origin.address);
  await deps.recordAudit(tx, {
    ...change,
    outcome: 'success',
    actor: { ...actor, ...(prefix === undefined ? {} : { ipPrefix: prefix }) },
    ...(origin.requestId === undefined ? {} : { request: { id: origin.requestId } }),
  });
}
