import { randomUUID } from 'node:crypto';
import { navigate, trigger } from '@bongsu/conformance';
import type { ErrorCode } from '@bongsu/protocol';
import type { RoomRole, ScreenRole } from '../../src/platform/rights.js';
import type { Need, Place } from './callers.js';

/**
 * A good call of a route: what the right alone decides on. A route without one fails the test of rights.
 * Write a body that would pass, except where it changes the account itself: there one that is VALIDATION_ERROR (400) will do.
 */
export interface RouteSample {
  path(place: Place): string;
  body?(place: Place): object;
  needs?: Need;
  /**
   * Who may, by what they are to it. `screen`: right.to, or `roles`. `room`: right.within, or `roomRoles`. `maker`: only whoever made it.
   * Absent: everybody for themselves.
   */
  over?: 'screen' | 'room' | 'maker';
  roles?: readonly ScreenRole[];
  roomRoles?: readonly RoomRole[];
  /** What it is for everybody else. Those who see it, but as less, get FORBIDDEN, or with `hidden` the same. */
  unseen?: 'SCREEN_NOT_FOUND' | 'ROOM_NOT_FOUND' | 'NOT_FOUND';
  hidden?: true;
  /** The status for who may. */
  ok: number;
}

const MANAGERS = ['owner', 'admin'] as const;
const ALL = ['owner', 'controller', 'admin'] as const;

const screen = { over: 'screen', unseen: 'SCREEN_NOT_FOUND' } as const;
const room = { over: 'room', unseen: 'ROOM_NOT_FOUND' } as const;
/** Of its stream: for members alone, and who is none is told of no room. */
const stream = { ...room, hidden: true } as const;
const letter = { over: 'screen', unseen: 'NOT_FOUND', hidden: true, needs: 'letter' } as const;
const key = { over: 'maker', unseen: 'NOT_FOUND', needs: 'key' } as const;
const login = { over: 'maker', unseen: 'NOT_FOUND', needs: 'login' } as const;
/** Of the caller's own account, with a body that changes nothing. */
const account = (path: string, ok = 400): RouteSample => ({ path: () => path, body: () => ({}), ok });

