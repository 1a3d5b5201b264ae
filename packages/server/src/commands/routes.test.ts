import { randomUUID } from 'node:crypto';
import { BongsuError } from '@bongsu/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  SENDER,
  triggerTo,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import type {} from '../gateway/fastify-types.js';
import type { Database } from '../platform/database/database.js';
import type { Principal } from '../platform/principal.js';

describeEachDatabase('commands over HTTP', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  let app: FastifyInstance;
  let principal: Principal;

  beforeAll(async () => {
    database = await open();
    harness = commandsHarness(database, {
      authorize: (caller, screenId) => {
        const streamId = harness.screens.get(screenId);
        if (streamId === undefined || caller.kind !== 'user') return undefined;
        return { screenId, streamId, role: caller.userId === OWNER ? 'owner' : 'controller' };
      },
    });
    await harness.commands.start();
    app = fastify();
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    app.addHook('onRequest', async (request) => {
      request.principal = principal;
    });
    // As short as it can be: the gateway's own mapper is tested there.
    app.setErrorHandler((thrown, _request, reply) => {
      const error = hasZodFastifySchemaValidationErrors(thrown)
        ? new BongsuError('VALIDATION_ERROR')
        : (thrown as BongsuError);
      return reply.status(error.status).serializer(JSON.stringify).send({ code: error.code });
    });
    await app.register(harness.commands.routes);
  });
  afterAll(async () => {
    await app.close();
    await harness.commands.stop(AbortSignal.timeout(1000));
  });
  beforeEach(async () => {
    await emptyLedger(database);
    await harness.addScreen('scr_a');
    principal = userPrincipal();
  });
  const OWNER = randomUUID();

  const post = async (url: string, body: object, key?: string) => {
    const response = await app.inject({
      method: 'POST',
      url,
      payload: body,
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });
    return { status: response.statusCode, body: response.json() };
  };
  const get = async (url: string) => {
    const response = await app.inject({ method: 'GET', url });
    return { status: response.statusCode, body: response.json() };
  };

  it('[DL24] [DL25] [MSG3] answers 202 with the ack’s fields; id and timestamp may be left out', async () => {
    const { status, body } = await post('/screens/scr_a/trigger', { action: 'show', data: [1] });
    expect(status).toBe(202);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      status: 'accepted',
      stream: 'screen:scr_a',
      seq: 1,
      epoch: expect.any(String),
      acceptedAt: expect.any(Number),
      duplicate: false,
    });
    expect(await post('/screens/scr_a/navigate', { url: '/menu' })).toMatchObject({
      status: 202,
      body: { seq: 2 },
    });
  });

  it('[DL25] [MSG1] the Idempotency-Key is the id; what is no UUID becomes one of sender and key', async () => {
    const id = randomUUID();
    const named = await post('/screens/scr_a/trigger', { action: 'show' }, id.toUpperCase());
    expect(named.body).toMatchObject({ id, duplicate: false });
    const first = await post('/screens/scr_a/trigger', { action: 'show' }, 'order 66');
    const again = await post('/screens/scr_a/trigger', { action: 'show' }, 'order 66');
    expect(first.body.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
    expect(again.body).toEqual({ ...first.body, duplicate: true });
    const other = await post('/screens/scr_a/trigger', { action: 'hide' }, 'order 66');
    expect(other).toEqual({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT' } });
    principal = userPrincipal(randomUUID());
    const foreign = await post('/screens/scr_a/trigger', { action: 'show' }, 'order 66');
    expect(foreign.body).toMatchObject({ duplicate: false });
    expect(foreign.body.id).not.toBe(first.body.id);
  });

  it('[DL25] refuses a header and a body that name different ids', async () => {
    const refused = { status: 400, body: { code: 'VALIDATION_ERROR' } };
    const id = randomUUID();
    expect(await post('/screens/scr_a/trigger', { id, action: 'show' }, randomUUID())).toEqual(refused);
    expect(await post('/screens/scr_a/trigger', { id, action: 'show' }, 'order 66')).toEqual(refused);
    expect(await post('/screens/scr_a/trigger', { id, action: 'show' }, id)).toMatchObject({ status: 202 });
    expect(await post('/screens/scr_a/trigger', { action: 'show' }, 'x'.repeat(256))).toEqual(refused);
  });

  it('[DL9] [DL12] answers refusals by their codes', async () => {
    const stale = await post('/screens/scr_a/trigger', { action: 'show', timestamp: Date.now() - 400_000 });
    expect(stale).toEqual({ status: 400, body: { code: 'REQUEST_EXPIRED' } });
    const unknown = await post('/screens/scr_none/navigate', { url: '/menu' });
    expect(unknown).toEqual({ status: 404, body: { code: 'SCREEN_NOT_FOUND' } });
    const evil = await post('/screens/scr_a/navigate', { url: 'javascript:alert(1)' });
    expect(evil).toEqual({ status: 400, body: { code: 'VALIDATION_ERROR' } });
  });

  it('[DL22] [DL23] tells what became of a command, to its sender, the screen’s owner and admins', async () => {
    const { body: accepted } = await post('/screens/scr_a/trigger', { action: 'show' });
    const path = `/commands/${accepted.id}`;
    expect(await get(path)).toEqual({
      status: 200,
      body: {
        id: accepted.id,
        type: 'trigger',
        target: { screenId: 'scr_a' },
        status: 'accepted',
        acceptedAt: accepted.acceptedAt,
        deliveries: [{ screenId: 'scr_a', status: 'pending', attempts: 0, executedAt: null, error: null }],
        from: { userId: SENDER, username: 'Ada' },
        payload: { action: 'show' },
        expiresAt: expect.any(Number),
      },
    });
    const failing = new FakeScreen('scr_a', {
      answer: () => {
        // Once only: what it is sent after that it leaves unanswered.
        failing.answer = undefined;
        return { status: 'failed', error: 'no signal' };
      },
    });
    const attached = await connectScreen(harness.commands, failing);
    await expect
      .poll(async () => (await get(path)).body.deliveries[0])
      .toEqual({
        screenId: 'scr_a',
        status: 'retrying',
        attempts: 1,
        executedAt: null,
        error: 'no signal',
        nextAt: expect.any(Number),
      });
    attached.detach();
    const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
    const next = await connectScreen(harness.commands, screen);
    await expect.poll(async () => (await get(path)).body.status).toBe('executed');
    const { body } = await get(path);
    expect(body.deliveries).toEqual([
      {
        screenId: 'scr_a',
        status: 'executed',
        attempts: expect.any(Number),
        executedAt: expect.any(Number),
        error: null,
      },
    ]);
    next.detach();

    const notFound = { status: 404, body: { code: 'NOT_FOUND' } };
    expect(await get(`/commands/${randomUUID()}`)).toEqual(notFound);
    principal = userPrincipal(randomUUID());
    expect(await get(path)).toEqual(notFound);
    expect(await get(`${path}?senderId=${SENDER}`)).toEqual(notFound);
    principal = userPrincipal(OWNER);
    expect(await get(`${path}?senderId=${SENDER}`)).toMatchObject({ status: 200, body: { id: accepted.id } });
    principal = { ...userPrincipal(randomUUID()), role: 'admin' };
    expect(await get(`${path}?senderId=${SENDER}`)).toMatchObject({ status: 200 });
  });

  it('[DL22] [DL23] the status event answers in the order asked, unknown ids too', async () => {
    const command = triggerTo('scr_a');
    await harness.send('trigger', command);
    const unknown = randomUUID();
    const status = harness.commands.events.status;
    const context = {
      socketId: 's',
      instanceId: undefined,
      principal,
      origin: { address: '', userAgent: '' },
    };
    const answer = await status?.handle(
      { ...context, signal: new AbortController().signal, replacePrincipal() {} },
      { ids: [unknown, command.id] },
    );
    expect(answer).toMatchObject({
      items: [
        { id: unknown, status: 'unknown' },
        { id: command.id, status: 'accepted' },
      ],
    });
  });
});
