import {
  BeginTotpSchema,
  ConfirmTotpSchema,
  DoneSchema,
  MfaStateSchema,
  RecoveryCodesSchema,
  RemoveTotpSchema,
  SignedInSchema,
  TotpEnrolmentSchema,
  VerifyMfaSchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Core } from '../core.js';
import { hashChallengeId, isGenuineChallengeId } from '../mfa/challenge-ids.js';
import { beginTotp, confirmTotp, mfaState, removeTotp, renewRecoveryCodes } from '../mfa/enrolment.js';
import { verifyMfa } from '../mfa/verify.js';
import { signedIn } from './cookies.js';
import { countByAddress, countsInHandler, holdTo } from './counting.js';
import { describe, personOf } from './describe.js';

/** The proof comes with the call: a password, a code, or the code of a secret that a password was given for. */
const prove = { right: 'mfa.prove', limit: 'general' } as const;

export function mfaRoutes(app: FastifyInstance, core: Core): void {
  verifyRoute(app, core);
  totpRoutes(app, core);
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/users/me/mfa',
    {
      config: { right: 'mfa.read', limit: 'general' },
      schema: describe('Whether my second factor is on', [], {
        response: { 200: MfaStateSchema },
      }),
    },
    async (request) => mfaState(core, personOf(request)),
  );
  typed.post(
    '/users/me/mfa/recovery-codes',
    {
      config: { right: 'mfa.change', limit: 'general' },
      schema: describe('Ten new recovery codes; all earlier ones are void', ['CONFLICT'], {
        response: { 200: RecoveryCodesSchema },
      }),
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return { recoveryCodes: await renewRecoveryCodes(core, personOf(request), request.origin) };
    },
  );
}

function verifyRoute(app: FastifyInstance, core: Core): void {
  const codes = ['VALIDATION_ERROR', 'AUTH_ERROR', 'CSRF_ERROR', 'ACCOUNT_LOCKED', 'RATE_LIMIT'] as const;
  app.withTypeProvider<ZodTypeProvider>().post(
    '/auth/mfa/verify',
    {
      // Counted below, by challenge, and by address only where that is none or over: an office behind one address signs in at one time of the day.
      ...countsInHandler(core),
      schema: describe('Sign in: the second step', codes, {
        body: VerifyMfaSchema,
        response: { 200: SignedInSchema },
      }),
    },
    async (request, reply) => {
      await countChallenge(core, reply, request.body.challengeId);
      // By itself alone one that is over would be counted anew for each that somebody has collected: their MACs hold for ever.
      const countRefused = () => countByAddress(core, request, reply);
      const verified = await verifyMfa(core, { ...request.body, countRefused }, request.origin);
      return signedIn(core, request, reply, verified);
    },
  );
}

function totpRoutes(app: FastifyInstance, core: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const codes = ['VALIDATION_ERROR', 'CONFLICT'] as const;
  typed.post(
    '/users/me/mfa/totp',
    {
      config: prove,
      schema: describe('Begin to set up an authenticator app', [...codes, 'BUSY'], {
        body: BeginTotpSchema,
        response: { 200: TotpEnrolmentSchema },
      }),
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return beginTotp(core, personOf(request), request.body, request.origin);
    },
  );
  typed.post(
    '/users/me/mfa/totp/confirm',
    {
      config: prove,
      schema: describe('Turn the authenticator app on', [...codes, 'ACCOUNT_LOCKED'], {
        body: ConfirmTotpSchema,
        response: { 200: RecoveryCodesSchema },
      }),
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return { recoveryCodes: await confirmTotp(core, personOf(request), request.body, request.origin) };
    },
  );
  typed.delete(
    '/users/me/mfa/totp',
    {
      config: prove,
      schema: describe('Take the second factor off', [...codes, 'ACCOUNT_LOCKED', 'BUSY'], {
        body: RemoveTotpSchema,
        response: { 200: DoneSchema },
      }),
    },
    async (request) => {
      await removeTotp(core, personOf(request), request.body, request.origin);
      return { success: true } as const;
    },
  );
}

/** A challenge of ours by itself. @throws RATE_LIMIT */
async function countChallenge(core: Core, reply: FastifyReply, challengeId: string): Promise<void> {
  if (!isGenuineChallengeId(core.hashes(), challengeId)) return;
  const key = `challenge:${Buffer.from(hashChallengeId(challengeId)).toString('base64url')}`;
  holdTo(await core.limiter.checkLimit('second-factor', key), reply);
}
