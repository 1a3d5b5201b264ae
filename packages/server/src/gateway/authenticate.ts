import type { Handshake } from '@bongsu/protocol';
import {
  AuthenticationError,
  BongsuError,
  HandshakeSchema,
  PROTOCOL_VERSION,
  parseInput,
} from '@bongsu/protocol';
import type { Socket } from 'socket.io';
import type { RateLimiter } from '../guards/rate-limiter.js';
import type { Identity } from '../identity/index.js';
import type { Log } from '../platform/log.js';
import type { Origin, Principal } from '../platform/principal.js';
import { logRefusal, toBongsuError } from './reply.js';

/** `Authorization: Bearer …` → the token, or undefined when there is none. @throws AUTH_ERROR for another scheme */
export function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const match = /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header);
  if (!match?.[1]) throw new AuthenticationError();
  return match[1];
}

/** What the handshake leaves on a socket (`socket.data`): identity by its parts for readers, and whole for verbs. */
export interface SocketData {
  principal: Principal;
  origin: Origin;
  handshake: Omit<Handshake, 'token'>;
  userId?: string;
  username?: string;
  role?: string;
  screenId?: string;
  /** The login. */
  sessionId: string;
}

export interface AuthMiddlewareDeps {
  identity: Pick<Identity, 'authenticate'>;
  limits: Pick<RateLimiter, 'isBlocked' | 'recordFailure' | 'paceLookUps'>;
  /** Throws when this principal may not have one more connection. */
  checkConnections(principal: Principal): void;
  originOf(socket: Socket): Origin;
  log: Log;
}

type Next = (error?: Error & { data?: unknown }) => void;

/**
 * The Socket.IO handshake. A stock client never comes back after a `connect_error`, so only refusals that no retry
 * can mend are answered by one; all others end the transport, after which it reconnects.
 */
export function authMiddleware(deps: AuthMiddlewareDeps) {
  return async (socket: Socket, next: Next): Promise<void> => {
    // Nobody waits for this promise: one that is rejected would end the process.
    try {
      const origin = deps.originOf(socket);
      const error = await letIn(deps, socket, origin);
      if (!error) next();
      else if (error.retryable || (await countFailure(deps.limits, origin.address, error)))
        socket.conn.close();
      else next(Object.assign(new Error(error.message), { data: error.toWire() }));
    } catch (thrown) {
      logConnect(deps.log, socket, toBongsuError(thrown));
      socket.conn.close();
    }
  };
}

/** Leaves on the socket who it is; otherwise why it may not come in. */
async function letIn(
  deps: AuthMiddlewareDeps,
  socket: Socket,
  origin: Origin,
): Promise<BongsuError | undefined> {
  try {
    const { token, ...handshake } = readHandshake(socket);
    const principal = await deps.identity.authenticate(token, async () => {
      // Anybody can make up API keys. A good one passes all the same, when its turn to be looked up has come.
      if (await deps.limits.isBlocked(origin.address)) await deps.limits.paceLookUps(origin.address);
    });
    deps.checkConnections(principal);
    socket.data = socketData(principal, origin, handshake);
    return undefined;
  } catch (thrown) {
    const error = toBongsuError(thrown);
    logConnect(deps.log, socket, error);
    return error;
  }
}

function logConnect(log: Log, socket: Socket, error: BongsuError): void {
  logRefusal(log, error, { event: 'connect', socketId: socket.id });
}

function readHandshake(socket: Socket): Handshake {
  const auth: unknown = socket.handshake.auth;
  if (typeof auth === 'object' && auth !== null && !('token' in auth)) throw new AuthenticationError();
  const handshake = parseInput(HandshakeSchema, auth);
  if (handshake.protocol !== undefined && handshake.protocol !== PROTOCOL_VERSION) {
    throw new BongsuError('UNSUPPORTED_VERSION', { details: { supported: [PROTOCOL_VERSION] } });
  }
  return handshake;
}

/**
 * True when this address has used its failures up. A token of ours that has expired or was revoked is no failed attempt: nobody can
 * guess one, and after a weekend or a change of devices, 200 kiosks behind one address all have one.
 */
async function countFailure(
  limits: Pick<RateLimiter, 'isBlocked' | 'recordFailure'>,
  address: string,
  error: BongsuError,
): Promise<boolean> {
  if (error.code === 'TOKEN_EXPIRED' || error.code === 'TOKEN_REVOKED') return false;
  const blocked = await limits.isBlocked(address);
  if (!blocked) await limits.recordFailure(address);
  return blocked;
}

export function socketData(
  principal: Principal,
  origin: Origin,
  handshake: Omit<Handshake, 'token'>,
): SocketData {
  const { sessionId } = principal;
  const identity =
    principal.kind === 'user'
      ? { userId: principal.userId, username: principal.username, role: principal.role }
      : { screenId: principal.screenId };
  return { principal, origin, handshake, sessionId, ...identity };
}
