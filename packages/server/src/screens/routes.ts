import {
  BongsuError,
  ClaimedPairingSchema,
  ClaimPairingSchema,
  ControllerParamsSchema,
  CreateScreenSchema,
  DeviceCredentialSchema,
  listOf,
  PageQuerySchema,
  PairingPendingSchema,
  PairingSchema,
  PairingTokenSchema,
  RenameScreenSchema,
  ScreenIdSchema,
  ScreenRoomSchema,
  ScreenSchema,
  text,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../platform/refusals.js';
import { claimPairing } from './claim.js';
import { addController, removeController } from './controllers.js';
import { createScreen } from './create.js';
import { issueCredential } from './credentials.js';
import { deleteScreen } from './delete.js';
import type { Call, ScreensContext } from './deps.js';
import { getScreen, listScreenRooms, listScreens } from './list.js';
import { createPairing } from './pair.js';
import { redeemPairing } from './redeem.js';
import { renameScreen } from './rename.js';

const AnswerSchema = z.object({ screen: ScreenSchema });
const ParamsSchema = z.object({ id: ScreenIdSchema });
const PairingParamsSchema = z.object({ id: text(1, 100) });
/** Everybody's screens, for admins. */
const ListQuerySchema = PageQuerySchema.extend({ all: z.enum(['true', 'false']).default('false') });
const CreateHeadersSchema = z.looseObject({ 'idempotency-key': text(1, 200).optional() });

export function screenRoutes(context: ScreensContext): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    mountScreens(app, context);
    mountScreen(app, context);
    mountRooms(app, context);
    mountRights(app, context);
    mountPairings(app, context);
  };
}

/** @throws FORBIDDEN when a device calls what the gateway should have kept from it */
function callOf({ principal, origin }: FastifyRequest): Call {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  return { user: principal, origin };
}

function documented(summary: string, ...own: Parameters<typeof refusals>) {
  const { codes, responses } = refusals(...own, 'UNAVAILABLE');
  return { shared: { tags: ['screens'], summary, codes }, responses };
}

