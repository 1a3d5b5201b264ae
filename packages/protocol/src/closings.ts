/**
 * Why a server closes a socket. Socket.IO's own disconnect reasons are a closed list, so the reason travels in
 * a `session-closing` event just before. `reconnect:false` is final: the server calls `disconnect(true)`, after
 * which a stock client stays away. `reconnect:true` ends only the transport, after which it comes back.
 */
export const CLOSINGS = {
  TOKEN_REVOKED: { reconnect: false, reason: 'The token was revoked.' },
  TOKEN_EXPIRED: { reconnect: false, reason: 'The token expired and was not refreshed in time.' },
  ACCOUNT_DISABLED: { reconnect: false, reason: 'The account was disabled.' },
  KICKED: { reconnect: false, reason: 'Removed by an owner or administrator.' },
  REPLACED_BY_OTHER: { reconnect: false, reason: 'Another device took over with the same credential.' },
  REPLACED_BY_SELF: { reconnect: true, reason: 'A newer connection of the same client took over.' },
  HEARTBEAT_TIMEOUT: { reconnect: true, reason: 'No heartbeat arrived in time.' },
  SLOW_CONSUMER: { reconnect: true, reason: 'The client reads more slowly than it is sent to.' },
  DRAINING: { reconnect: true, reason: 'This server is going away; another or its successor will answer.' },
  RATE_LIMIT: { reconnect: true, reason: 'Too many failed attempts from this address.' },
} as const satisfies Record<string, { reconnect: boolean; reason: string }>;

export type ClosingKey = keyof typeof CLOSINGS;

/** The payload of `session-closing`. Both REPLACED closings carry the code REPLACED; `reconnect` tells them apart. */
export interface SessionClosing {
  code: string;
  reason: string;
  reconnect: boolean;
  /** Milliseconds to wait before connecting again. */
  retryAfterMs?: number;
}

export function sessionClosing(key: ClosingKey, retryAfterMs?: number): SessionClosing {
  const { reconnect, reason } = CLOSINGS[key];
  const code = key.startsWith('REPLACED') ? 'REPLACED' : key;
  return { code, reason, reconnect, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
