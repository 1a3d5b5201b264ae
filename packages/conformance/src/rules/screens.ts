import { ClaimedPairingSchema, listOf, ScreenSchema, TokenPairSchema } from '@bongsu/protocol';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { comparable, expectBody, expectFailure } from '../support/http.js';
import { expectAccepted, expectRefused, nextEvent, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

const ScreensSchema = listOf(ScreenSchema);
const AnswerSchema = ClaimedPairingSchema.pick({ screen: true });

export function screenRules(world: GetWorld): void {
  const owner = () => world().person('owner');
  const get = async (screenId: string) =>
    expectBody(
      await world().http.get(`/api/screens/${screenId}`, (await owner()).accessToken),
      200,
      AnswerSchema,
    ).screen;

  it('[SC1] a new screen is its maker’s, offline, with nothing pending', async () => {
    const maker = await owner();
    const screen = await world().createScreen(maker, 'Window 1');
    expect(screen).toMatchObject({
      name: 'Window 1',
      online: false,
      owner: { userId: maker.userId },
      controllers: [],
      lastConnectedAt: null,
      pending: 0,
    });
    expect(await get(screen.screenId)).toEqual(screen);
  });

  it('[SC2] [HT10] the list pages through one’s own screens and nobody else’s', async () => {
    const { accessToken } = await owner();
    const mine = [await world().createScreen(await owner()), await world().createScreen(await owner())];
    const foreign = await world().createScreen(await world().person('stranger'));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = expectBody(
        await world().http.get(`/api/screens?limit=2${query}`, accessToken),
        200,
        ScreensSchema,
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ screenId }) => screenId));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(seen.length);
    for (const { screenId } of mine) expect(seen).toContain(screenId);
    expect(seen).not.toContain(foreign.screenId);
  });

  it('[SC3] a screen can be renamed', async () => {
    const { accessToken } = await owner();
    const { screenId } = await world().createScreen(await owner());
    const call = { token: accessToken, body: { name: 'Front desk' } };
    const answer = await world().http.call('PATCH', `/api/screens/${screenId}`, call);
    expect(answer.status, answer.text).toBe(200);
    expect((await get(screenId)).name).toBe('Front desk');
  });

  it('[SC4] [SK14] deleting a screen closes its socket for good and ends its credentials', async () => {
    const { accessToken } = await owner();
    const device = await world().device(await owner());
    const { socket } = await world().connectScreen(device);
    const closing = nextEvent(socket, 'session-closing');
    const gone = nextEvent(socket, 'disconnect');
    const path = `/api/screens/${device.screenId}`;
    const answer = await world().http.call('DELETE', path, { token: accessToken });
    expect(answer.status, answer.text).toBeLessThan(300);
    expect(await closing).toMatchObject({ reconnect: false });
    expect(await gone).toBe('io server disconnect');
    expectFailure(await world().http.get(path, accessToken), 404, 'SCREEN_NOT_FOUND');
    const { refreshToken } = device;
    expect((await world().http.post('/api/auth/refresh', { refreshToken })).status).toBe(401);
    const refused = await world().sockets.refusal({ token: device.accessToken });
    expect(['TOKEN_REVOKED', 'AUTH_ERROR']).toContain(refused.code);
  });

  it('[SC5] foreign and unknown screens answer alike on every route', async () => {
    const { accessToken } = await world().person('stranger');
    const { screenId } = await world().createScreen(await owner());
    const calls = [
      ['GET', '', undefined],
      ['PATCH', '', { name: 'Mine now' }],
      ['DELETE', '', undefined],
      ['POST', '/credentials', {}],
      ['PUT', `/controllers/${v4()}`, undefined],
      ['DELETE', `/controllers/${v4()}`, undefined],
      ['POST', '/trigger', { action: 'show' }],
      ['POST', '/navigate', { url: '/menu' }],
    ] as const;
    for (const [method, rest, body] of calls) {
      const call = { token: accessToken, ...(body === undefined ? {} : { body }) };
      const foreign = await world().http.call(method, `/api/screens/${screenId}${rest}`, call);
      const unknown = await world().http.call(method, `/api/screens/no-such-screen${rest}`, call);
      expectFailure(foreign, 404, 'SCREEN_NOT_FOUND');
      expect(comparable(unknown)).toEqual(comparable(foreign));
    }
  });

  it('[SC11] online follows the socket, and the owner is told', async () => {
    const device = await world().device(await owner());
    const controller = await world().controller(await owner());
    const came = screenStatus(controller, device.screenId, true);
    const { socket } = await world().connectScreen(device);
    expect(await came).toMatchObject({ at: expect.any(Number) });
    expect(await get(device.screenId)).toMatchObject({ online: true, lastConnectedAt: expect.any(Number) });
    const went = screenStatus(controller, device.screenId, false);
    socket.disconnect();
    await went;
    expect((await get(device.screenId)).online).toBe(false);
  });

  it('[SC12] a new credential ends the one before, with its socket', async () => {
    const maker = await owner();
    const device = await world().device(maker);
    const { socket } = await world().connectScreen(device);
    const closing = nextEvent(socket, 'session-closing');
    const next = await world().credential(maker, device.screenId);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
    const { refreshToken } = device;
    expect((await world().http.post('/api/auth/refresh', { refreshToken })).status).toBe(401);
    await world().connectScreen(next);
  });

  it('[SC13] a device whose refresh answer was lost can ask again', async () => {
    const device = await world().device(await owner());
    const { refreshToken } = device;
    const refresh = async () =>
      expectBody(await world().http.post('/api/auth/refresh', { refreshToken }), 200, TokenPairSchema);
    await refresh();
    const again = await refresh();
    const { ready } = await world().connectScreen({ ...device, accessToken: again.accessToken });
    expect(ready.screenId).toBe(device.screenId);
  });

  it('[SC14] a controller sees and commands the screen until it is taken back', async () => {
    const maker = await owner();
    const helper = await world().person('stranger');
    const { screenId } = await world().createScreen(maker);
    const path = `/api/screens/${screenId}/controllers/${helper.userId}`;
    const socket = await world().controller(helper);
    expectRefused(await send(socket, 'trigger', trigger(screenId)), 'SCREEN_NOT_FOUND');
    const put = await world().http.call('PUT', path, { token: maker.accessToken });
    expect(put.status, put.text).toBeLessThan(300);
    expectAccepted(await send(socket, 'trigger', trigger(screenId)));
    const seen = await world().http.get(`/api/screens/${screenId}`, helper.accessToken);
    expect(seen.status, seen.text).toBe(200);
    const own = await world().http.call('PATCH', `/api/screens/${screenId}`, {
      token: helper.accessToken,
      body: { name: 'Mine now' },
    });
    expectFailure(own, 403, 'FORBIDDEN');
    await world().http.call('DELETE', path, { token: maker.accessToken });
    expectRefused(await send(socket, 'trigger', trigger(screenId)), 'SCREEN_NOT_FOUND');
  });

  it.each(['PUT', 'DELETE'])('[SC14] no stranger and no controller may %s a controller', async (method) => {
    const maker = await owner();
    const helper = await world().person('stranger');
    const { screenId } = await world().createScreen(maker);
    const path = `/api/screens/${screenId}/controllers/${helper.userId}`;
    const call = () => world().http.call(method, path, { token: helper.accessToken });
    expectFailure(await call(), 404, 'SCREEN_NOT_FOUND');
    await world().http.call('PUT', path, { token: maker.accessToken });
    expectFailure(await call(), 403, 'FORBIDDEN');
  });

  it('[SC14] an administrator may say who commands a screen of somebody else', async (context) => {
    const token = await world().admin();
    if (token === undefined) return context.skip('the target names no administrator');
    const helper = await world().person('stranger');
    const { screenId } = await world().createScreen(await owner());
    const path = `/api/screens/${screenId}/controllers/${helper.userId}`;
    for (const [method, status] of [
      ['PUT', 200],
      ['DELETE', 404],
    ] as const) {
      const answer = await world().http.call(method, path, { token });
      expect(answer.status, answer.text).toBeLessThan(300);
      expect((await world().http.get(`/api/screens/${screenId}`, helper.accessToken)).status).toBe(status);
    }
  });

  it.each([
    ['is empty', ''],
    ['has 101 characters', 'x'.repeat(101)],
    ['has NUL', 'a\u0000b'],
    ['has a lone surrogate', 'a\uD800b'],
    ['is a number', 7],
    ['is null', null],
  ])('[SC15] a name that %s is VALIDATION_ERROR', async (_, name) => {
    const answer = await world().http.post('/api/screens', { name }, (await owner()).accessToken);
    expectFailure(answer, 400, 'VALIDATION_ERROR');
  });

  it('[SC15] a name is kept as typed, markup and all', async () => {
    const name = `${'🔥'.repeat(60)}<b onclick="x">&amp;`;
    expect((await world().createScreen(await owner(), name)).name).toBe(name);
  });
}

function screenStatus(
  socket: Parameters<typeof send>[0],
  screenId: string,
  online: boolean,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no screen-status with online ${online}`)), 10_000);
    socket.on('screen-status', (status: { screenId: string; online: boolean }) => {
      if (status.screenId !== screenId || status.online !== online) return;
      clearTimeout(timer);
      resolve(status);
    });
  });
}
