import { addressPrefix } from '../guards/address.js';
import type { AuditEvent } from '../platform/audit.js';
import type { Origin } from '../platform/principal.js';

/** Where a call came from, as an audit event may say it: the network and the request, never the whole address. */
export function auditOrigin(origin: Origin): {
  actor: Pick<AuditEvent['actor'], 'ipPrefix'>;
  request: Pick<AuditEvent, 'request'>;
} {
  const prefix = addressPrefix(origin.address);
  return {
    actor: prefix === undefined ? {} : { ipPrefix: prefix },
    request: origin.requestId === undefined ? {} : { request: { id: origin.requestId } },
  };
}
