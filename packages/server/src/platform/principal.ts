// Who calls, and from where. Lives here because every domain and the gateway read it.
import type { Role } from '@bongsu/protocol';

/** Who makes a call, as every verb sees it. HTTP and sockets authenticate to the same shape. */
export type Principal = UserPrincipal | ScreenPrincipal;

export interface UserPrincipal {
  kind: 'user';
  userId: string;
  username: string;
  role: Role;
  /** The login. */
  sessionId: string;
  /** Milliseconds, database clock: when the access token ends. */
  expiresAt: number;
}

export interface ScreenPrincipal {
  kind: 'screen';
  screenId: string;
  sessionId: string;
  expiresAt: number;
}

/** Where a call came from. */
export interface Origin {
  /** The peer's address, after trusted proxies. */
  address: string;
  userAgent: string;
  requestId?: string;
}
