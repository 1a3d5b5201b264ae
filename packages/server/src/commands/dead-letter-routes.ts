import {
  AcceptedSchema,
  BongsuError,
  DeadLetterListSchema,
  DeadLetterParamsSchema,
  DeadLetterStatsSchema,
  DeadLettersQuerySchema,
  RequeuedManySchema,
  RequeueManySchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../platform/refusals.js';
import type { DeadLetterQueue } from './dead-letter-queue.js';
import { accessLetter, type LetterRights, visibleScreens } from './dead-letter-rights.js';

export interface DeadLetterRoutesDeps extends LetterRights {
  letters: DeadLetterQueue;
}

const reading = { right: 'dead-letters.read', limit: 'general' } as const;

/** For admins, and for the owners of screens. */
export function deadLetterRoutes(deps: DeadLetterRoutesDeps): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    mountReading(app, deps);
    mountOne(app, deps);
    mountMany(app, deps);
  };
}

function documented(summary: string, description: string, ...own: Parameters<typeof refusals>) {
  const { codes, responses } = refusals(...own, 'UNAVAILABLE');
  return { shared: { tags: ['dead letters'], summary, description, codes }, responses };
}

function mountReading(app: FastifyInstance, { letters, ...rest }: DeadLetterRoutesDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const rights = { letters, ...rest };
  const list = documented(
    'List dead letters',
    'The newest first. Admins see everybody’s, others those of their own screens.',
    'VALIDATION_ERROR',
    'NOT_FOUND',
  );
  typed.get(
    '/dead-letters',
    {
      config: { ...reading, pages: true },
      schema: {
        ...list.shared,
        querystring: DeadLettersQuerySchema,
        response: { 200: DeadLetterListSchema, ...list.responses },
      },
    },
    async ({ principal, query: { screenId, ...query } }) =>
      letters.getMessages({ ...query, screenIds: await visibleScreens(rights, principal, screenId) }),
  );
  const stats = documented('Count the dead letters that wait', 'Of the letters that the caller may see.');
  typed.get(
    '/dead-letters/stats',
    {
      config: reading,
      schema: { ...stats.shared, response: { 200: DeadLetterStatsSchema, ...stats.responses } },
    },
    async ({ principal }) => letters.getStats(await visibleScreens(rights, principal, undefined)),
  );
}

function mountOne(app: FastifyInstance, deps: DeadLetterRoutesDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const requeue = documented(
    'Send a dead letter again',
    'Makes a new command for its one screen, with the sender, the content and the default ttl. It needs no Idempotency-Key: a letter is requeued once, and asking again is CONFLICT with `details.requeuedAs`.',
    'VALIDATION_ERROR',
    'NOT_FOUND',
    'SCREEN_NOT_FOUND',
    'CONFLICT',
    'BUSY',
    'INDETERMINATE',
  );
  typed.post(
    '/dead-letters/:id/requeue',
    {
      config: { right: 'dead-letters.change', limit: 'command' },
      schema: {
        ...requeue.shared,
        params: DeadLetterParamsSchema,
        response: { 202: AcceptedSchema, ...requeue.responses },
      },
    },
    async ({ principal, params: { id } }, reply) => {
      await accessLetter(deps, principal, id);
      return reply.status(202).send(await deps.letters.requeue(id));
    },
  );
  const remove = documented('Throw a dead letter away', 'For good.', 'VALIDATION_ERROR', 'NOT_FOUND');
  typed.delete(
    '/dead-letters/:id',
    {
      config: { right: 'dead-letters.change', limit: 'general' },
      schema: {
        ...remove.shared,
        params: DeadLetterParamsSchema,
        response: { 204: z.null(), ...remove.responses },
      },
    },
    async ({ principal, params: { id } }, reply) => {
      await accessLetter(deps, principal, id);
      if (!(await deps.letters.remove(id))) throw new BongsuError('NOT_FOUND');
      return reply.status(204).send(null);
    },
  );
}

function mountMany(app: FastifyInstance, deps: DeadLetterRoutesDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const many = documented(
    'Send the dead letters of a screen or reason again',
    'The oldest first, at most 1,000 a call; `left` says how many can be asked for again, counted up to 10,000. It needs no Idempotency-Key: each letter is requeued once.',
    'VALIDATION_ERROR',
    'NOT_FOUND',
    'INDETERMINATE',
  );
  typed.post(
    '/dead-letters/requeue',
    {
      config: { right: 'dead-letters.change', limit: 'bulk' },
      schema: {
        ...many.shared,
        body: RequeueManySchema,
        response: { 202: RequeuedManySchema, ...many.responses },
      },
    },
    async ({ principal, body: { screenId, reason } }, reply) => {
      const screenIds = await visibleScreens(deps, principal, screenId);
      return reply.status(202).send(await deps.letters.requeueMany({ screenIds, reason }));
    },
  );
}
