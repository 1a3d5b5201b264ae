import { ChangeUserSchema, listOf, ManagedUserSchema, UsersQuerySchema } from '@bongsu/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Core } from '../core.js';
import { ownEvent } from '../logins/sign-in.js';
import { changeUser } from '../users/change-user.js';
import type { DoneBy } from '../users/core.js';
import { listUsers } from '../users/list-users.js';
import { describe, personOf } from './describe.js';

const UserParamsSchema = z.object({ id: z.string() });

/** For administrators. */
export function usersRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/users',
    {
      config: { right: 'users.read', limit: 'general', pages: true },
      schema: describe('All users, the oldest first, or the one with an address', ['VALIDATION_ERROR'], {
        querystring: UsersQuerySchema,
        response: { 200: listOf(ManagedUserSchema) },
      }),
    },
    async (request) => listUsers(core, request.query),
  );
  typed.patch(
    '/users/:id',
    {
      config: { right: 'users.change', limit: 'general' },
      schema: describe(
        'Change a role, disable or enable a user',
        ['VALIDATION_ERROR', 'NOT_FOUND', 'CONFLICT'],
        {
          params: UserParamsSchema,
          body: ChangeUserSchema,
          response: { 200: ManagedUserSchema },
        },
      ),
    },
    async (request) => changeUser(core, request.params.id, request.body, doneBy(request)),
  );
}

function doneBy(request: FastifyRequest): DoneBy {
  const { actor, request: from } = ownEvent('', personOf(request), request.origin);
  return { actor, ...(from ? { request: from } : {}) };
}
