import {
  ApiKeySchema,
  CreateApiKeySchema,
  CreatedApiKeySchema,
  type ErrorCode,
  listOf,
  PageQuerySchema,
  RotateApiKeySchema,
  text,
} from '@bongsu/protocol';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../../platform/refusals.js';
import { createApiKey } from '../api-keys/create.js';
import { deleteApiKey } from '../api-keys/delete.js';
import { listApiKeys } from '../api-keys/list.js';
import { rotateApiKey } from '../api-keys/rotate.js';
import type { Core } from '../core.js';
import { personOf } from './describe.js';

const ParamsSchema = z.object({ id: text(1, 100) });
const DEFAULT_OVERLAP_HOURS = 24;
const changing = { right: 'api-keys.change', limit: 'general' } as const;

export function apiKeyRoutes(app: FastifyInstance, core: Core): void {
  mountOwn(app, core);
  mountOne(app, core);
}

function documented(summary: string, description: string, ...own: ErrorCode[]) {
  const { codes, responses } = refusals(...own, 'UNAVAILABLE');
  return { shared: { tags: ['api keys'], summary, description, codes }, responses };
}

function mountOwn(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const create = documented(
    'Make an API key',
    'The key itself is shown this once. It ends in 90 days unless `expiresAt` says when (null never, at most five years), and may do no more than its scopes and its owner. CONFLICT beyond 50 keys.',
    'VALIDATION_ERROR',
    'CONFLICT',
  );
  typed.post(
    '/api-keys',
    {
      config: changing,
      schema: {
        ...create.shared,
        body: CreateApiKeySchema,
        response: { 201: CreatedApiKeySchema, ...create.responses },
      },
    },
    async (request, reply) => {
      const created = await createApiKey(core, personOf(request), request.body, request.origin);
      return reply.status(201).send(created);
    },
  );
  const list = documented('List my API keys', 'The newest first, without the keys.', 'VALIDATION_ERROR');
  typed.get(
    '/api-keys',
    {
      config: { right: 'api-keys.read', limit: 'general', pages: true },
      schema: {
        ...list.shared,
        querystring: PageQuerySchema,
        response: { 200: listOf(ApiKeySchema), ...list.responses },
      },
    },
    async (request) => listApiKeys(core, personOf(request), request.query),
  );
}

function mountOne(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const remove = documented(
    'Delete an API key',
    'It is refused from then on, and its sockets are closed.',
    'VALIDATION_ERROR',
    'NOT_FOUND',
  );
  typed.delete(
    '/api-keys/:id',
    {
      config: changing,
      schema: { ...remove.shared, params: ParamsSchema, response: { 204: z.null(), ...remove.responses } },
    },
    async (request, reply) => {
      await deleteApiKey(core, personOf(request), request.params.id, request.origin);
      return reply.status(204).send(null);
    },
  );
  const rotate = documented(
    'Replace an API key',
    'A new key with the same name, scopes and length of life. The old one works for `overlapHours` more (24; 0 ends it at once). CONFLICT for one that ended or was rotated before.',
    'VALIDATION_ERROR',
    'NOT_FOUND',
    'CONFLICT',
  );
  typed.post(
    '/api-keys/:id/rotate',
    {
      config: changing,
      schema: {
        ...rotate.shared,
        params: ParamsSchema,
        body: RotateApiKeySchema,
        response: { 201: CreatedApiKeySchema, ...rotate.responses },
      },
    },
    async (request, reply) => {
      const overlapHours = request.body?.overlapHours ?? DEFAULT_OVERLAP_HOURS;
      const change = { id: request.params.id, overlapHours };
      return reply.status(201).send(await rotateApiKey(core, personOf(request), change, request.origin));
    },
  );
}
