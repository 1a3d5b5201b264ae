import {
  AcceptedSchema,
  CommandItemSchema,
  CommandListSchema,
  CommandSchema,
  isStorable,
  NavigateBodySchema,
  PageQuerySchema,
  ScreenIdSchema,
  TriggerBodySchema,
  UuidSchema,
  ValidationError,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { uuidv5, uuidv7 } from '../platform/ids.js';
import type { Principal } from '../platform/principal.js';
import { refusals } from '../platform/refusals.js';
import type { Acceptor } from './accept.js';
import { type CancelDeps, cancelCommand } from './cancel.js';
import { type ListDeps, listCommands, readCommand } from './list.js';
import { navigate } from './navigate.js';
import { trigger } from './trigger.js';

const MAX_KEY_CHARACTERS = 255;

const ScreenParams = z.object({ id: ScreenIdSchema });
const IdempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(MAX_KEY_CHARACTERS)
    .refine(isStorable, 'must not contain NUL or a lone surrogate')
    .optional()
    .describe(
      'The id of the command; what is no UUID becomes one of sender and key. Without it, and without `id`, the server makes one.',
    ),
});
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
    const sending = { right: 'commands.send', limit: 'command' } as const;
    const shared = {
      tags: ['commands'],
      params: ScreenParams,
      headers: IdempotencyHeaders,
      description: 'INDETERMINATE: retry with the same id.',
      codes: notAccepted.codes,
      response: {
        202: AcceptedSchema.describe('Stored for good, or known from before (`duplicate`).'),
        ...notAccepted.responses,
      },
    };

    app.post(
      '/screens/:id/trigger',
      {
        config: sending,
        schema: { ...shared, summary: 'Send a trigger to a screen', body: TriggerBodySchema },
      },
      async ({ principal, params, headers, body }, reply) => {
        const id = commandId(principal, headers['idempotency-key'], body.id);
        const input = { ...body, id, target: { screenId: params.id } };
        return reply.status(202).send(await trigger(acceptor, { principal, counted: true }, input));
      },
    );

    app.post(
      '/screens/:id/navigate',
      {
        config: sending,
        schema: { ...shared, summary: 'Show a page on a screen', body: NavigateBodySchema },
      },
      async ({ principal, params, headers, body }, reply) => {
        const id = commandId(principal, headers['idempotency-key'], body.id);
        const input = { ...body, id, target: { screenId: params.id } };
        return reply.status(202).send(await navigate(acceptor, { principal, counted: true }, input));
      },
    );

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
      config: { right: 'commands.read', limit: 'general' },
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

/** @throws ValidationError when header and body name different ids */
export function commandId(principal: Principal, key: string | undefined, bodyId: string | undefined): string {
  if (key === undefined) return bodyId ?? uuidv7();
  const parsed = UuidSchema.safeParse(key);
  const sender = principal.kind === 'user' ? principal.userId : principal.screenId;
  const id = parsed.success ? parsed.data : uuidv5(key, sender);
  if (bodyId === undefined || bodyId === id) return id;
  throw new ValidationError([
    { path: 'id', message: 'must be the id that the Idempotency-Key header names' },
  ]);
}
