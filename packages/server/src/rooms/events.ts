import {
  BongsuError,
  CreateRoomSchema,
  JoinRoomSchema,
  ParticipantRefSchema,
  RoomRefSchema,
} from '@bongsu/protocol';
import { assertRight } from '../platform/rights.js';
import { defineEvent, type EventContext, type Events } from '../platform/surface.js';
import { admit } from './admit.js';
import { createAndJoin } from './create.js';
import type { RoomsContext } from './deps.js';
import { joinRoom, type SocketCall } from './join.js';
import { kick } from './kick.js';
import { leaveRoom } from './leave.js';
import { lockRoom, unlockRoom } from './lock.js';

/** @throws FORBIDDEN when a device calls what the gateway should have kept from it */
export function socketCall(event: EventContext): SocketCall {
  const { principal, origin, socketId, instanceId, signal } = event;
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  const isAdmin = () => event.principal.kind === 'user' && event.principal.role === 'admin';
  return { user: principal, origin, socket: { id: socketId, instanceId, signal, isAdmin } };
}

export function roomEvents(context: RoomsContext): Events {
  return { ...visits(context), ...moderation(context) };
}

/**
 * Of a user, and as much again of leaving: whoever has lost seats must be back within their grace, so they wait a moment at most. New
 * seats and new rooms have limits of their own.
 */
const VISITS = { perSecond: 20, burst: 500 };

/** None of the general limit, which would keep people out of their seats, or in them; and each takes its turn before anything waits. */
function visits(context: RoomsContext): Events {
  const countVisit = context.limiter.burstLimit('room-visits', VISITS);
  const countLeave = context.limiter.burstLimit('room-leaves', VISITS);
  return {
    'create-room': defineEvent({
      right: 'rooms.create',
      limit: 'command',
      schema: CreateRoomSchema,
      async handle(event, input) {
        const call = socketCall(event);
        if (input.join) assertRight('rooms.join', event.principal, context.databaseClock);
        countVisit(call.user.userId);
        return createAndJoin(context, call, input);
      },
    }),
    'join-room': defineEvent({
      right: 'rooms.join',
      limit: 'command',
      schema: JoinRoomSchema,
      async handle(event, input) {
        const call = socketCall(event);
        countVisit(call.user.userId);
        return joinRoom(context, call, input);
      },
    }),
    'leave-room': defineEvent({
      right: 'rooms.join',
      limit: 'none',
      schema: RoomRefSchema,
      async handle(event, { roomId }) {
        const call = socketCall(event);
        countLeave(call.user.userId);
        await leaveRoom(context, call, roomId);
        return {};
      },
    }),
  };
}

function moderation(context: RoomsContext): Events {
  const verbs = { 'lock-room': lockRoom, 'unlock-room': unlockRoom };
  const locks = Object.entries(verbs).map(([name, verb]) => [
    name,
    defineEvent({
      right: 'rooms.change',
      limit: 'general',
      schema: RoomRefSchema,
      async handle(event, { roomId }) {
        await verb(context, socketCall(event), roomId);
        return {};
      },
    }),
  ]);
  const people = Object.entries({ admit, kick }).map(([name, verb]) => [
    name,
    defineEvent({
      right: 'rooms.change',
      limit: 'general',
      schema: ParticipantRefSchema,
      async handle(event, { roomId, participantId }) {
        await verb(context, socketCall(event), roomId, participantId);
        return {};
      },
    }),
  ]);
  return Object.fromEntries([...locks, ...people]);
}
