import { AuthenticationError, BongsuError, type ErrorCode, type Scope } from '@bongsu/protocol';
import type { Principal } from './principal.js';
import type { PushedEvent } from './push.js';

/** Who calls at all. `any`: whoever is signed in, people and screens. */
export type Access = 'public' | 'user' | 'admin' | 'screen' | 'any';

/** What somebody is to a screen. */
export type ScreenRole = 'owner' | 'controller' | 'admin';

/** What somebody is to a room. A member has a seat in it, or keeps one for the grace; its owner is one always. */
export type RoomRole = 'owner' | 'member' | 'admin';

export interface Right {
  /** What it lets one do: the line of docs/identity.md. */
  readonly what: string;
  readonly access: Access;
  /** What an API key must have been given; null: no API key may. */
  readonly scope: Scope | null;
  /** What a key must have been given besides. */
  readonly besides?: Scope;
  /** What one must be to the screen that it is about. */
  readonly to?: readonly ScreenRole[];
  /** What one must be to the room that it is about. */
  readonly within?: readonly RoomRole[];
  /** Only within STEP_UP_MS of a proof of who sits there. */
  readonly stepUp?: true;
  /** Also for who still has to set up the second factor that MFA_REQUIRED_FOR asks of them. */
  readonly withoutFactor?: true;
}

const ALL: readonly ScreenRole[] = ['owner', 'admin', 'controller'];
const MANAGERS: readonly ScreenRole[] = ['owner', 'admin'];
const MEMBERS: readonly RoomRole[] = ['owner', 'member'];
const READERS: readonly RoomRole[] = ['owner', 'member', 'admin'];
const MODERATORS: readonly RoomRole[] = ['owner', 'admin'];

/**
 * Every right there is. Routes and events name one each, the gateway checks it where they are mounted, and the table of
 * docs/identity.md is made from this.
 */