function mountScreens(app: FastifyInstance, context: ScreensContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const create = documented('Make a screen', 'VALIDATION_ERROR', 'IDEMPOTENCY_CONFLICT');
  typed.post(
    '/screens',
    {
      config: { right: 'screens.create', limit: 'general' },
      schema: {
        ...create.shared,
        headers: CreateHeadersSchema,
        body: CreateScreenSchema,
        response: { 201: AnswerSchema, ...create.responses },
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key'];
      const screen = await createScreen(context, callOf(request), request.body, key);
      return reply.status(201).send({ screen });
    },
  );
  const list = documented('List own and controlled screens', 'VALIDATION_ERROR', 'FORBIDDEN');
  typed.get(
    '/screens',
    {
      config: { right: 'screens.list', limit: 'general', pages: true },
      schema: {
        ...list.shared,
        querystring: ListQuerySchema,
        response: { 200: listOf(ScreenSchema), ...list.responses },
      },
    },
    async (request) => {
      const { all, ...page } = request.query;
      return listScreens(context, callOf(request), { ...page, all: all === 'true' });
    },
  );
}

function mountScreen(app: FastifyInstance, context: ScreensContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const get = documented('Read a screen', 'VALIDATION_ERROR', 'SCREEN_NOT_FOUND');
  typed.get(
    '/screens/:id',
    {
      config: { right: 'screens.read', limit: 'general' },
      schema: { ...get.shared, params: ParamsSchema, response: { 200: AnswerSchema, ...get.responses } },
    },
    async (request) => ({ screen: await getScreen(context, callOf(request), request.params.id) }),
  );
  const rename = documented('Rename a screen', 'VALIDATION_ERROR', 'SCREEN_NOT_FOUND', 'FORBIDDEN');
  typed.patch(
    '/screens/:id',
    {
      config: { right: 'screens.change', limit: 'general' },
      schema: {
        ...rename.shared,
        params: ParamsSchema,
        body: RenameScreenSchema,
        response: { 200: AnswerSchema, ...rename.responses },
      },
    },
    async (request) => ({
      screen: await renameScreen(context, callOf(request), request.params.id, request.body),
    }),
  );
  const remove = documented('Delete a screen', 'VALIDATION_ERROR', 'SCREEN_NOT_FOUND', 'FORBIDDEN');
  typed.delete(
    '/screens/:id',
    {
      config: { right: 'screens.change', limit: 'general' },
      schema: { ...remove.shared, params: ParamsSchema, response: { 204: z.null(), ...remove.responses } },
    },
    async (request, reply) => {
      await deleteScreen(context, callOf(request), request.params.id);
      return reply.status(204).send(null);
    },
  );
}

function mountRooms(app: FastifyInstance, context: ScreensContext): void {
  const codes = ['VALIDATION_ERROR', 'SCREEN_NOT_FOUND', 'FORBIDDEN'] as const;
  const { shared, responses } = documented('List the rooms that command a screen', ...codes);
  app.withTypeProvider<ZodTypeProvider>().get(
    '/screens/:id/rooms',
    {
      config: { right: 'screens.rooms', limit: 'general' },
      schema: {
        ...shared,
        params: ParamsSchema,
        querystring: PageQuerySchema,
        response: { 200: listOf(ScreenRoomSchema), ...responses },
      },
    },
    async (request) => listScreenRooms(context, callOf(request), request.params.id, request.query),
  );
}

function mountRights(app: FastifyInstance, context: ScreensContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const faults = ['VALIDATION_ERROR', 'SCREEN_NOT_FOUND', 'FORBIDDEN'] as const;
  const add = documented('Let a user command a screen', ...faults, 'NOT_FOUND', 'CONFLICT');
  const remove = documented('Take that right back', ...faults);
  const url = '/screens/:id/controllers/:userId';
  const params = ControllerParamsSchema;
  typed.put(
    url,
    {
      config: { right: 'screens.change', limit: 'general' },
      schema: { ...add.shared, params, response: { 200: AnswerSchema, ...add.responses } },
    },
    async (request) => {
      const { id, userId } = request.params;
      return { screen: await addController(context, callOf(request), id, userId) };
    },
  );
  typed.delete(
    url,
    {
      config: { right: 'screens.change', limit: 'general' },
      schema: { ...remove.shared, params, response: { 200: AnswerSchema, ...remove.responses } },
    },
    async (request) => {
      const { id, userId } = request.params;
      return { screen: await removeController(context, callOf(request), id, userId) };
    },
  );
  const issue = documented('Issue a device credential; earlier ones end', ...faults);
  typed.post(
    '/screens/:id/credentials',
    {
      config: { right: 'screens.credential', limit: 'general' },
      schema: {
        ...issue.shared,
        params: ParamsSchema,
        response: { 200: DeviceCredentialSchema, ...issue.responses },
      },
    },
    async (request) => issueCredential(context, callOf(request), request.params.id),
  );
}

function mountPairings(app: FastifyInstance, context: ScreensContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const start = documented('A device asks for a code to show', 'VALIDATION_ERROR', 'BUSY');
  typed.post(
    '/screens/pairings',
    {
      config: { right: 'public', limit: 'general' },
      schema: { ...start.shared, response: { 200: PairingSchema, ...start.responses } },
    },
    async (request) => createPairing(context, request.origin),
  );
  const claim = documented('Make the device that shows a code a screen', 'VALIDATION_ERROR', 'NOT_FOUND');
  typed.post(
    '/screens/pairings/claim',
    {
      config: { right: 'screens.create', limit: 'general' },
      schema: {
        ...claim.shared,
        body: ClaimPairingSchema,
        response: { 200: ClaimedPairingSchema, ...claim.responses },
      },
    },
    async (request) => claimPairing(context, callOf(request), request.body),
  );
  const redeem = documented(
    'A device asks for its credential',
    'VALIDATION_ERROR',
    'NOT_FOUND',
    'PAIRING_CLOSED',
    'RATE_LIMIT',
  );
  typed.post(
    '/screens/pairings/:id/token',
    {
      // Many devices behind one address ask every two seconds; each has a limit of its own (redeem.ts).
      config: { right: 'public', limit: 'none' },
      schema: {
        ...redeem.shared,
        params: PairingParamsSchema,
        body: PairingTokenSchema,
        response: { 200: DeviceCredentialSchema, 202: PairingPendingSchema, ...redeem.responses },
      },
    },
    async (request, reply) => {
      const { id: pairingId } = request.params;
      const { pairingSecret } = request.body;
      const credential = await redeemPairing(context, { origin: request.origin, pairingId, pairingSecret });
      return credential ? reply.send(credential) : reply.status(202).send({ status: 'pending' });
    },
  );
}
