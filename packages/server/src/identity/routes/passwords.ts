import {
  AcceptedMailSchema,
  AuthOptionsSchema,
  ChangePasswordSchema,
  DoneSchema,
  ForgotPasswordSchema,
  ResetPasswordSchema,
  VerifyEmailSchema,
} from '@bongsu/protocol';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { authOptions } from '../accounts/auth-options.js';
import { verifyEmail } from '../accounts/verify-email.js';
import type { Core } from '../core.js';
import { changePassword } from '../passwords/change.js';
import { forgotPassword } from '../passwords/forgot.js';
import { resetPassword } from '../passwords/reset.js';
import { rememberDevice } from './cookies.js';
import { describe, open, personOf } from './describe.js';

const done = { success: true } as const;

/** What is done with a password, or by a link from a mail. */
export function passwordRoutes(app: FastifyInstance, core: Core): void {
  changeRoute(app, core);
  mailRoutes(app, core);
}

function changeRoute(app: FastifyInstance, core: Core): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/users/me/password',
    {
      config: { right: 'password.change', limit: 'general' },
      schema: describe('Change my password; all my other logins end', ['VALIDATION_ERROR', 'BUSY'], {
        body: ChangePasswordSchema,
        response: { 200: DoneSchema },
      }),
    },
    async (request, reply) => {
      const changed = await changePassword(core, personOf(request), request.body, request.origin);
      rememberDevice(core, request, reply, changed);
      return done;
    },
  );
}

function mailRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/auth/options',
    {
      config: open,
      schema: describe('What is possible before one is signed in', [], {
        response: { 200: AuthOptionsSchema },
      }),
    },
    async () => authOptions(core),
  );
  typed.post(
    '/auth/password/forgot',
    {
      config: open,
      schema: describe(
        'Mail a link that sets a new password; the same answer whether or not anybody has the address',
        ['VALIDATION_ERROR', 'BUSY'],
        { body: ForgotPasswordSchema, response: { 202: AcceptedMailSchema } },
      ),
    },
    async (request, reply) => {
      await forgotPassword(core, request.body.email, request.origin);
      return reply.status(202).send({ accepted: true });
    },
  );
  typed.post(
    '/auth/password/reset',
    {
      config: open,
      schema: describe(
        'Set a new password by the link of a mail; all logins end',
        ['VALIDATION_ERROR', 'AUTH_ERROR', 'BUSY'],
        { body: ResetPasswordSchema, response: { 200: DoneSchema } },
      ),
    },
    async (request, reply) => {
      const changed = await resetPassword(core, request.body, request.origin);
      // Who reads the owner's mail is let in by the new password, whatever strangers get wrong meanwhile.
      rememberDevice(core, request, reply, changed);
      return done;
    },
  );
  typed.post(
    '/auth/email/verify',
    {
      config: open,
      schema: describe(
        'Verify the address of a sign-up by the link of a mail',
        ['VALIDATION_ERROR', 'AUTH_ERROR'],
        { body: VerifyEmailSchema, response: { 200: DoneSchema } },
      ),
    },
    async (request) => {
      await verifyEmail(core, request.body.token, request.origin);
      return done;
    },
  );
}
