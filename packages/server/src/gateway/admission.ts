import type { IncomingMessage, ServerResponse } from 'node:http';

/** Why a new connection is turned away before Engine.IO opens it. */
export interface Refusal {
  status: 403 | 503;
  message: string;
  retryAfterSeconds?: number;
}

export type Admit = (request: IncomingMessage) => Refusal | undefined;
type AllowRequest = (
  request: IncomingMessage,
  decide: (error: string | null, success: boolean) => void,
) => void;

/**
 * Engine.IO's own refusal can only say 403 or 400, without headers. A refusal that passes must say 503 and
 * when to come back, so it is answered here and Engine.IO never hears of that request again.
 */
export function admission(admit: Admit): AllowRequest {
  return (request, decide) => {
    const refusal = admit(request);
    if (!refusal) return decide(null, true);
    if (request.headers.upgrade) refuseUpgrade(request, refusal);
    else refusePolling(request, refusal);
  };
}

const REASONS = { 403: 'Forbidden', 503: 'Service Unavailable' } as const;

function refuseUpgrade(request: IncomingMessage, refusal: Refusal): void {
  const body = JSON.stringify({ message: refusal.message });
  const headers = [
    `HTTP/1.1 ${refusal.status} ${REASONS[refusal.status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(refusal.retryAfterSeconds === undefined ? [] : [`Retry-After: ${refusal.retryAfterSeconds}`]),
  ];
  request.socket.on('error', () => request.socket.destroy());
  // Else the half of it that the client never closes would stay open.
  request.socket.once('finish', () => request.socket.destroy());
  request.socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`);
}

function refusePolling(request: IncomingMessage, refusal: Refusal): void {
  // Engine.IO puts the response here before it asks (engine.io/lib/server.ts, handleRequest).
  const { res } = request as IncomingMessage & { res: ServerResponse };
  res.writeHead(refusal.status, {
    'Content-Type': 'application/json',
    ...(refusal.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(refusal.retryAfterSeconds) }),
  });
  res.end(JSON.stringify({ message: refusal.message }));
}

/** True when a browser's page of another site asks: its Origin is neither this host nor on the list. */
function foreignOrigin(request: IncomingMessage, allowed: (origin: string) => boolean): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return false;
  if (allowed(origin)) return false;
  try {
    return new URL(origin).host !== host;
  } catch {
    return true;
  }
}

export interface AdmissionPolicy {
  phase(): 'starting' | 'ready' | 'draining';
  allowsOrigin(origin: string): boolean;
  /** True when it came in plain where only https may: a websocket follows no redirect. */
  isForbiddenPlain(request: IncomingMessage): boolean;
  /** True while this process alone has lost the database: others can do what it cannot. */
  isCutOff(): boolean;
  /** True while more handshakes are under way than the process can bear. */
  isOverloaded(): boolean;
}

const RETRY_SECONDS = 1;
const NOT_READY = { starting: 'This server is starting.', draining: 'This server is going away.' };

const later = (message: string): Refusal => ({ status: 503, message, retryAfterSeconds: RETRY_SECONDS });

export function createAdmit(policy: AdmissionPolicy): Admit {
  const { phase, allowsOrigin, isForbiddenPlain, isCutOff, isOverloaded } = policy;
  return (request) => {
    const now = phase();
    if (now !== 'ready') return later(NOT_READY[now]);
    if (isForbiddenPlain(request)) return { status: 403, message: 'Connect by https or wss.' };
    if (foreignOrigin(request, allowsOrigin)) return { status: 403, message: 'This origin is not allowed.' };
    if (isCutOff()) return later('This server cannot reach its database.');
    if (isOverloaded()) return later('Too many connections come in at once.');
    return undefined;
  };
}
