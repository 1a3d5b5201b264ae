import {
  RoomHistoryQuerySchema,
  RoomHistorySchema,
  RoomIdSchema,
  RoomScreenParamsSchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../platform/refusals.js';
import type { RoomsContext } from './deps.js';
import { readHistory } from './history.js';
import { addRoomScreen, removeRoomScreen } from './room-screens.js';
import { callOf } from './routes.js';

const ParamsSchema = z.object({ id: RoomIdSchema });
const FAULTS = ['VALIDATION_ERROR', 'ROOM_NOT_FOUND', 'ROOM_CLOSED', 'UNAVAILABLE'] as const;

/** What was said in a room, and the screens that carry out what is sent to it. */
export function streamRoutes(context: RoomsContext): FastifyPluginAsync {
  return async (app) => {
    mountHistory(app, context);
    mountScreens(app, context);
  };
}

function mountHistory(app: FastifyInstance, context: RoomsContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const read = refusals(...FAULTS);
  typed.get(
    '/rooms/:id/history',
    {
      config: { right: 'rooms.read', limit: 'general', pages: true },
      schema: {
        tags: ['rooms'],
        summary: 'Read what was said in a room, and sent to it, in order',
        codes: read.codes,
        params: ParamsSchema,
        querystring: RoomHistoryQuerySchema,
        response: { 200: RoomHistorySchema, ...read.responses },
      },
    },
    async (request) => readHistory(context, callOf(request), request.params.id, request.query),
  );
}

function mountScreens(app: FastifyInstance, context: RoomsContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const add = refusals(...FAULTS, 'FORBIDDEN', 'SCREEN_NOT_FOUND', 'CONFLICT');
  const remove = refusals(...FAULTS, 'FORBIDDEN');
  const screens = [
    ['PUT', 'Let a screen be commanded from a room', addRoomScreen, add],
    ['DELETE', 'Let a screen be commanded from a room no more', removeRoomScreen, remove],
  ] as const;
  for (const [method, summary, verb, { codes, responses }] of screens)
    typed.route({
      method,
      url: '/rooms/:id/screens/:screenId',
      config: { right: 'rooms.screens', limit: 'general' },
      schema: {
        tags: ['rooms'],
        summary,
        codes,
        params: RoomScreenParamsSchema,
        response: { 204: z.null(), ...responses },
      },
      handler: async (request, reply) => {
        await verb(context, callOf(request), request.params.id, request.params.screenId);
        return reply.status(204).send(null);
      },
    });
}