export const RIGHTS = {
  public: {
    what: 'sign up, log in, refresh and log out; pair a device; read health, JWKS and docs',
    access: 'public',
    scope: null,
  },
  'socket.renew': {
    what: 'carry a socket over to a newer token (`auth-refresh`)',
    access: 'any',
    scope: null,
    withoutFactor: true,
  },
  'profile.read': {
    what: 'read one’s own profile',
    access: 'user',
    scope: 'users:read',
    withoutFactor: true,
  },
  'profile.change': { what: 'change one’s own profile', access: 'user', scope: 'users:write' },
  'identity.prove': {
    what: 'prove anew who sits there (step up)',
    access: 'user',
    scope: null,
    withoutFactor: true,
  },
  'logins.read': { what: 'list one’s own logins', access: 'user', scope: null },
  'logins.end': { what: 'end one’s own logins', access: 'user', scope: null, stepUp: true },
  'password.change': { what: 'change one’s own password', access: 'user', scope: null, stepUp: true },
  'mfa.read': {
    what: 'see whether a second factor is on',
    access: 'user',
    scope: null,
    withoutFactor: true,
  },
  // No step-up besides: the password, and the code where a factor is on, come with the call, and no code counts twice.
  'mfa.prove': {
    what: 'set up or take off the second factor, by password and code',
    access: 'user',
    scope: null,
    withoutFactor: true,
  },
  'mfa.change': { what: 'make new recovery codes', access: 'user', scope: null, stepUp: true },
  'api-keys.read': { what: 'list one’s own API keys', access: 'user', scope: null },
  'api-keys.change': {
    what: 'make, rotate and delete one’s own API keys',
    access: 'user',
    scope: null,
    stepUp: true,
  },
  'users.read': { what: 'list all users', access: 'admin', scope: 'users:read' },
  'users.change': { what: 'change roles, disable and enable users', access: 'admin', scope: 'users:write' },
  'nodes.read': { what: 'see the nodes', access: 'admin', scope: 'metrics:read' },
  'connections.read': { what: 'see what is connected to every node', access: 'admin', scope: null },
  'connections.close': { what: 'close a connection of anybody', access: 'admin', scope: null },
  'screens.list': { what: 'list screens that one sees', access: 'user', scope: 'screens:read' },
  'screens.read': { what: 'read a screen', access: 'user', scope: 'screens:read', to: ALL },
  'screens.create': { what: 'make a screen, by hand or by pairing', access: 'user', scope: 'screens:write' },
  'screens.change': {
    what: 'rename or delete a screen, say who else commands it',
    access: 'user',
    scope: 'screens:write',
    to: MANAGERS,
  },
  'screens.rooms': {
    what: 'list the rooms that command a screen',
    access: 'user',
    scope: 'screens:read',
    to: MANAGERS,
  },
  'screens.credential': {
    what: 'issue the credential of a screen’s device',
    access: 'user',
    scope: 'screens:write',
    to: ['owner'],
  },
  'screens.report': { what: 'report what the screen itself shows', access: 'screen', scope: null },
  'commands.send': {
    what: 'send a trigger or navigate to a screen',
    access: 'user',
    scope: 'commands:write',
    to: ALL,
  },
  'commands.read': {
    what: 'read one’s own commands, and those of others to a screen of one’s own',
    access: 'user',
    scope: 'commands:read',
  },
  'commands.cancel': {
    what: 'cancel one’s own commands, and those of others to a screen of one’s own',
    access: 'user',
    scope: 'commands:write',
  },
  'dead-letters.read': {
    what: 'read dead letters of a screen',
    access: 'user',
    scope: 'dead-letters:read',
    to: MANAGERS,
  },
  'dead-letters.change': {
    what: 'requeue and delete dead letters of a screen',
    access: 'user',
    scope: 'dead-letters:write',
    to: MANAGERS,
  },
  'rooms.list': { what: 'list rooms that one owns or is in', access: 'user', scope: 'rooms:read' },
  'rooms.create': { what: 'make a room, without being in it', access: 'user', scope: 'rooms:write' },
  'rooms.join': {
    what: 'join a room whose id one knows or that one makes, and leave it',
    access: 'user',
    scope: 'rooms:write',
    // Whoever is in a room hears it, and gets the servers of its calls.
    besides: 'rooms:read',
  },
  'rooms.read': {
    what: 'read a room, who is in it and what was said',
    access: 'user',
    scope: 'rooms:read',
    within: READERS,
  },
  'rooms.kicked': {
    what: 'read who was kicked from a room',
    access: 'user',
    scope: 'rooms:read',
    within: MODERATORS,
  },
  'rooms.post': { what: 'post to a room', access: 'user', scope: 'rooms:write', within: MEMBERS },
  'rooms.signal': {
    what: 'signal to somebody in the room that one is in',
    access: 'user',
    scope: 'rooms:write',
    besides: 'rooms:read',
    within: MEMBERS,
  },
  'rooms.change': {
    what: 'change, lock or close a room, admit to it and kick from it',
    access: 'user',
    scope: 'rooms:write',
    within: MODERATORS,
  },
  'rooms.screens': {
    what: 'let a screen that one commands be commanded from a room that one is in or owns, and take it out again (as do the room’s owner and administrators)',
    access: 'user',
    scope: 'rooms:write',
    // Whoever may not say who commands a screen lets no room command it either.
    besides: 'screens:write',
    within: MEMBERS,
  },
  'rooms.command': {
    what: 'send a trigger or navigate to the screens of a room (members only where `commanders` says so)',
    access: 'user',
    scope: 'commands:write',
    within: MEMBERS,
  },
  'ice-servers.read': { what: 'get the STUN and TURN servers', access: 'user', scope: 'rooms:read' },
} as const satisfies Record<string, Right>;

/**
 * What a socket is told without asking. One of a login hears all that is its user's; one of an API key only what it could read, or
 * what becomes of what it may send: any one of these scopes is enough.
 */
