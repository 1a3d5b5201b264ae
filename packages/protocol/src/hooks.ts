import type { DeadReason, Sender, Target } from './commands.js';

/**
 * What COMMAND_HOOK_URL is sent: JSON, POST, with the headers `bongsu-event` ("command", "executed" or "dead"),
 * `bongsu-timestamp` (seconds since 1970), `bongsu-signature` ("v1=" and the hexadecimal HMAC-SHA-256 of `timestamp.body`
 * under COMMAND_HOOK_SECRET) and `idempotency-key`.
 */
export const HOOK_EVENT_HEADER = 'bongsu-event';
export const HOOK_TIMESTAMP_HEADER = 'bongsu-timestamp';
export const HOOK_SIGNATURE_HEADER = 'bongsu-signature';

/** Before acceptance. 2xx lets the command in, 4xx refuses it as FORBIDDEN with the answer's `message`. */
export interface CommandHookBody {
  command: {
    id: string;
    type: 'trigger' | 'navigate' | 'message';
    target: Target;
    from: Sender;
    action?: string;
    data?: unknown;
    url?: string;
    displayIndex?: number;
  };
}

/** After a delivery ended; at least once, Idempotency-Key is the event's id. 2xx ends it, anything else is tried again. */
export interface DeliveryHookBody {
  event: {
    id: string;
    type: 'executed' | 'dead';
    commandId: string;
    commandType: string;
    screenId: string;
    senderId: string;
    attempts: number;
    /** Milliseconds, database clock. */
    at: number;
    reason?: DeadReason;
    error?: string;
  };
}
