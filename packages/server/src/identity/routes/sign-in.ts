import {
  LoginAnswerSchema,
  LoginSchema,
  SetupSchema,
  SignedInSchema,
  SignupSchema,
  VerificationRequiredSchema,
} from '@bongsu/protocol';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { isSetupNeeded, setup } from '../accounts/setup.js';
import { signup } from '../accounts/signup.js';
import type { Core } from '../core.js';
import { login } from '../logins/login.js';
import { signedIn } from './cookies.js';
import { describe, open, refusals } from './describe.js';

const SetupStateSchema = z.object({ needed: z.boolean() });

export function signInRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.post(
    '/auth/signup',
    {
      config: open,
      schema: describe(
        'Make an account and sign in; with EMAIL_VERIFICATION=required mail a link to the address instead',
        ['VALIDATION_ERROR', 'FORBIDDEN', 'CSRF_ERROR', 'CONFLICT', 'BUSY'],
        {
          body: SignupSchema,
          response: {
            201: SignedInSchema,
            202: VerificationRequiredSchema,
            ...refusals(400, 403, 409, 503),
          },
        },
      ),
    },
    async (request, reply) => {
      const result = await signup(core, request.body, request.origin);
      if (result === 'verification-required') {
        return reply.status(202).send({ verificationRequired: true });
      }
      return reply.status(201).send(signedIn(core, request, reply, result));
    },
  );
  typed.post(
    '/auth/login',
    {
      config: open,
      schema: describe('Sign in', ['VALIDATION_ERROR', 'AUTH_ERROR', 'CSRF_ERROR', 'BUSY'], {
        body: LoginSchema,
        response: { 200: LoginAnswerSchema, ...refusals(400, 401, 403, 503) },
      }),
    },
    async (request, reply) => {
      const result = await login(core, request.body, request.origin);
      if (!('mfaRequired' in result)) return signedIn(core, request, reply, result);
      reply.header('cache-control', 'no-store');
      return result;
    },
  );
  typed.get(
    '/auth/setup',
    {
      config: open,
      schema: describe('Whether the first administrator is still to be made', [], {
        response: { 200: SetupStateSchema },
      }),
    },
    async () => ({ needed: await isSetupNeeded(core) }),
  );
  typed.post(
    '/auth/setup',
    {
      config: open,
      schema: describe(
        'Make the first administrator by the one-time link',
        ['VALIDATION_ERROR', 'AUTH_ERROR', 'CSRF_ERROR', 'CONFLICT', 'BUSY'],
        {
          body: SetupSchema,
          response: { 201: SignedInSchema, ...refusals(400, 401, 403, 409, 503) },
        },
      ),
    },
    async (request, reply) => {
      return reply
        .status(201)
        .send(signedIn(core, request, reply, await setup(core, request.body, request.origin)));
    },
  );
}
