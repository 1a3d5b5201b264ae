import { addressPrefix } from '../guards/address.js';
import type { AuditEvent } from '../platform/audit.js';
import type { Queryable } from '../platform/database/database.js';
import type { Call, RoomsDeps } from './deps.js';

type Change = Pick<AuditEvent, 'action' | 'data'> & { roomId: string };

/** Records what a user changed, in the transaction of the change. */
export async function auditCall(
  deps: Pick<RoomsDeps, 'recordAudit'>,
  tx: Queryable,
  { user, origin }: Call,
  { roomId, ...change }: Change,
): Promise<void> {
  const ipPrefix = addressPrefix(origin.address);
  await deps.recordAudit(tx, {
    ...change,
    outcome: 'success',
    actor: {
      type: 'user',
      ref: user.userId,
      sid: user.sessionId,
      ...(ipPrefix === undefined ? {} : { ipPrefix }),
    },
    target: { type: 'room', ref: roomId },
    ...(origin.requestId === undefined ? {} : { request: { id: origin.requestId } }),
  });
}

/** Records what the server did by itself. */
export async function auditSystem(
  deps: Pick<RoomsDeps, 'recordAudit'>,
  tx: Queryable,
  { roomId, ...change }: Change,
): Promise<void> {
  await deps.recordAudit(tx, {
    ...change,
    outcome: 'success',
    actor: { type: 'system' },
    target: { type: 'room', ref: roomId },
  });
}
