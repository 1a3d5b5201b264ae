import { addressPrefix } from '../guards/address.js';
import type { AuditEvent, RecordAudit } from '../platform/audit.js';
import type { DatabaseClock } from '../platform/clock.js';
import { uuidv7 } from '../platform/ids.js';
import { insertAuditRow } from './store.js';

/** Of the stored event; a reader refuses versions that it does not know. */
const VERSION = 1;

export interface RecordAuditDeps {
  now: DatabaseClock;
  /** SERVICE_NAME. */
  service: string;
}

/** One row in `audit_outbox` for each event, in the caller's transaction: both are written or neither. */
export function createRecordAudit({ now, service }: RecordAuditDeps): RecordAudit {
  return async (tx, event) => {
    const at = now();
    await insertAuditRow(tx, { id: uuidv7(), at, event: storedEvent(event, at, service) });
  };
}

/**
 * The stored form, in the terms of OCSF (class, activity, severity) and the OWASP Logging Vocabulary (action).
 * `time` is in microseconds.
 */
export function storedEvent(event: AuditEvent, at: number, service: string): object {
  const { class: classUid, activity } = classify(event.action);
  return {
    v: VERSION,
    time: at * 1000,
    service,
    action: event.action,
    class_uid: classUid,
    activity_id: activity,
    type_uid: classUid * 100 + activity,
    outcome: event.outcome,
    ...(event.reason === undefined ? {} : { reason: event.reason }),
    severity_id: severity(event),
    actor: actorOf(event.actor),
    ...(event.target ? { target: event.target } : {}),
    ...(event.request ? { request: event.request } : {}),
    ...(event.data ? { data: event.data } : {}),
  };
}

/** Cut here once more, so that no caller can store a whole address by mistake. */
function actorOf({ ipPrefix, ...actor }: AuditEvent['actor']): object {
  const prefix = ipPrefix?.includes('/') ? ipPrefix : addressPrefix(ipPrefix ?? '');
  return { ...actor, ...(prefix === undefined ? {} : { ip_prefix: prefix }) };
}

const OTHER = 99;
const AUTHENTICATION = 3002;
/** By the first word of the action; everything else is the management of an entity. */
const CLASSES: Record<string, number> = {
  user: 3001,
  authn: AUTHENTICATION,
  session: AUTHENTICATION,
  authz: 3003,
  privilege: 3005,
};
const ENTITY_MANAGEMENT = 3004;
/** By the last word. */
const ENTITY_ACTIVITIES: Record<string, number> = { created: 1, updated: 3, deleted: 4 };
const AUTHENTICATION_ACTIVITIES: Record<string, number> = {
  success: 1,
  fail: 1,
  logout: 2,
  created: 3,
  renewed: 5,
};

function classify(action: string): { class: number; activity: number } {
  const words = action.split('_');
  const classUid = CLASSES[words[0] ?? ''] ?? ENTITY_MANAGEMENT;
  const activities = classUid === AUTHENTICATION ? AUTHENTICATION_ACTIVITIES : ENTITY_ACTIVITIES;
  return { class: classUid, activity: activities[words.at(-1) ?? ''] ?? OTHER };
}

const INFORMATIONAL = 1;
const LOW = 2;
const HIGH = 4;

function severity({ action, outcome }: AuditEvent): number {
  if (action.endsWith('_reuse')) return HIGH;
  return outcome === 'failure' ? LOW : INFORMATIONAL;
}
