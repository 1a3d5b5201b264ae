import {
  BongsuError,
  ChangeRoomSchema,
  CreateRoomBodySchema,
  KickedSchema,
  listOf,
  PageQuerySchema,
  ParticipantBodySchema,
  ParticipantSchema,
  RoomAnswerSchema,
  RoomIdSchema,
  RoomSchema,
  text,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../platform/refusals.js';
import { admit } from './admit.js';
import { changeRoom } from './change.js';
import { closeRoom } from './close.js';
import { createRoom } from './create.js';
import type { Call, RoomsContext } from './deps.js';
import { kick } from './kick.js';
import { getRoom, listKicked, listParticipants, listRooms } from './list.js';
import { lockRoom, unlockRoom } from './lock.js';

const ParamsSchema = z.object({ id: RoomIdSchema });
/** Everybody's rooms, for admins. */
const ListQuerySchema = PageQuerySchema.extend({ all: z.enum(['true', 'false']).default('false') });
const CreateHeadersSchema = z.looseObject({ 'idempotency-key': text(1, 200).optional() });
const FAULTS = ['VALIDATION_ERROR', 'ROOM_NOT_FOUND', 'ROOM_CLOSED'] as const;

export function roomRoutes(context: RoomsContext): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    mountRooms(app, context);
    mountRoom(app, context);
    mountParticipants(app, context);
    mountModeration(app, context);
  };
}

/** @throws FORBIDDEN when a device calls what the gateway should have kept from it */
export function callOf({ principal, origin }: FastifyRequest): Call {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  return { user: principal, origin };
}

function documented(summary: string, ...own: Parameters<typeof refusals>) {
  const { codes, responses } = refusals(...own, 'UNAVAILABLE');
  return { shared: { tags: ['rooms'], summary, codes }, responses };
}

function mountRooms(app: FastifyInstance, context: RoomsContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const create = documented(
    'Make a room',
    ...(['VALIDATION_ERROR', 'CONFLICT', 'IDEMPOTENCY_CONFLICT', 'RATE_LIMIT'] as const),
  );
  typed.post(
    '/rooms',
    {
      config: { right: 'rooms.create', limit: 'general' },
      schema: {
        ...create.shared,
        headers: CreateHeadersSchema,
        body: CreateRoomBodySchema,
        response: { 201: RoomAnswerSchema, ...create.responses },
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key'];
      const room = await createRoom(context, callOf(request), request.body, key);
      return reply.status(201).send({ room });
    },
  );
  const list = documented('List own and joined rooms', 'VALIDATION_ERROR', 'FORBIDDEN');
  typed.get(
    '/rooms',
    {
      config: { right: 'rooms.list', limit: 'general', pages: true },
      schema: {
        ...list.shared,
        querystring: ListQuerySchema,
        response: { 200: listOf(RoomSchema), ...list.responses },
      },
    },
    async (request) => {
      const { all, ...page } = request.query;
      return listRooms(context, callOf(request), { ...page, all: all === 'true' });
    },
  );
}

function mountRoom(app: FastifyInstance, context: RoomsContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const get = documented('Read a room', ...FAULTS);
  typed.get(
    '/rooms/:id',
    {
      config: { right: 'rooms.read', limit: 'general' },
      schema: { ...get.shared, params: ParamsSchema, response: { 200: RoomAnswerSchema, ...get.responses } },
    },
    async (request) => ({ room: await getRoom(context, callOf(request), request.params.id) }),
  );
  const change = documented('Change a room', ...FAULTS, 'FORBIDDEN');
  typed.patch(
    '/rooms/:id',
    {
      config: { right: 'rooms.change', limit: 'general' },
      schema: {
        ...change.shared,
        params: ParamsSchema,
        body: ChangeRoomSchema,
        response: { 200: RoomAnswerSchema, ...change.responses },
      },
    },
    async (request) => ({
      room: await changeRoom(context, callOf(request), request.params.id, request.body),
    }),
  );
  const close = documented('Close a room', ...FAULTS, 'FORBIDDEN');
  typed.delete(
    '/rooms/:id',
    {
      config: { right: 'rooms.change', limit: 'general' },
      schema: { ...close.shared, params: ParamsSchema, response: { 204: z.null(), ...close.responses } },
    },
    async (request, reply) => {
      await closeRoom(context, callOf(request), request.params.id);
      return reply.status(204).send(null);
    },
  );
}

function mountParticipants(app: FastifyInstance, context: RoomsContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const request = { params: ParamsSchema, querystring: PageQuerySchema };
  const list = documented('List who is in a room, and who waits', ...FAULTS);
  typed.get(
    '/rooms/:id/participants',
    {
      config: { right: 'rooms.read', limit: 'general' },
      schema: {
        ...list.shared,
        ...request,
        response: { 200: listOf(ParticipantSchema), ...list.responses },
      },
    },
    async (request) => listParticipants(context, callOf(request), request.params.id, request.query),
  );
  const kicked = documented('List who was put out of a room', ...FAULTS, 'FORBIDDEN');
  typed.get(
    '/rooms/:id/kicked',
    {
      config: { right: 'rooms.kicked', limit: 'general' },
      schema: { ...kicked.shared, ...request, response: { 200: listOf(KickedSchema), ...kicked.responses } },
    },
    async (request) => listKicked(context, callOf(request), request.params.id, request.query),
  );
}

function mountModeration(app: FastifyInstance, context: RoomsContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const config = { right: 'rooms.change', limit: 'general' } as const;
  const locks = [
    ['/rooms/:id/lock', 'Let nobody else join', lockRoom],
    ['/rooms/:id/unlock', 'Let others join again', unlockRoom],
  ] as const;
  for (const [url, summary, verb] of locks) {
    const { shared, responses } = documented(summary, ...FAULTS, 'FORBIDDEN');
    const schema = { ...shared, params: ParamsSchema, response: { 204: z.null(), ...responses } };
    typed.post(url, { config, schema }, async (request, reply) => {
      await verb(context, callOf(request), request.params.id);
      return reply.status(204).send(null);
    });
  }
  const people = [
    ['/rooms/:id/admit', 'Let somebody in', admit, ['ROOM_FULL']],
    ['/rooms/:id/kick', 'Put somebody out', kick, []],
  ] as const;
  for (const [url, summary, verb, own] of people) {
    const codes = [...FAULTS, 'FORBIDDEN', 'PARTICIPANT_NOT_FOUND', ...own] as const;
    const { shared, responses } = documented(summary, ...codes);
    const body = ParticipantBodySchema;
    const schema = { ...shared, params: ParamsSchema, body, response: { 204: z.null(), ...responses } };
    typed.post(url, { config, schema }, async (request, reply) => {
      await verb(context, callOf(request), request.params.id, request.body.participantId);
      return reply.status(204).send(null);
    });
  }
}
