import type { ClosingKey, DeviceCredential } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
import type { Queryable } from '../platform/database/database.js';
import type { Principal } from '../platform/principal.js';
import type { Events } from '../platform/surface.js';

/** What the gateway and other domains use of identity. */
export interface Identity {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Access token → who it is. @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED; UNAVAILABLE when SQL is away and needed */
  authenticate(token: string): Promise<Principal>;
  /** A new device login for a screen, and its first tokens; earlier ones of the screen end. In the caller's transaction. */
  issueDeviceCredential(tx: Queryable, screenId: string): Promise<DeviceCredential>;
  /** Ends every device login of a screen, in the caller's transaction. */
  revokeDevice(tx: Queryable, screenId: string): Promise<void>;
  /** True once a device login has been used (refreshed, or its access token presented). Pairing answers the same until then. */
  deviceUsed(screenId: string): Promise<boolean>;
  /** Called after commit when a login, a user or a screen may no longer be connected. */
  onRevoked(
    listener: (who: { sessionId?: string; userId?: string; screenId?: string }, closing: ClosingKey) => void,
  ): () => void;
  /** A request, refresh or socket event of this login: it is not idle. Cheap; written at most once a minute. */
  touch(sessionId: string): void;
  /** The first-admin link's token, on an empty server without ADMIN_EMAIL. */
  setupToken(): Promise<string | undefined>;
  routes: FastifyPluginAsync;
  /** `/.well-known/jwks.json` lives outside /api. */
  wellKnownRoutes: FastifyPluginAsync;
  events: Events;
}
