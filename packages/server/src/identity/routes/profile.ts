import { UsernameSchema, UserSchema } from '@bongsu/protocol';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { getMe, updateMe } from '../accounts/me.js';
import type { Core } from '../core.js';
import { describe, personOf } from './describe.js';

const UpdateMeSchema = z.object({ username: UsernameSchema.optional() });

export function profileRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/users/me',
    {
      config: { right: 'profile.read', limit: 'general' },
      schema: describe('My profile', [], {
        response: { 200: UserSchema },
      }),
    },
    async (request) => getMe(core, personOf(request)),
  );
  typed.patch(
    '/users/me',
    {
      config: { right: 'profile.change', limit: 'general' },
      schema: describe('Change my profile', ['VALIDATION_ERROR'], {
        body: UpdateMeSchema,
        response: { 200: UserSchema },
      }),
    },
    async (request) => updateMe(core, personOf(request), request.body, request.origin),
  );
}
