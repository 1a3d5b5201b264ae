import {
  LoginAnswerSchema,
  LoginSchema,
  SetupSchema,
  SignedInSchema,
  SignupSchema,
  VerificationRequiredSchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { isSetupNeeded, setup } from '../accounts/setup.js';
import { signup } from '../accounts/signup.js';
import type { Core } from '../core.js';
import { login, normalise } from '../logins/login.js';
import { deviceCookieOf, signedIn } from './cookies.js';
import { countsInHandler, holdTo } from './counting.js';
import { describe, open } from './describe.js';

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
      // Counted below by address typed, and by failures: an office that comes to work is one IP address.
      ...countsInHandler(core),
      schema: describe(
        'Sign in',
        ['VALIDATION_ERROR', 'AUTH_ERROR', 'CSRF_ERROR', 'ACCOUNT_LOCKED', 'RATE_LIMIT', 'BUSY'],
        {
          body: LoginSchema,
          response: { 200: LoginAnswerSchema },
        },
      ),
    },
    async (request, reply) => {
      const email = normalise(request.body.email);
      const devices = core.devices.read(deviceCookieOf(core, request), email);
      const count = (key: string) => countLogin(core, reply, key);
      const input = { ...request.body, email, devices, count };
      const result = await login(core, input, request.origin);
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
          response: { 201: SignedInSchema },
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

/**
 * So many log-ins a minute of one lane, and of one address over all unknown lanes, right or wrong: whoever knows a password must not be
 * able to keep the server hashing. Browsers known to the address have a count of their own, which strangers cannot use up. Counted once
 * there is a place for the attempt: a counter for each address that somebody may type would push those of others out. @throws RATE_LIMIT
 */
async function countLogin(core: Core, reply: FastifyReply, key: string): Promise<void> {
  holdTo(await core.limiter.checkLimit('login', key), reply);
}