export const PUSH_SCOPES: Readonly<Record<PushedEvent, readonly Scope[]>> = {
  'screen-status': ['screens:read'],
  'command-status': ['commands:read', 'commands:write'],
  'user-waiting': ['rooms:write'],
  'user-left': ['rooms:write'],
};

/** Whether the event may go out on a socket of this caller. */
export function mayHear(event: PushedEvent, principal: Principal): boolean {
  if (principal.kind !== 'user') return true;
  if (principal.lacksFactor) return false;
  if (!principal.apiKey) return true;
  const { scopes } = principal.apiKey;
  return PUSH_SCOPES[event].some((scope) => scopes.has(scope));
}

export type RightName = keyof typeof RIGHTS;
/** Rights over one screen. */
export type ScreenRightName = {
  [Name in RightName]: (typeof RIGHTS)[Name] extends { to: readonly ScreenRole[] } ? Name : never;
}[RightName];

/** How long a proof of identity lets one do what asks for a fresh one. */
export const STEP_UP_MS = 10 * 60_000;

/**
 * May this caller do it at all? What somebody is to one screen is the domain's to ask (`isEnoughFor`).
 * @param now milliseconds, database clock
 * @throws FORBIDDEN, with `details.scope` where only that is missing; MFA_REQUIRED; STEP_UP_REQUIRED
 */
export function assertRight(name: RightName, principal: Principal, now: () => number): void {
  const right: Right = RIGHTS[name];
  if (!admits(right.access, principal)) throw new BongsuError('FORBIDDEN');
  if (principal.kind !== 'user') return;
  if (principal.apiKey) {
    if (right.scope === null) throw new BongsuError('FORBIDDEN');
    for (const scope of scopesOf(right)) {
      if (!principal.apiKey.scopes.has(scope)) throw new BongsuError('FORBIDDEN', { details: { scope } });
    }
  }
  if (principal.lacksFactor && !right.withoutFactor) throw new AuthenticationError('MFA_REQUIRED');
  if (right.stepUp && now() - principal.provenAt > STEP_UP_MS) throw new BongsuError('STEP_UP_REQUIRED');
}

/** What a key must have been given; nothing where no key may. */
function scopesOf({ scope, besides }: Pick<Right, 'scope' | 'besides'>): Scope[] {
  return [scope, besides].filter((one) => typeof one === 'string');
}

/** All that the gateway may answer who asks for the right: of the token, and of `assertRight`. */
export function refusalsOf(name: RightName): ErrorCode[] {
  const right: Right = RIGHTS[name];
  if (right.access === 'public') return [];
  const isOfPeople = right.access !== 'screen';
  return [
    'AUTH_ERROR',
    'TOKEN_EXPIRED',
    'TOKEN_REVOKED',
    'FORBIDDEN',
    ...(isOfPeople && !right.withoutFactor ? (['MFA_REQUIRED'] as const) : []),
    ...(right.stepUp ? (['STEP_UP_REQUIRED'] as const) : []),
  ];
}

function admits(access: Access, principal: Principal): boolean {
  switch (access) {
    case 'public':
    case 'any':
      return true;
    case 'admin':
      return principal.kind === 'user' && principal.role === 'admin';
    default:
      return principal.kind === access;
  }
}

/** Whether being `role` to a screen is enough for the right. */
export function isEnoughFor(name: ScreenRightName, role: ScreenRole): boolean {
  const { to }: { to: readonly ScreenRole[] } = RIGHTS[name];
  return to.includes(role);
}

/** Rights within one room. */
export type RoomRightName = {
  [Name in RightName]: (typeof RIGHTS)[Name] extends { within: readonly RoomRole[] } ? Name : never;
}[RightName];

/** Whether being `role` to a room is enough for the right. */
export function isEnoughWithin(name: RoomRightName, role: RoomRole): boolean {
  const { within }: { within: readonly RoomRole[] } = RIGHTS[name];
  return within.includes(role);
}
