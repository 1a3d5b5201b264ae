import { type Account, type HttpAnswer, trigger, World } from '@bongsu/conformance';
import { PairingSchema } from '@bongsu/protocol';
import { expect } from 'vitest';
import type { App } from '../../src/app.js';
import { MailInbox, tokenIn } from './mail-inbox.js';
import { roomCases } from './openapi-rooms.js';
import { secondFactorCases } from './openapi-second-factor.js';
import type { StartServer } from './server.js';

interface Ids {
  /** Of nothing. */
  uuid: string;
  other: string;
}

export interface Case {
  success: (world: World, app: App, start: StartServer) => Promise<{ answer: HttpAnswer; status: number }>;
  /** By code. `none` marks a route that refuses nobody. */
  refusals: Record<string, (world: World, ids: Ids) => Promise<HttpAnswer>>;
  /** It refuses nobody: the refusal is of the address beside it. */
  isOpen?: true;
}

type Ask = (world: World, owner: Account, screenId: string) => Promise<HttpAnswer>;

const asOwner = async (world: World) => (await world.person('owner')).accessToken;
const newPerson = (email: string) => ({ email, password: 'a very good password', username: 'Somebody' });

/** The first administrator, made here unless POST /api/auth/setup was tried before. */
async function asAdmin(world: World, app: App): Promise<string> {
  const person = newPerson('first-admin@example.com');
  const token = (await app.setupLink())?.split('#token=')[1];
  const answer =
    token === undefined
      ? await world.http.post('/api/auth/login', person)
      : await world.http.post('/api/auth/setup', { token, ...person });
  return (answer.body as { accessToken: string }).accessToken;
}

