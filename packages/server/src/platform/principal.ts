// Who calls, and from where. Lives here because every domain and the gateway read it.
import type { Role, Scope } from '@bongsu/protocol';

/** Who makes a call, as every verb sees it. HTTP and sockets authenticate to the same shape. */
export type Principal = UserPrincipal | ScreenPrincipal;

export interface UserPrincipal {
  kind: 'user';
  userId: string;
  username: string;
  role: Role;
  /** The login, or `key:` and the id of the API key. */
  sessionId: string;
  /** Milliseconds, database clock: when the access token or API key ends; Infinity for a key that never does. */
  expiresAt: number;
  /** Milliseconds, database clock: when it was last proven who sits there; 0 for an API key. */
  provenAt: number;
  /** A login by one factor, or an API key, of somebody who must have two (MFA_REQUIRED_FOR) and has not: it may only set the second one up. */
  lacksFactor?: boolean | undefined;
  /** Of a caller by API key, which may do no more than its scopes; absent for a login. */
  apiKey?: { id: string; scopes: ReadonlySet<Scope> };
}

export interface ScreenPrincipal {
  kind: 'screen';
  screenId: string;
  sessionId: string;
  expiresAt: number;
}

/** The key that a caller came by; undefined for logins and screens. */
export function apiKeyOf(principal: Principal): UserPrincipal['apiKey'] {
  return principal.kind === 'user' ? principal.apiKey : undefined;
}

/** What stands in for the login (`sessionId`) of a caller by key. */
export function keyLogin(apiKeyId: string): string {
  return `key:${apiKeyId}`;
}

/** Where a call came from. */
export interface Origin {
  /** The peer's address, after trusted proxies. */
  address: string;
  userAgent: string;
  requestId?: string;
}
