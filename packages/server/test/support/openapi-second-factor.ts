import type { Account, World } from '@bongsu/conformance';
import { MfaChallengeSchema, RecoveryCodesSchema, TotpEnrolmentSchema } from '@bongsu/protocol';
import type { Case } from './openapi-cases.js';
import { totpAt } from './second-factor.js';

const asOwner = async (world: World) => (await world.person('owner')).accessToken;

interface GuardedAccount extends Account {
  recoveryCodes: string[];
}

/** Somebody new, whose second factor waits for its code. */
async function enrolling(world: World): Promise<{ person: Account; code: string }> {
  const person = await world.signUp();
  const { password, accessToken } = person;
  const { body } = await world.http.post('/api/users/me/mfa/totp', { password }, accessToken);
  return { person, code: totpAt(TotpEnrolmentSchema.parse(body).secret, Date.now()) };
}

async function guarded(world: World): Promise<GuardedAccount> {
  const { person, code } = await enrolling(world);
  const { body } = await world.http.post('/api/users/me/mfa/totp/confirm', { code }, person.accessToken);
  return { ...person, ...RecoveryCodesSchema.parse(body) };
}

export const secondFactorCases: Record<string, Case> = {
  'POST /api/auth/mfa/verify': {
    success: async (world) => {
      const { email, password, recoveryCodes } = await guarded(world);
      const due = await world.http.post('/api/auth/login', { email, password });
      const { challengeId } = MfaChallengeSchema.parse(due.body);
      const [code] = recoveryCodes;
      return { answer: await world.http.post('/api/auth/mfa/verify', { challengeId, code }), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) =>
        world.http.post('/api/auth/mfa/verify', { challengeId: 'made up', code: '123456' }),
      VALIDATION_ERROR: (world) => world.http.post('/api/auth/mfa/verify', {}),
    },
  },
  'GET /api/users/me/mfa': {
    success: async (world) => ({
      answer: await world.http.get('/api/users/me/mfa', await asOwner(world)),
      status: 200,
    }),
    refusals: { AUTH_ERROR: (world) => world.http.get('/api/users/me/mfa') },
  },
  'POST /api/users/me/mfa/totp': {
    success: async (world) => {
      const { password, accessToken } = await world.signUp();
      return {
        answer: await world.http.post('/api/users/me/mfa/totp', { password }, accessToken),
        status: 200,
      };
    },
    refusals: {
      AUTH_ERROR: async (world) =>
        world.http.post('/api/users/me/mfa/totp', { password: 'whatever it is' }, await asOwner(world)),
      VALIDATION_ERROR: async (world) => world.http.post('/api/users/me/mfa/totp', {}, await asOwner(world)),
    },
  },
  'POST /api/users/me/mfa/totp/confirm': {
    success: async (world) => {
      const { person, code } = await enrolling(world);
      const path = '/api/users/me/mfa/totp/confirm';
      return { answer: await world.http.post(path, { code }, person.accessToken), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/users/me/mfa/totp/confirm', { code: '123456' }),
      CONFLICT: async (world) =>
        world.http.post('/api/users/me/mfa/totp/confirm', { code: '123456' }, await asOwner(world)),
    },
  },
  'DELETE /api/users/me/mfa/totp': {
    success: async (world) => {
      const { accessToken, password, recoveryCodes } = await guarded(world);
      const call = { token: accessToken, body: { password, code: recoveryCodes[0] } };
      return { answer: await world.http.call('DELETE', '/api/users/me/mfa/totp', call), status: 200 };
    },
    refusals: {
      VALIDATION_ERROR: async (world) =>
        world.http.call('DELETE', '/api/users/me/mfa/totp', { token: await asOwner(world) }),
      CONFLICT: async (world) => {
        const { accessToken, password } = await world.person('owner');
        const call = { token: accessToken, body: { password, code: '123456' } };
        return world.http.call('DELETE', '/api/users/me/mfa/totp', call);
      },
    },
  },
  'POST /api/users/me/mfa/recovery-codes': {
    success: async (world) => {
      const { accessToken } = await guarded(world);
      return {
        answer: await world.http.post('/api/users/me/mfa/recovery-codes', undefined, accessToken),
        status: 200,
      };
    },
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/users/me/mfa/recovery-codes', undefined),
      CONFLICT: async (world) =>
        world.http.post('/api/users/me/mfa/recovery-codes', undefined, await asOwner(world)),
    },
  },
};
