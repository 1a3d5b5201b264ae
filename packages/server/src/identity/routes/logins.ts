import { LoginItemSchema, listOf, SteppedUpSchema, StepUpSchema, text } from '@bongsu/protocol';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Core } from '../core.js';
import { endOtherLogins, endOwnLogin, listLogins } from '../logins/own-logins.js';
import { stepUp } from '../logins/step-up.js';
import { describe, personOf } from './describe.js';

const ParamsSchema = z.object({ id: text(1, 100) });

export function loginRoutes(app: FastifyInstance, core: Core): void {
  listAndEnd(app, core);
  app.withTypeProvider<ZodTypeProvider>().post(
    '/auth/step-up',
    {
      config: { right: 'identity.prove', limit: 'general' },
      schema: describe(
        'Prove anew who sits there; for ten minutes nothing asks for it again',
        ['VALIDATION_ERROR', 'MFA_REQUIRED', 'ACCOUNT_LOCKED', 'BUSY'],
        { body: StepUpSchema, response: { 200: SteppedUpSchema } },
      ),
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return stepUp(core, personOf(request), request.body, request.origin);
    },
  );
}

function listAndEnd(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/auth/sessions',
    {
      config: { right: 'logins.read', limit: 'general' },
      schema: describe('My logins, the one seen last first', [], {
        response: { 200: listOf(LoginItemSchema) },
      }),
    },
    async (request) => listLogins(core, personOf(request)),
  );
  typed.delete(
    '/auth/sessions/:id',
    {
      config: { right: 'logins.end', limit: 'general' },
      schema: describe(
        'End one of my logins, its tokens and its sockets',
        ['VALIDATION_ERROR', 'NOT_FOUND'],
        { params: ParamsSchema, response: { 204: z.null() } },
      ),
    },
    async (request, reply) => {
      await endOwnLogin(core, personOf(request), request.params.id, request.origin);
      return reply.status(204).send(null);
    },
  );
  typed.delete(
    '/auth/sessions',
    {
      config: { right: 'logins.end', limit: 'general' },
      schema: describe('End all my logins but this one', [], {
        response: { 204: z.null() },
      }),
    },
    async (request, reply) => {
      await endOtherLogins(core, personOf(request), request.origin);
      return reply.status(204).send(null);
    },
  );
}
