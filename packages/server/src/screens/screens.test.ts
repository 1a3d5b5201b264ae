import { randomUUID } from 'node:crypto';
import { isStorable } from '@bongsu/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { triggerTo } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type Answer, type ScreensHarness, screensHarness } from '../../test/support/screens.js';
import type { UserPrincipal } from '../platform/principal.js';

describeEachDatabase('screens', (open) => {
  let harness: ScreensHarness;
  let owner: UserPrincipal;
  let controller: UserPrincipal;
  let stranger: UserPrincipal;
  let admin: UserPrincipal;
  beforeAll(async () => {
    harness = await screensHarness(await open());
    owner = harness.person();
    controller = harness.person();
    stranger = harness.person();
    admin = harness.person('admin');
  });
  afterAll(() => harness?.stop());

  const controlled = async () => {
    const screen = await harness.makeScreen(owner);
    await harness.call(owner, 'PUT', `/screens/${screen.screenId}/controllers/${controller.userId}`);
    return screen.screenId;
  };
  const errorOf = ({ status, body }: Answer) => ({ status, code: body.error?.code });

  test('[SC5] a new screen answers 201 with its whole state, and reads the same', async () => {
    const { status, body } = await harness.call(owner, 'POST', '/screens', {
      body: { name: 'Lobby', junk: 1 },
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      screen: {
        screenId: expect.stringMatching(/^scr_[0-9a-z]{20}$/),
        name: 'Lobby',
        online: false,
        owner: { userId: owner.userId, username: owner.username },
        controllers: [],
        createdAt: harness.clock.now(),
        lastConnectedAt: null,
        pending: 0,
        desired: {},
        reported: {},
      },
    });
    const read = await harness.call(owner, 'GET', `/screens/${body.screen.screenId}`);
    expect(read).toEqual({ status: 200, body });
  });

  test('[SC5] a screen of somebody else answers exactly as one that does not exist, in every verb', async () => {
    const own = await controlled();
    const unknown = 'scr_00000000000000000000';
    const verbs = [
      ['GET', '', undefined],
      ['PATCH', '', { name: 'Mine' }],
      ['DELETE', '', undefined],
      ['PUT', `/controllers/${stranger.userId}`, undefined],
      ['PUT', `/controllers/${randomUUID()}`, undefined],
      ['DELETE', `/controllers/${controller.userId}`, undefined],
      ['POST', '/credentials', undefined],
    ] as const;
    for (const [method, path, body] of verbs) {
      const options = body ? { body } : {};
      const foreign = await harness.call(stranger, method, `/screens/${own}${path}`, options);
      const missing = await harness.call(stranger, method, `/screens/${unknown}${path}`, options);
      expect(errorOf(foreign)).toEqual({ status: 404, code: 'SCREEN_NOT_FOUND' });
      expect({ ...foreign, body: { ...foreign.body, requestId: '' } }).toEqual({
        ...missing,
        body: { ...missing.body, requestId: '' },
      });
    }
    expect((await harness.call(owner, 'GET', `/screens/${own}`)).body.screen.name).toBe('Lobby');
  });

  test('[SC15] any storable name of 1 to 100 characters comes back as it was', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isStorable);
    await fc.assert(
      fc.asyncProperty(name, async (text) => {
        const screen = await harness.makeScreen(owner, text);
        expect(screen.name).toBe(text);
        const read = await harness.call(owner, 'GET', `/screens/${screen.screenId}`);
        expect(read.body.screen.name).toBe(text);
      }),
      { numRuns: 20 },
    );
    for (const text of ['로비 🖥️', '<b>&"\'', '👩‍👩‍👧‍👦'.repeat(14), '𝒳'.repeat(100)]) {
      expect((await harness.makeScreen(owner, text)).name).toBe(text);
    }
  });

  test.each([
    ['NUL', { name: 'a\u0000b' }],
    ['a lone surrogate', { name: 'a\ud800' }],
    ['nothing', { name: '' }],
    ['101 characters', { name: 'x'.repeat(101) }],
    ['a number', { name: 5 }],
    ['an array', []],
    ['no name', {}],
  ])('[SC15] a name with %s is refused and changes nothing', async (_name, body) => {
    const screen = await harness.makeScreen(owner, 'Before');
    const refusals = [
      await harness.call(owner, 'POST', '/screens', { body }),
      await harness.call(owner, 'PATCH', `/screens/${screen.screenId}`, { body }),
    ];
    for (const refusal of refusals)
      expect(errorOf(refusal)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
    expect((await harness.call(owner, 'GET', `/screens/${screen.screenId}`)).body.screen.name).toBe('Before');
  });

  test('[SC15] NUL in an id is refused before it reaches SQL', async () => {
    expect(errorOf(await harness.call(owner, 'GET', '/screens/a%00b'))).toEqual({
      status: 400,
      code: 'VALIDATION_ERROR',
    });
  });

  test('[SC2] a list holds own and controlled screens, the newest first, in pages without gaps or repeats', async () => {
    const [person, friend] = [harness.person(), harness.person()];
    const mine: string[] = [];
    for (let i = 0; i < 7; i += 1) {
      // Some at the same moment: then the id decides.
      if (i % 3 === 0) harness.clock.advance(1);
      const maker = i % 2 ? friend : person;
      const { screenId } = await harness.makeScreen(maker, `Screen ${i}`);
      if (maker === friend)
        await harness.call(friend, 'PUT', `/screens/${screenId}/controllers/${person.userId}`);
      mine.push(screenId);
    }
    await harness.makeScreen(friend, 'Not shared');
    const whole = await harness.call(person, 'GET', '/screens');
    expect(whole.body.nextCursor).toBeNull();
    const ids = whole.body.items.map((screen) => screen.screenId);
    expect([...ids].sort()).toEqual([...mine].sort());
    expect(whole.body.items.map((screen) => screen.createdAt)).toEqual(
      whole.body.items.map((screen) => screen.createdAt).sort((a, b) => b - a),
    );
    for (const limit of [1, 3, 7]) {
      const paged: string[] = [];
      let cursor = '';
      do {
        const { body } = await harness.call(person, 'GET', `/screens?limit=${limit}${cursor}`);
        paged.push(...body.items.map((screen) => screen.screenId));
        cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
      } while (cursor);
      expect(paged).toEqual(ids);
    }
  });

  test('[SC2] only an admin who says all=true sees everybody’s screens', async () => {
    const { screenId } = await harness.makeScreen(harness.person());
    const has = ({ body }: Answer) => body.items.some((screen) => screen.screenId === screenId);
    expect(has(await harness.call(admin, 'GET', '/screens'))).toBe(false);
    expect(has(await harness.call(admin, 'GET', '/screens?all=true&limit=200'))).toBe(true);
    expect(errorOf(await harness.call(owner, 'GET', '/screens?all=true'))).toEqual({
      status: 403,
      code: 'FORBIDDEN',
    });
  });

  test.each([
    '!',
    'eA',
    Buffer.from('1:a\u0000').toString('base64url'),
    Buffer.from('9e99:x').toString('base64url'),
  ])('[SC2] a cursor that no page gave is refused: %s', async (cursor) => {
    const refused = await harness.call(owner, 'GET', `/screens?cursor=${encodeURIComponent(cursor)}`);
    expect(errorOf(refused)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
  });

  test('[SC3] a controller sees the screen and changes nothing of it', async () => {
    const id = await controlled();
    const seen = await harness.call(controller, 'GET', `/screens/${id}`);
    expect(seen.body.screen.controllers).toEqual([
      { userId: controller.userId, username: controller.username },
    ]);
    const refused = [
      await harness.call(controller, 'PATCH', `/screens/${id}`, { body: { name: 'Mine' } }),
      await harness.call(controller, 'DELETE', `/screens/${id}`),
      await harness.call(controller, 'PUT', `/screens/${id}/controllers/${stranger.userId}`),
      await harness.call(controller, 'DELETE', `/screens/${id}/controllers/${controller.userId}`),
      await harness.call(controller, 'POST', `/screens/${id}/credentials`),
    ];
    for (const refusal of refused) expect(errorOf(refusal)).toEqual({ status: 403, code: 'FORBIDDEN' });
    expect(await harness.call(owner, 'GET', `/screens/${id}`)).toEqual(seen);
  });

  test('[SC3] owner and admin rename; only the owner takes credentials', async () => {
    const id = await controlled();
    for (const [who, name] of [
      [owner, 'One'],
      [admin, 'Two'],
    ] as const) {
      const renamed = await harness.call(who, 'PATCH', `/screens/${id}`, { body: { name } });
      expect(renamed).toMatchObject({ status: 200, body: { screen: { screenId: id, name } } });
    }
    expect(errorOf(await harness.call(admin, 'POST', `/screens/${id}/credentials`))).toEqual({
      status: 403,
      code: 'FORBIDDEN',
    });
  });

  test('[SC14] controllers are added and removed; doing it twice, or for the owner, changes nothing', async () => {
    const { screenId } = await harness.makeScreen(owner);
    const path = `/screens/${screenId}/controllers`;
    for (let i = 0; i < 2; i += 1) {
      const { status, body } = await harness.call(owner, 'PUT', `${path}/${controller.userId.toUpperCase()}`);
      expect(status).toBe(200);
      expect(body.screen.controllers.map((one) => one.userId)).toEqual([controller.userId]);
    }
    expect(
      (await harness.call(owner, 'PUT', `${path}/${owner.userId}`)).body.screen.controllers,
    ).toHaveLength(1);
    expect(errorOf(await harness.call(owner, 'PUT', `${path}/${randomUUID()}`))).toEqual({
      status: 404,
      code: 'NOT_FOUND',
    });
    expect(errorOf(await harness.call(owner, 'PUT', `${path}/nobody`))).toEqual({
      status: 400,
      code: 'VALIDATION_ERROR',
    });
    for (let i = 0; i < 2; i += 1) {
      const { status, body } = await harness.call(admin, 'DELETE', `${path}/${controller.userId}`);
      expect({ status, controllers: body.screen.controllers }).toEqual({ status: 200, controllers: [] });
    }
    expect((await harness.call(controller, 'GET', `/screens/${screenId}`)).status).toBe(404);
  });

  test('[SC4] deleting cancels what waits, signs the device out, closes its socket and tells the sender', async () => {
    const { screenId } = await harness.makeScreen(owner);
    const credential = (await harness.call(owner, 'POST', `/screens/${screenId}/credentials`)).body;
    const token = String(credential.accessToken);
    expect(await harness.identity.authenticate(token)).toMatchObject({ kind: 'screen', screenId });
    const commands = [triggerTo(screenId), triggerTo(screenId)].map((command) => ({
      ...command,
      timestamp: harness.clock.now(),
    }));
    for (const command of commands) await accept(harness, owner, command);
    expect((await harness.call(owner, 'GET', `/screens/${screenId}`)).body.screen.pending).toBe(2);

    expect((await harness.call(owner, 'DELETE', `/screens/${screenId}`)).status).toBe(204);

    expect(errorOf(await harness.call(owner, 'GET', `/screens/${screenId}`))).toEqual({
      status: 404,
      code: 'SCREEN_NOT_FOUND',
    });
    expect(errorOf(await harness.call(owner, 'DELETE', `/screens/${screenId}`))).toEqual({
      status: 404,
      code: 'SCREEN_NOT_FOUND',
    });
    await expect(harness.identity.authenticate(token)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    expect(harness.closed).toContainEqual({ screenId, closing: 'TOKEN_REVOKED' });
    await expect(
      accept(harness, owner, { ...triggerTo(screenId), timestamp: harness.clock.now() }),
    ).rejects.toMatchObject({
      code: 'SCREEN_NOT_FOUND',
    });
    const states = await harness.database.query<{ status: string }>(
      'select d.status from commands c join deliveries d using (stream_id, seq) where c.id = any($1::uuid[])',
      [commands.map((command) => command.id)],
    );
    expect(states.map((row) => row.status)).toEqual(['cancelled', 'cancelled']);
    const told = harness.pushed.filter(
      ({ userId, event }) => userId === owner.userId && event === 'command-status',
    );
    expect(told.map(({ payload }) => (payload as { id: string }).id).sort()).toEqual(
      commands.map((command) => command.id).sort(),
    );
  });

  test('[SC12] new credentials end the earlier ones and close their socket', async () => {
    const { screenId } = await harness.makeScreen(owner);
    const tokens: string[] = [];
    for (let i = 0; i < 2; i += 1) {
      const { status, body } = await harness.call(owner, 'POST', `/screens/${screenId}/credentials`);
      expect(status).toBe(200);
      expect(Object.keys(body).sort()).toEqual(['accessToken', 'expiresIn', 'refreshToken', 'screenId']);
      tokens.push(String(body.accessToken));
    }
    const [first = '', second = ''] = tokens;
    await expect(harness.identity.authenticate(first)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    expect(await harness.identity.authenticate(second)).toMatchObject({ screenId });
    expect(harness.closed).toContainEqual({ screenId, closing: 'TOKEN_REVOKED' });
  });

  test('[SC17] [MSG1] one Idempotency-Key makes one screen, however often and at once; other content is a conflict', async () => {
    const person = harness.person();
    const create = (name: string, key: string) =>
      harness.call(person, 'POST', '/screens', { body: { name }, headers: { 'idempotency-key': key } });
    const answers = await Promise.all([1, 2, 3, 4].map(() => create('Lobby', 'key-1')));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body.screen.screenId)).size).toBe(1);
    expect(await create('Lobby', 'key-1')).toEqual(answers[0]);
    expect(errorOf(await create('Other', 'key-1'))).toEqual({ status: 409, code: 'IDEMPOTENCY_CONFLICT' });
    expect((await harness.call(person, 'GET', '/screens')).body.items).toHaveLength(1);
    const other = await harness.call(stranger, 'POST', '/screens', {
      body: { name: 'Lobby' },
      headers: { 'idempotency-key': 'key-1' },
    });
    expect(other.body.screen.screenId).not.toBe(answers[0]?.body.screen.screenId);
  });

  test('[HT5] every route says in OpenAPI what it takes, answers and refuses', async () => {
    const { body } = await harness.call(undefined, 'GET', '/openapi.json');
    const paths = body.paths as Record<
      string,
      Record<string, { summary: string; description: string; responses: object }>
    >;
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, route]) => ({ name: `${method} ${path}`, ...route })),
    );
    const statuses = Object.fromEntries(
      routes.map(({ name, responses }) => [name, Object.keys(responses).join(' ')]),
    );
    expect(statuses).toEqual({
      'get /api/screens': '200 400 401 403 429 503',
      'post /api/screens': '201 400 401 403 409 429 503',
      'get /api/screens/{id}': '200 400 401 403 404 429 503',
      'patch /api/screens/{id}': '200 400 401 403 404 429 503',
      'delete /api/screens/{id}': '204 400 401 403 404 429 503',
      'get /api/screens/{id}/rooms': '200 400 401 403 404 429 503',
      'put /api/screens/{id}/controllers/{userId}': '200 400 401 403 404 409 429 503',
      'delete /api/screens/{id}/controllers/{userId}': '200 400 401 403 404 429 503',
      'post /api/screens/{id}/credentials': '200 400 401 403 404 429 503',
      'post /api/screens/pairings': '200 400 429 503',
      'post /api/screens/pairings/claim': '200 400 401 403 404 429 503',
      'post /api/screens/pairings/{id}/token': '200 202 400 404 410 429 503',
    });
    for (const { summary, description } of routes) {
      expect(summary.length).toBeGreaterThan(10);
      expect(description).toMatch(/^Errors: [A-Z_, ]+\.$/);
    }
  });

  test('[SEC5] every change leaves one audit row with who, what and no whole address, and a refused one none', async () => {
    const person = harness.person();
    const from = '198.51.100.77';
    const { screenId } = await harness.makeScreen(person);
    const path = `/screens/${screenId}`;
    await harness.call(person, 'PATCH', path, { body: { name: 'Secret name' }, from });
    await harness.call(person, 'PUT', `${path}/controllers/${controller.userId}`, { from });
    await harness.call(person, 'PUT', `${path}/controllers/${controller.userId}`, { from });
    await harness.call(controller, 'PATCH', path, { body: { name: 'Mine' }, from });
    await harness.call(stranger, 'DELETE', path, { from });
    await harness.call(person, 'DELETE', `${path}/controllers/${controller.userId}`, { from });
    await harness.call(person, 'POST', `${path}/credentials`, { from });
    await harness.call(person, 'DELETE', path, { from });
    const rows = await harness.database.query<{ event: { action: string; actor: object } }>(
      "select event from audit_outbox where event -> 'target' ->> 'ref' = $1 order by seq",
      [screenId],
    );
    expect(rows.map(({ event }) => event.action)).toEqual([
      'screen_created',
      'screen_renamed',
      'screen_controller_added',
      'screen_controller_removed',
      'screen_credential_issued',
      'screen_deleted',
    ]);
    expect(rows[1]?.event.actor).toEqual({
      type: 'user',
      ref: person.userId,
      sid: person.sessionId,
      ip_prefix: '198.51.100.0/24',
    });
    expect(JSON.stringify(rows)).not.toMatch(/198\.51\.100\.77|Secret name/);
  });
});

function accept(harness: ScreensHarness, principal: UserPrincipal, command: object): Promise<object> {
  const trigger = harness.commands.events.trigger;
  if (!trigger) throw new Error('no trigger event');
  const context = {
    socketId: randomUUID(),
    instanceId: undefined,
    principal,
    origin: { address: '192.0.2.1', userAgent: '' },
    signal: new AbortController().signal,
    replacePrincipal() {},
  };
  return trigger.handle(context, trigger.schema.parse(command));
}