/** Several of a route where it can be asked for different things. */
export const ROUTES: Record<string, RouteSample | RouteSample[]> = {
  'GET /api/users/me': { path: () => '/api/users/me', ok: 200 },
  'PATCH /api/users/me': { ...account('/api/users/me'), body: () => ({ username: 'x' }) },
  'POST /api/users/me/password': account('/api/users/me/password'),
  'GET /api/users/me/mfa': { path: () => '/api/users/me/mfa', ok: 200 },
  'POST /api/users/me/mfa/totp': account('/api/users/me/mfa/totp'),
  'POST /api/users/me/mfa/totp/confirm': account('/api/users/me/mfa/totp/confirm'),
  'DELETE /api/users/me/mfa/totp': account('/api/users/me/mfa/totp'),
  // None of them has a second factor, so there is nothing that codes would be for.
  'POST /api/users/me/mfa/recovery-codes': account('/api/users/me/mfa/recovery-codes', 409),

  'POST /api/auth/step-up': account('/api/auth/step-up'),
  'GET /api/auth/sessions': { path: () => '/api/auth/sessions', ok: 200 },
  'DELETE /api/auth/sessions/:id': {
    ...login,
    path: ({ loginId }) => `/api/auth/sessions/${loginId}`,
    ok: 204,
  },
  'DELETE /api/auth/sessions': account('/api/auth/sessions', 204),

  'GET /api/users': { path: () => '/api/users', ok: 200 },
  // Administrators may change everybody, so it is over nothing; the body changes nothing.
  'PATCH /api/users/:id': {
    path: ({ strangerId }) => `/api/users/${strangerId}`,
    body: () => ({ role: 'user', disabled: false }),
    ok: 200,
  },

  'GET /api/api-keys': { path: () => '/api/api-keys', ok: 200 },
  'POST /api/api-keys': account('/api/api-keys'),
  'DELETE /api/api-keys/:id': { ...key, path: ({ keyId }) => `/api/api-keys/${keyId}`, ok: 204 },
  'POST /api/api-keys/:id/rotate': {
    ...key,
    path: ({ keyId }) => `/api/api-keys/${keyId}/rotate`,
    body: () => ({ overlapHours: 0 }),
    ok: 201,
  },

  'GET /api/nodes': { path: () => '/api/nodes', ok: 200 },
  'GET /api/connections': { path: () => '/api/connections', ok: 200 },
  // Of nobody, which only administrators learn.
  'DELETE /api/connections/:id': { path: () => '/api/connections/none', ok: 404 },

  'GET /api/screens': { path: () => '/api/screens', ok: 200 },
  'POST /api/screens': { path: () => '/api/screens', body: () => ({ name: 'New' }), ok: 201 },
  'GET /api/screens/:id': { ...screen, path: ({ screenId }) => `/api/screens/${screenId}`, ok: 200 },
  'PATCH /api/screens/:id': {
    ...screen,
    path: ({ screenId }) => `/api/screens/${screenId}`,
    body: () => ({ name: 'Renamed' }),
    ok: 200,
  },
  'DELETE /api/screens/:id': { ...screen, path: ({ screenId }) => `/api/screens/${screenId}`, ok: 204 },
  'GET /api/screens/:id/rooms': {
    ...screen,
    path: ({ screenId }) => `/api/screens/${screenId}/rooms`,
    ok: 200,
  },
  'POST /api/screens/:id/credentials': {
    ...screen,
    path: ({ screenId }) => `/api/screens/${screenId}/credentials`,
    body: () => ({}),
    ok: 200,
  },
  'PUT /api/screens/:id/controllers/:userId': {
    ...screen,
    path: ({ screenId, strangerId }) => `/api/screens/${screenId}/controllers/${strangerId}`,
    ok: 200,
  },
  'DELETE /api/screens/:id/controllers/:userId': {
    ...screen,
    path: ({ screenId, strangerId }) => `/api/screens/${screenId}/controllers/${strangerId}`,
    ok: 200,
  },
  'POST /api/screens/pairings/claim': {
    path: () => '/api/screens/pairings/claim',
    // Devices that wait for a code are few by intention: let in, it finds nobody.
    body: () => ({ code: 'AAAA-AAAA', name: 'Claimed' }),
    ok: 404,
  },

  'POST /api/screens/:id/trigger': {
    ...screen,
    path: ({ screenId }) => `/api/screens/${screenId}/trigger`,
    body: () => ({ action: 'show' }),
    ok: 202,
  },
  'POST /api/screens/:id/navigate': {
    ...screen,
    path: ({ screenId }) => `/api/screens/${screenId}/navigate`,
    body: () => ({ url: '/menu' }),
    ok: 202,
  },
  'GET /api/commands': [
    { path: () => '/api/commands', ok: 200 },
    { ...screen, roles: ALL, path: ({ screenId }) => `/api/commands?screenId=${screenId}`, ok: 200 },
  ],
  'GET /api/commands/:id': [
    { over: 'maker', unseen: 'NOT_FOUND', path: ({ commandId }) => `/api/commands/${commandId}`, ok: 200 },
    {
      ...{ over: 'screen', roles: MANAGERS, unseen: 'NOT_FOUND', hidden: true },
      path: ({ commandId, ownerId }) => `/api/commands/${commandId}?senderId=${ownerId}`,
      ok: 200,
    },
  ],
  'DELETE /api/commands/:id': [
    { over: 'maker', unseen: 'NOT_FOUND', path: ({ commandId }) => `/api/commands/${commandId}`, ok: 200 },
    {
      ...{ over: 'screen', roles: MANAGERS, unseen: 'NOT_FOUND', hidden: true },
      path: ({ commandId, ownerId }) => `/api/commands/${commandId}?senderId=${ownerId}`,
      ok: 200,
    },
  ],

  'GET /api/rooms': { path: () => '/api/rooms', ok: 200 },
  'POST /api/rooms': { path: () => '/api/rooms', body: () => ({ name: 'New' }), ok: 201 },
  'GET /api/rooms/:id': { ...room, path: ({ roomId }) => `/api/rooms/${roomId}`, ok: 200 },
  'PATCH /api/rooms/:id': {
    ...room,
    path: ({ roomId }) => `/api/rooms/${roomId}`,
    body: () => ({ name: 'Renamed' }),
    ok: 200,
  },
  'DELETE /api/rooms/:id': { ...room, path: ({ roomId }) => `/api/rooms/${roomId}`, ok: 204 },
  'GET /api/rooms/:id/participants': {
    ...room,
    path: ({ roomId }) => `/api/rooms/${roomId}/participants`,
    ok: 200,
  },
  'GET /api/rooms/:id/kicked': { ...room, path: ({ roomId }) => `/api/rooms/${roomId}/kicked`, ok: 200 },
  'GET /api/rooms/:id/history': { ...room, path: ({ roomId }) => `/api/rooms/${roomId}/history`, ok: 200 },
  'POST /api/rooms/:id/lock': { ...room, path: ({ roomId }) => `/api/rooms/${roomId}/lock`, ok: 204 },
  'POST /api/rooms/:id/unlock': { ...room, path: ({ roomId }) => `/api/rooms/${roomId}/unlock`, ok: 204 },
  // Nobody of that id is in it, which only those learn who may.
  'POST /api/rooms/:id/kick': {
    ...room,
    path: ({ roomId }) => `/api/rooms/${roomId}/kick`,
    body: () => ({ participantId: randomUUID() }),
    ok: 404,
  },
  'POST /api/rooms/:id/admit': {
    ...room,
    path: ({ roomId }) => `/api/rooms/${roomId}/admit`,
    body: () => ({ participantId: randomUUID() }),
    ok: 404,
  },
  'POST /api/rooms/:id/messages': {
    ...stream,
    path: ({ roomId }) => `/api/rooms/${roomId}/messages`,
    body: () => ({ data: 'hello' }),
    ok: 202,
  },
  'POST /api/rooms/:id/trigger': {
    ...stream,
    path: ({ roomId }) => `/api/rooms/${roomId}/trigger`,
    body: () => ({ action: 'show' }),
    ok: 202,
  },
  'POST /api/rooms/:id/navigate': {
    ...stream,
    path: ({ roomId }) => `/api/rooms/${roomId}/navigate`,
    body: () => ({ url: '/menu' }),
    ok: 202,
  },
  'PUT /api/rooms/:id/screens/:screenId': {
    ...room,
    path: ({ roomId, screenId }) => `/api/rooms/${roomId}/screens/${screenId}`,
    ok: 204,
  },
  'DELETE /api/rooms/:id/screens/:screenId': {
    ...room,
    // Of the room, administrators too; of the screen, whoever commands it.
    roomRoles: ['owner', 'member', 'admin'],
    path: ({ roomId, screenId }) => `/api/rooms/${roomId}/screens/${screenId}`,
    ok: 204,
  },
  'GET /api/ice-servers': { path: () => '/api/ice-servers', ok: 200 },

  'GET /api/dead-letters': [
    { path: () => '/api/dead-letters', ok: 200 },
    {
      ...{ over: 'screen', unseen: 'NOT_FOUND', hidden: true },
      path: ({ letterScreenId }) => `/api/dead-letters?screenId=${letterScreenId}`,
      ok: 200,
    },
  ],
  'GET /api/dead-letters/stats': { path: () => '/api/dead-letters/stats', ok: 200 },
  'POST /api/dead-letters/requeue': [
    { path: () => '/api/dead-letters/requeue', body: () => ({ reason: 'lost' }), ok: 202 },
    {
      ...{ over: 'screen', unseen: 'NOT_FOUND', hidden: true },
      path: () => '/api/dead-letters/requeue',
      body: ({ letterScreenId }) => ({ screenId: letterScreenId, reason: 'lost' }),
      ok: 202,
    },
  ],
  'POST /api/dead-letters/:id/requeue': {
    ...letter,
    path: ({ letterId }) => `/api/dead-letters/${letterId}/requeue`,
    ok: 202,
  },
  'DELETE /api/dead-letters/:id': {
    ...letter,
    path: ({ letterId }) => `/api/dead-letters/${letterId}`,
    ok: 204,
  },
};