/** A list for administrators. */
function forAdmins(path: string): Case {
  return {
    success: async (world, app) => ({
      answer: await world.http.get(path, await asAdmin(world, app)),
      status: 200,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.get(path, undefined),
      FORBIDDEN: async (world) => world.http.get(path, await asOwner(world)),
    },
  };
}

/** A route below one screen of the caller: its success, and that no login and no screen are refused. */
function ofScreen(method: string, rest: string, status: number, body?: unknown): Case {
  const call = (world: World, token: string | undefined, screenId: string) =>
    world.http.call(method, `/api/screens/${screenId}${rest}`, {
      token,
      ...(body === undefined ? {} : { body }),
    });
  const ask: Ask = (world, owner, screenId) => call(world, owner.accessToken, screenId);
  return {
    success: async (world) => {
      const owner = await world.person('owner');
      const { screenId } = await world.createScreen(owner);
      return { answer: await ask(world, owner, screenId), status };
    },
    refusals: {
      AUTH_ERROR: (world) => call(world, undefined, 'x'),
      SCREEN_NOT_FOUND: async (world) => call(world, await asOwner(world), 'no-such-screen'),
    },
  };
}

function controllers(method: string): Case {
  const path = (screenId: string, userId: string) => `/api/screens/${screenId}/controllers/${userId}`;
  return {
    success: async (world) => {
      const owner = await world.person('owner');
      const helper = await world.person('stranger');
      const { screenId } = await world.createScreen(owner);
      const token = owner.accessToken;
      const answer = await world.http.call(method, path(screenId, helper.userId), { token });
      return { answer, status: 200 };
    },
    refusals: {
      SCREEN_NOT_FOUND: async (world, { uuid }) =>
        world.http.call(method, path('no-such-screen', uuid), { token: await asOwner(world) }),
      VALIDATION_ERROR: async (world) =>
        world.http.call(method, path('x', 'no-uuid'), { token: await asOwner(world) }),
    },
  };
}

const open = (path: string, status = 200): Case => ({
  success: async (world) => ({ answer: await world.http.get(path), status }),
  refusals: { NOT_FOUND: (world) => world.http.get(`/api${path.replace(/^\/api/, '')}/nothing`) },
  isOpen: true,
});

async function pairing(world: World) {
  return PairingSchema.parse((await world.http.post('/api/screens/pairings', {})).body);
}

/** A server of its own that sends mail: what is asked there by `ask` brings a token by mail. */
async function tokenByMail(
  start: StartServer,
  settings: Record<string, string>,
  ask: (world: World) => Promise<unknown>,
): Promise<{ world: World; token: string }> {
  const inbox = await MailInbox.start();
  const { url } = await start({ settings: { ...inbox.settings, ...settings } });
  const world = new World({ url });
  await ask(world);
  const token = tokenIn(await inbox.next());
  await inbox.stop();
  return { world, token };
}

const passwords: Record<string, Case> = {
  'POST /api/users/me/password': {
    success: async (world) => {
      const { accessToken, password } = await world.signUp();
      const body = { currentPassword: password, password: 'quite another password' };
      return { answer: await world.http.post('/api/users/me/password', body, accessToken), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) =>
        world.http.post('/api/users/me/password', { currentPassword: 'x', password: 'a good password' }),
      VALIDATION_ERROR: async (world) =>
        world.http.post(
          '/api/users/me/password',
          { currentPassword: 'not the password', password: 'a good password' },
          await asOwner(world),
        ),
    },
  },
  'GET /api/auth/options': open('/api/auth/options'),
  'POST /api/auth/password/forgot': {
    success: async (world) => ({
      answer: await world.http.post('/api/auth/password/forgot', { email: 'nobody@example.com' }),
      status: 202,
    }),
    refusals: { VALIDATION_ERROR: (world) => world.http.post('/api/auth/password/forgot', {}) },
  },
  'POST /api/auth/password/reset': {
    success: async (_world, _app, start) => {
      const { world, token } = await tokenByMail(start, {}, async (there) => {
        const { email } = await there.signUp();
        await there.http.post('/api/auth/password/forgot', { email });
      });
      const body = { token, password: 'quite another password' };
      return { answer: await world.http.post('/api/auth/password/reset', body), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) =>
        world.http.post('/api/auth/password/reset', { token: 'made up', password: 'a good password' }),
      VALIDATION_ERROR: (world) => world.http.post('/api/auth/password/reset', {}),
    },
  },
  'POST /api/auth/email/verify': {
    success: async (_world, _app, start) => {
      const { world, token } = await tokenByMail(start, { EMAIL_VERIFICATION: 'required' }, (there) =>
        there.http.post('/api/auth/signup', newPerson('somebody@example.com')),
      );
      return { answer: await world.http.post('/api/auth/email/verify', { token }), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/auth/email/verify', { token: 'made up' }),
      VALIDATION_ERROR: (world) => world.http.post('/api/auth/email/verify', {}),
    },
  },
};

const auth: Record<string, Case> = {
  'POST /api/auth/signup': {
    success: async (world) => {
      const answer = await world.http.post('/api/auth/signup', newPerson(`a${Date.now()}@example.com`));
      return { answer, status: 201 };
    },
    refusals: {
      VALIDATION_ERROR: (world) => world.http.post('/api/auth/signup', newPerson('nobody')),
      CONFLICT: async (world) =>
        world.http.post('/api/auth/signup', newPerson((await world.person('owner')).email)),
    },
  },
  'POST /api/auth/login': {
    success: async (world) => {
      const { email, password } = await world.person('traveller');
      return { answer: await world.http.post('/api/auth/login', { email, password }), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) =>
        world.http.post('/api/auth/login', { email: 'no@example.com', password: 'whatever it is' }),
      VALIDATION_ERROR: (world) => world.http.post('/api/auth/login', {}),
    },
  },
  'GET /api/auth/setup': open('/api/auth/setup'),
  'POST /api/auth/setup': {
    success: async (world, app) => {
      const token = (await app.setupLink())?.split('#token=')[1];
      const person = { token, ...newPerson('first-admin@example.com') };
      return { answer: await world.http.post('/api/auth/setup', person), status: 201 };
    },
    refusals: {
      AUTH_ERROR: (world) =>
        world.http.post('/api/auth/setup', { token: 'guessed', ...newPerson('admin@example.com') }),
      VALIDATION_ERROR: (world) => world.http.post('/api/auth/setup', {}),
    },
  },
  'GET /api/users': forAdmins('/api/users'),
  'GET /api/nodes': forAdmins('/api/nodes'),
  'GET /api/connections': forAdmins('/api/connections'),
  'DELETE /api/connections/{id}': {
    success: async (world, app) => {
      const token = await asAdmin(world, app);
      const { socket } = await world.sockets.connect({ token: (await world.person('stranger')).accessToken });
      const answer = await world.http.call('DELETE', `/api/connections/${socket.id}`, { token });
      return { answer, status: 204 };
    },
    refusals: {
      FORBIDDEN: async (world) =>
        world.http.call('DELETE', '/api/connections/none', { token: await asOwner(world) }),
    },
  },
  'PATCH /api/users/{id}': {
    success: async (world, app) => {
      const { userId } = await world.person('stranger');
      const token = await asAdmin(world, app);
      const body = { role: 'user' };
      return { answer: await world.http.call('PATCH', `/api/users/${userId}`, { token, body }), status: 200 };
    },
    refusals: {
      FORBIDDEN: async (world, { uuid }) => {
        const token = await asOwner(world);
        return world.http.call('PATCH', `/api/users/${uuid}`, { token, body: { role: 'admin' } });
      },
    },
  },
  'POST /api/auth/refresh': {
    success: async (world) => {
      const { refreshToken } = await world.logIn(await world.person('traveller'));
      return { answer: await world.http.post('/api/auth/refresh', { refreshToken }), status: 200 };
    },
    refusals: { AUTH_ERROR: (world) => world.http.post('/api/auth/refresh', { refreshToken: 'made up' }) },
  },
  'GET /api/auth/csrf': {
    success: async (world) => {
      const { email, password } = await world.person('traveller');
      const cookies = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-origin' };
      const login = await world.http.post('/api/auth/login', { email, password }, undefined, cookies);
      const cookie = login.headers
        .getSetCookie()
        .map((value) => value.split(';')[0])
        .join('; ');
      const answer = await world.http.get('/api/auth/csrf', undefined, { ...cookies, cookie });
      return { answer, status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) => world.http.get('/api/auth/csrf', undefined, { 'x-bongsu-cookies': '1' }),
      CSRF_ERROR: (world) =>
        world.http.get('/api/auth/csrf', undefined, {
          'x-bongsu-cookies': '1',
          'sec-fetch-site': 'cross-site',
        }),
    },
  },
  'POST /api/auth/logout': {
    success: async (world) => {
      const { refreshToken } = await world.logIn(await world.person('traveller'));
      return { answer: await world.http.post('/api/auth/logout', { refreshToken }), status: 200 };
    },
    refusals: {
      VALIDATION_ERROR: (world) => world.http.post('/api/auth/logout', { refreshToken: 7 }),
    },
  },
  'GET /api/auth/sessions': {
    success: async (world) => ({
      answer: await world.http.get('/api/auth/sessions', await asOwner(world)),
      status: 200,
    }),
    refusals: { AUTH_ERROR: (world) => world.http.get('/api/auth/sessions') },
  },
  'DELETE /api/auth/sessions/{id}': {
    success: async (world) => {
      const { accessToken: token } = await world.logIn(await world.person('traveller'));
      const { body } = await world.http.get('/api/auth/sessions', token);
      const [{ id } = { id: '' }] = (body as { items: { id: string }[] }).items;
      return { answer: await world.http.call('DELETE', `/api/auth/sessions/${id}`, { token }), status: 204 };
    },
    refusals: {
      AUTH_ERROR: (world, { uuid }) => world.http.call('DELETE', `/api/auth/sessions/${uuid}`),
      NOT_FOUND: async (world, { uuid }) =>
        world.http.call('DELETE', `/api/auth/sessions/${uuid}`, { token: await asOwner(world) }),
      VALIDATION_ERROR: async (world) =>
        world.http.call('DELETE', `/api/auth/sessions/${'x'.repeat(101)}`, { token: await asOwner(world) }),
    },
  },
  'DELETE /api/auth/sessions': {
    success: async (world) => {
      const { accessToken: token } = await world.logIn(await world.person('traveller'));
      return { answer: await world.http.call('DELETE', '/api/auth/sessions', { token }), status: 204 };
    },
    refusals: { AUTH_ERROR: (world) => world.http.call('DELETE', '/api/auth/sessions') },
  },
  'POST /api/auth/step-up': {
    success: async (world) => {
      const { password, accessToken } = await world.person('owner');
      return { answer: await world.http.post('/api/auth/step-up', { password }, accessToken), status: 200 };
    },
    refusals: {
      AUTH_ERROR: async (world) =>
        world.http.post('/api/auth/step-up', { password: 'a guess' }, await asOwner(world)),
      VALIDATION_ERROR: async (world) => world.http.post('/api/auth/step-up', {}, await asOwner(world)),
    },
  },
  'GET /api/users/me': {
    success: async (world) => ({
      answer: await world.http.get('/api/users/me', await asOwner(world)),
      status: 200,
    }),
    refusals: { AUTH_ERROR: (world) => world.http.get('/api/users/me') },
  },
  'PATCH /api/users/me': {
    success: async (world) => {
      const call = { token: await asOwner(world), body: { username: 'Another name' } };
      return { answer: await world.http.call('PATCH', '/api/users/me', call), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) => world.http.call('PATCH', '/api/users/me', { body: { username: 'Mallory' } }),
      VALIDATION_ERROR: async (world) =>
        world.http.call('PATCH', '/api/users/me', { token: await asOwner(world), body: { username: 'x' } }),
    },
  },
};

/** A route of one API key of the caller's. */
function ofKey(method: string, rest: string, status: number): Case {
  const call = (world: World, id: string, token?: string) =>
    world.http.call(method, `/api/api-keys/${id}${rest}`, { token });
  return {
    success: async (world) => {
      const owner = await world.person('owner');
      const { id } = await world.apiKey(owner, ['users:read']);
      return { answer: await call(world, id, owner.accessToken), status };
    },
    refusals: {
      AUTH_ERROR: (world, { uuid }) => call(world, uuid),
      NOT_FOUND: async (world, { uuid }) => call(world, uuid, await asOwner(world)),
      FORBIDDEN: async (world, { uuid }) => call(world, uuid, await keyOfOwner(world)),
    },
  };
}

const keyOfOwner = async (world: World) =>
  (await world.apiKey(await world.person('owner'), ['users:read'])).key;

const newKey = { name: 'A service', scopes: ['users:read'] };

const apiKeys: Record<string, Case> = {
  'POST /api/api-keys': {
    success: async (world) => ({
      answer: await world.http.post('/api/api-keys', newKey, await asOwner(world)),
      status: 201,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/api-keys', newKey),
      VALIDATION_ERROR: async (world) => world.http.post('/api/api-keys', {}, await asOwner(world)),
      FORBIDDEN: async (world) => world.http.post('/api/api-keys', newKey, await keyOfOwner(world)),
    },
  },
  'GET /api/api-keys': {
    success: async (world) => ({
      answer: await world.http.get('/api/api-keys', await asOwner(world)),
      status: 200,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.get('/api/api-keys'),
      VALIDATION_ERROR: async (world) => world.http.get('/api/api-keys?cursor=x', await asOwner(world)),
    },
  },
  'DELETE /api/api-keys/{id}': ofKey('DELETE', '', 204),
  'POST /api/api-keys/{id}/rotate': ofKey('POST', '/rotate', 201),
};

const screens: Record<string, Case> = {
  'POST /api/screens': {
    success: async (world) => ({
      answer: await world.http.post('/api/screens', { name: 'Bar' }, await asOwner(world)),
      status: 201,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/screens', { name: 'Bar' }),
      VALIDATION_ERROR: async (world) => world.http.post('/api/screens', {}, await asOwner(world)),
    },
  },
  'GET /api/screens': {
    success: async (world) => ({
      answer: await world.http.get('/api/screens', await asOwner(world)),
      status: 200,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.get('/api/screens'),
      VALIDATION_ERROR: async (world) => world.http.get('/api/screens?limit=0', await asOwner(world)),
      FORBIDDEN: async (world) => world.http.get('/api/screens?all=true', await asOwner(world)),
    },
  },
  'GET /api/screens/{id}': ofScreen('GET', '', 200),
  'PATCH /api/screens/{id}': ofScreen('PATCH', '', 200, { name: 'Front desk' }),
  'DELETE /api/screens/{id}': ofScreen('DELETE', '', 204),
  'GET /api/screens/{id}/rooms': ofScreen('GET', '/rooms', 200),
  'POST /api/screens/{id}/credentials': ofScreen('POST', '/credentials', 200, {}),
  'PUT /api/screens/{id}/controllers/{userId}': controllers('PUT'),
  'DELETE /api/screens/{id}/controllers/{userId}': controllers('DELETE'),
  'POST /api/screens/pairings': {
    success: async (world) => ({ answer: await world.http.post('/api/screens/pairings', {}), status: 200 }),
    refusals: {
      VALIDATION_ERROR: (world) => world.http.call('POST', '/api/screens/pairings', { raw: '{' }),
    },
  },
  'POST /api/screens/pairings/claim': {
    success: async (world) => {
      const { code } = await pairing(world);
      const body = { code, name: 'Kiosk' };
      const answer = await world.http.post('/api/screens/pairings/claim', body, await asOwner(world));
      return { answer, status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/screens/pairings/claim', { code: 'AAAA-AAAA', name: 'x' }),
      NOT_FOUND: async (world) =>
        world.http.post(
          '/api/screens/pairings/claim',
          { code: 'AAAA-AAAA', name: 'x' },
          await asOwner(world),
        ),
    },
  },
  'POST /api/screens/pairings/{id}/token': {
    success: async (world) => {
      const { pairingId, pairingSecret } = await pairing(world);
      const path = `/api/screens/pairings/${pairingId}/token`;
      return { answer: await world.http.post(path, { pairingSecret }), status: 202 };
    },
    refusals: {
      NOT_FOUND: (world, { uuid }) =>
        world.http.post(`/api/screens/pairings/${uuid}/token`, { pairingSecret: 'x' }),
    },
  },
};

/** A command that one screen refused for good: its dead letter, waiting. */
async function deadLetter(world: World): Promise<{ owner: Account; screenId: string; id: string }> {
  const owner = await world.person('owner');
  const device = await world.device(owner);
  const { screenId } = device;
  await world.connectScreen(device, () => ({ status: 'failed', error: 'no', retryable: false }));
  await world.http.post(`/api/screens/${screenId}/trigger`, { action: 'show' }, owner.accessToken);
  const waiting = async () => {
    const { body } = await world.http.get(`/api/dead-letters?screenId=${screenId}`, owner.accessToken);
    return (body as { items: { id: string }[] }).items[0]?.id;
  };
  await expect.poll(waiting, { timeout: 10_000 }).toBeDefined();
  return { owner, screenId, id: (await waiting()) ?? '' };
}

/** A route of one letter. */
function ofLetter(method: string, rest: string, status: number): Case {
  const call = (world: World, id: string, token?: string) =>
    world.http.call(method, `/api/dead-letters/${id}${rest}`, { token });
  return {
    success: async (world) => {
      const { owner, id } = await deadLetter(world);
      return { answer: await call(world, id, owner.accessToken), status };
    },
    refusals: {
      AUTH_ERROR: (world, { uuid }) => call(world, uuid),
      NOT_FOUND: async (world, { uuid }) => call(world, uuid, await asOwner(world)),
      VALIDATION_ERROR: async (world) => call(world, 'x', await asOwner(world)),
    },
  };
}

const deadLetters: Record<string, Case> = {
  'GET /api/dead-letters': {
    success: async (world) => ({
      answer: await world.http.get('/api/dead-letters', await asOwner(world)),
      status: 200,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.get('/api/dead-letters'),
      VALIDATION_ERROR: async (world) => world.http.get('/api/dead-letters?limit=0', await asOwner(world)),
      NOT_FOUND: async (world) => world.http.get('/api/dead-letters?screenId=x', await asOwner(world)),
    },
  },
  'GET /api/dead-letters/stats': {
    success: async (world) => ({
      answer: await world.http.get('/api/dead-letters/stats', await asOwner(world)),
      status: 200,
    }),
    refusals: { AUTH_ERROR: (world) => world.http.get('/api/dead-letters/stats') },
  },
  'POST /api/dead-letters/requeue': {
    success: async (world) => ({
      answer: await world.http.post('/api/dead-letters/requeue', { reason: 'lost' }, await asOwner(world)),
      status: 202,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/dead-letters/requeue', { reason: 'lost' }),
      VALIDATION_ERROR: async (world) =>
        world.http.post('/api/dead-letters/requeue', {}, await asOwner(world)),
      NOT_FOUND: async (world) =>
        world.http.post('/api/dead-letters/requeue', { screenId: 'x' }, await asOwner(world)),
    },
  },
  'POST /api/dead-letters/{id}/requeue': ofLetter('POST', '/requeue', 202),
  'DELETE /api/dead-letters/{id}': ofLetter('DELETE', '', 204),
};

const commands: Record<string, Case> = {
  'GET /api/commands': {
    success: async (world) => ({
      answer: await world.http.get('/api/commands', await asOwner(world)),
      status: 200,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.get('/api/commands'),
      VALIDATION_ERROR: async (world) => world.http.get('/api/commands?cursor=x', await asOwner(world)),
      SCREEN_NOT_FOUND: async (world) => world.http.get('/api/commands?screenId=x', await asOwner(world)),
    },
  },
  'DELETE /api/commands/{id}': {
    success: async (world) => {
      const owner = await world.person('owner');
      const { screenId } = await world.createScreen(owner);
      const path = `/api/screens/${screenId}/trigger`;
      const { body } = await world.http.post(path, { action: 'show' }, owner.accessToken);
      const call = { token: owner.accessToken };
      return {
        answer: await world.http.call('DELETE', `/api/commands/${(body as { id: string }).id}`, call),
        status: 200,
      };
    },
    refusals: {
      AUTH_ERROR: (world, { uuid }) => world.http.call('DELETE', `/api/commands/${uuid}`),
      NOT_FOUND: async (world, { uuid }) =>
        world.http.call('DELETE', `/api/commands/${uuid}`, { token: await asOwner(world) }),
    },
  },
  'POST /api/screens/{id}/trigger': ofScreen('POST', '/trigger', 202, { action: 'show' }),
  'POST /api/screens/{id}/navigate': ofScreen('POST', '/navigate', 202, { url: '/menu' }),
  'GET /api/commands/{id}': {
    success: async (world) => {
      const owner = await world.person('owner');
      const { screenId } = await world.createScreen(owner);
      const { id, action } = trigger(screenId);
      const headers = { 'idempotency-key': id };
      await world.http.post(`/api/screens/${screenId}/trigger`, { action }, owner.accessToken, headers);
      return { answer: await world.http.get(`/api/commands/${id}`, owner.accessToken), status: 200 };
    },
    refusals: {
      AUTH_ERROR: (world, { uuid }) => world.http.get(`/api/commands/${uuid}`),
      NOT_FOUND: async (world, { uuid }) => world.http.get(`/api/commands/${uuid}`, await asOwner(world)),
    },
  },
};

/** One entry a documented operation: a new route without one fails the suite. */
export const cases: Record<string, Case> = {
  ...auth,
  ...secondFactorCases,
  ...passwords,
  ...apiKeys,
  ...screens,
  ...roomCases,
  ...commands,
  ...deadLetters,
  'GET /.well-known/jwks.json': open('/.well-known/jwks.json'),
  'GET /health': open('/health'),
  'GET /health/live': open('/health/live'),
  'GET /health/ready': open('/health/ready'),
  'GET /api/health': open('/api/health'),
  'GET /api/health/live': open('/api/health/live'),
  'GET /api/health/ready': open('/api/health/ready'),
};
