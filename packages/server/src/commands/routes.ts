import {
  CommandItemSchema,
  CommandListSchema,
  CommandSchema,
  PageQuerySchema,
  ScreenIdSchema,
  UuidSchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../platform/refusals.js';
import type { Acceptor } from './accept.js';
import { type CancelDeps, cancelCommand } from './cancel.js';
import { type ListDeps, listCommands, readCommand } from './list.js';
import { mountSending, sendingSchema } from './sending-routes.js';

const ScreenParams = z.object({ id: ScreenIdSchema });
const notAccepted = refusals(
  'VALIDATION_ERROR',
  'REQUEST_EXPIRED',
  'SCREEN_NOT_FOUND',
  'IDEMPOTENCY_CONFLICT',
  'REPLAY_DETECTED',
  'PAYLOAD_TOO_LARGE',
  'BUSY',
  'UNAVAILABLE',
  'INDETERMINATE',
);
const notFound = refusals('VALIDATION_ERROR', 'NOT_FOUND', 'UNAVAILABLE');

export interface CommandRoutesDeps {
  acceptor: Acceptor;
  list: ListDeps;
  cancel: CancelDeps;
}

const CommandParams = z.object({ id: UuidSchema });
const SenderQuery = z.object({
  senderId: UuidSchema.optional().describe("Somebody else's, for the screen's owner and admins."),
});

/** The gateway counts these by COMMAND_RATE_PER_MINUTE and adds the prefix. */
export function commandRoutes({ acceptor, list, cancel }: CommandRoutesDeps): FastifyPluginAsync {
  return async (instance) => {
    mountList(instance, list);
    mountCancel(instance, cancel);
    const app = instance.withTypeProvider<ZodTypeProvider>();
    mountSending(instance, acceptor, {
      path: '/screens/:id',
      right: 'commands.send',
      schema: sendingSchema('commands', ScreenParams, notAccepted),
      summaries: { trigger: 'Send a trigger to a screen', navigate: 'Show a page on a screen' },
      targetOf: (screenId) => ({ screenId }),
    });

    app.get(
      '/commands/:id',
      {
        config: { right: 'commands.read', limit: 'command' },
        schema: {
          tags: ['commands'],
          summary: 'What a command says, and what became of it',
          params: CommandParams,
          querystring: SenderQuery,
          codes: notFound.codes,
          response: { 200: CommandItemSchema, ...notFound.responses },
        },
      },
      ({ principal, params, query }) => readCommand(list, principal, params.id, query.senderId),
    );
  };
}

function mountList(app: FastifyInstance, deps: ListDeps): void {
  const { codes, responses } = refusals('VALIDATION_ERROR', 'SCREEN_NOT_FOUND', 'UNAVAILABLE');
  app.withTypeProvider<ZodTypeProvider>().get(
    '/commands',
    {
      config: { right: 'commands.read', limit: 'general', pages: true },
      schema: {
        tags: ['commands'],
        summary: 'List commands, the newest first',
        description:
          'The caller’s own; with `screenId` what that screen was sent: all of it for its owner and admins, for controllers what they sent.',
        codes,
        querystring: PageQuerySchema.extend({ screenId: ScreenIdSchema.optional() }),
        response: { 200: CommandListSchema, ...responses },
      },
    },
    ({ principal, query }) => listCommands(deps, principal, query),
  );
}

function mountCancel(app: FastifyInstance, deps: CancelDeps): void {
  const { codes, responses } = refusals('VALIDATION_ERROR', 'NOT_FOUND', 'CONFLICT', 'UNAVAILABLE');
  app.withTypeProvider<ZodTypeProvider>().delete(
    '/commands/:id',
    {
      config: { right: 'commands.cancel', limit: 'command' },
      schema: {
        tags: ['commands'],
        summary: 'Cancel a command that no screen was sent yet',
        description:
          'Repeating it answers the same. CONFLICT has `details.reason`: `in-flight`, or `ended` with `details.status`.',
        codes,
        params: CommandParams,
        querystring: SenderQuery,
        response: { 200: CommandSchema, ...responses },
      },
    },
    ({ principal, params, query }) => cancelCommand(deps, principal, params.id, query.senderId),
  );
}