export interface EventSample {
  payload(place: Place, token: string): object;
  /** From a socket that took a seat in `openRoomId` before, if it may. */
  enters?: true;
  over?: 'screen' | 'room';
  roomRoles?: readonly RoomRole[];
  unseen?: 'SCREEN_NOT_FOUND' | 'ROOM_NOT_FOUND';
  hidden?: true;
  /** What those hear who may, where it is no success. */
  refused?: ErrorCode;
}

/** To somebody who is not there, which only those learn who have a seat in the room. */
const signal = (content: object): EventSample => ({
  enters: true,
  payload: ({ openRoomId }) => ({ roomId: openRoomId, to: randomUUID(), negotiationId: 'n', ...content }),
  refused: 'PARTICIPANT_NOT_FOUND',
});
const command = (over: object) => ({ id: randomUUID(), timestamp: Date.now(), ...over });
const toRoom = (content: object): EventSample => ({
  ...stream,
  roomRoles: ['owner', 'member'],
  payload: ({ roomId }) => command({ target: { roomId }, ...content }),
});

/** Several of an event where it can be about different things. */
export const EVENTS: Record<string, EventSample | EventSample[]> = {
  'auth-refresh': { payload: (_, token) => ({ token }) },
  report: { payload: () => ({ displayIndex: 0, url: '/menu' }) },
  trigger: [{ ...screen, payload: ({ screenId }) => trigger(screenId) }, toRoom({ action: 'show' })],
  navigate: [{ ...screen, payload: ({ screenId }) => navigate(screenId) }, toRoom({ url: '/menu' })],
  status: { payload: ({ commandId }) => ({ ids: [commandId] }) },
  message: {
    ...stream,
    payload: ({ roomId }) => command({ roomId, data: 'hello' }),
  },
  'create-room': { payload: () => ({ name: 'New', join: false }) },
  'join-room': { payload: ({ openRoomId }) => ({ roomId: openRoomId }) },
  'leave-room': { payload: ({ openRoomId }) => ({ roomId: openRoomId }) },
  'lock-room': { ...room, payload: ({ roomId }) => ({ roomId }) },
  'unlock-room': { ...room, payload: ({ roomId }) => ({ roomId }) },
  admit: {
    ...room,
    payload: ({ roomId }) => ({ roomId, participantId: randomUUID() }),
    refused: 'PARTICIPANT_NOT_FOUND',
  },
  kick: {
    ...room,
    payload: ({ roomId }) => ({ roomId, participantId: randomUUID() }),
    refused: 'PARTICIPANT_NOT_FOUND',
  },
  signal: signal({ restart: true }),
  offer: signal({ offer: 'v=0' }),
  answer: signal({ answer: 'v=0' }),
  'ice-candidate': signal({ candidate: null }),
};

/** Routes that anybody may call: they prove who calls by themselves, or tell nothing. */
export const PUBLIC: readonly string[] = [
  'OPTIONS *',
  'GET /.well-known/jwks.json',
  'GET /api/auth/setup',
  'POST /api/auth/setup',
  'POST /api/auth/signup',
  'POST /api/auth/login',
  'POST /api/auth/refresh',
  'POST /api/auth/logout',
  'GET /api/auth/csrf',
  'GET /api/auth/options',
  'POST /api/auth/mfa/verify',
  'POST /api/auth/password/forgot',
  'POST /api/auth/password/reset',
  'POST /api/auth/email/verify',
  'POST /api/screens/pairings',
  'POST /api/screens/pairings/:id/token',
  'GET /health',
  'GET /health/live',
  'GET /health/ready',
  'GET /api/health',
  'GET /api/health/live',
  'GET /api/health/ready',
  // Asks for METRICS_TOKEN or a private peer.
  'GET /metrics',
  'GET /api/openapi.json',
  // The console's files; only where it was built.
  'GET /*',
];
