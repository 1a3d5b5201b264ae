import { MessageBodySchema, RoomIdSchema } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../platform/refusals.js';
import type { Acceptor } from './accept.js';
import { message } from './message.js';
import { commandId, mountSending, sendingSchema } from './sending-routes.js';

const RoomParams = z.object({ id: RoomIdSchema });
const notAccepted = refusals(
  'VALIDATION_ERROR',
  'REQUEST_EXPIRED',
  'FORBIDDEN',
  'ROOM_NOT_FOUND',
  'ROOM_CLOSED',
  'IDEMPOTENCY_CONFLICT',
  'REPLAY_DETECTED',
  'PAYLOAD_TOO_LARGE',
  'BUSY',
  'UNAVAILABLE',
  'INDETERMINATE',
);

/** What is sent to a room: as to a screen, counted by COMMAND_RATE_PER_MINUTE. Who may is what the acceptor asks of rooms. */
export function roomCommandRoutes(acceptor: Acceptor): FastifyPluginAsync {
  return async (instance) => {
    const app = instance.withTypeProvider<ZodTypeProvider>();
    const schema = sendingSchema('rooms', RoomParams, notAccepted);

    app.post(
      '/rooms/:id/messages',
      {
        config: { right: 'rooms.post', limit: 'command' },
        schema: { ...schema, summary: 'Say something in a room', body: MessageBodySchema },
      },
      async ({ principal, params, headers, body }, reply) => {
        const id = commandId(principal, headers['idempotency-key'], body.id);
        const input = { ...body, id, roomId: params.id };
        return reply.status(202).send(await message(acceptor, { principal, counted: true }, input));
      },
    );

    mountSending(instance, acceptor, {
      path: '/rooms/:id',
      right: 'rooms.command',
      schema,
      summaries: {
        trigger: 'Send a trigger to the screens of a room',
        navigate: 'Show a page on the screens of a room',
      },
      targetOf: (roomId) => ({ roomId }),
    });
  };
}
