import { comparable, expectRefused, send, trigger, World } from '@bongsu/conformance';
import { v4, v7 } from 'uuid';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { RIGHTS } from '../../src/platform/rights.js';
import { Callers, type Place } from '../support/callers.js';
import { EVENTS, ROUTES, type RouteSample } from '../support/rights-samples.js';
import { describeEachServer } from '../support/server.js';

const ADMIN = { email: 'root@example.com', password: 'the very first administrator' };

describeEachServer('attacks on what belongs to others', (start) => {
  let app: App;
  let world: World;
  let callers: Callers;

  beforeAll(async () => {
    const settings = {
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
      ROOMS_PER_MINUTE: '100000',
      JOINS_PER_MINUTE: '100000',
    };
    const server = await start({ settings });
    ({ app } = server);
    world = new World({ url: server.url });
    callers = await Callers.make(world, ADMIN);
  });
  afterAll(() => world?.sockets.closeAll());

  const call = (name: string, sample: RouteSample, place: Place, token: string) => {
    const [method = ''] = name.split(' ');
    const body = method === 'GET' || method === 'DELETE' ? undefined : sample.body?.(place);
    return world.http.call(method, sample.path(place), { token, ...(body ? { body } : {}) });
  };
  const samples = Object.entries(ROUTES).flatMap(([name, of]) =>
    [of].flat().map((sample) => ({ name, sample })),
  );

  it('[AT66] the token of a device is used on people’s routes and events, of its own screen too', async () => {
    const device = await world.device(callers.owner);
    const place = { ...(await callers.place('key')), screenId: device.screen.screenId };
    const before = await callers.snapshot(place);
    for (const { name, sample } of samples) {
      const { status, body } = await call(name, sample, place, device.accessToken);
      expect({ name, status, body }).toMatchObject({
        name,
        status: 403,
        body: { error: { code: 'FORBIDDEN' } },
      });
    }
    expect(await callers.snapshot(place)).toBe(before);
    const { socket } = await world.connectScreen(device);
    expectRefused(await send(socket, 'trigger', trigger(place.screenId)), 'FORBIDDEN');
    expectRefused(await send(socket, 'status', { ids: [place.commandId] }), 'FORBIDDEN');
    socket.disconnect();
  });

  it('[AT67] the ids of others are tried: each answers as one that does not exist, and nothing changes', async () => {
    // What is for administrators is FORBIDDEN to others before anybody looks for the id.
    const withIds = app.surface.routes.filter(
      ({ url, right }) => url.includes(':') && !['public', 'admin'].includes(RIGHTS[right].access),
    );
    const foreign = samples.filter(({ sample }) => sample.over !== undefined);
    const tried = new Set(foreign.map(({ name }) => name));
    for (const { method, url } of withIds) if (method !== 'HEAD') expect(tried).toContain(`${method} ${url}`);
    const place = await callers.place('key');
    const { letterId } = await callers.place('letter');
    const { loginId } = await callers.place('login');
    const theirs = { ...place, letterId, loginId };
    const nothing: Place = {
      ...theirs,
      screenId: 'scr_00000000000000000000',
      commandId: v7(),
      letterId: v7(),
      letterScreenId: 'scr_00000000000000000000',
      keyId: '0000000000',
      loginId: v4(),
      roomId: 'room_00000000000000000000',
    };
    const before = await callers.snapshot(theirs);
    const stranger = callers.stranger.accessToken;
    const key = (await world.apiKey(callers.stranger, KEY_SCOPES)).key;
    for (const { name, sample } of foreign) {
      const route = withIds.find(({ method, url }) => `${method} ${url}` === name);
      const isForKeys = route === undefined || RIGHTS[route.right].scope !== null;
      for (const token of isForKeys ? [stranger, key] : [stranger]) {
        const [known, unknown] = [
          await call(name, sample, theirs, token),
          await call(name, sample, nothing, token),
        ];
        expect(known.status, `${name} ${known.text}`).toBe(404);
        expect(comparable(known), name).toEqual(comparable(unknown));
      }
    }
    expect(await callers.snapshot(theirs)).toBe(before);
    await expectEventsAlike(theirs, nothing);
  });

  async function expectEventsAlike(theirs: Place, nothing: Place): Promise<void> {
    const socket = await world.controller(callers.stranger);
    for (const [name, samples] of Object.entries(EVENTS))
      for (const sample of [samples].flat().filter(({ over }) => over !== undefined)) {
        const known = await send(socket, name, sample.payload(theirs, ''));
        expectRefused(known, sample.unseen ?? '');
        expect(known, name).toEqual(await send(socket, name, sample.payload(nothing, '')));
      }
    const signal = { to: v4(), negotiationId: 'n1', restart: true };
    const known = await send(socket, 'signal', { ...signal, roomId: theirs.roomId });
    expectRefused(known, 'FORBIDDEN');
    expect(known).toEqual(await send(socket, 'signal', { ...signal, roomId: nothing.roomId }));
    const { items } = (await send(socket, 'status', { ids: [theirs.commandId, nothing.commandId] })) as {
      items: { status: string }[];
    };
    expect(items.map(({ status }) => status)).toEqual(['unknown', 'unknown']);
  }
});

const KEY_SCOPES = [
  'screens:read',
  'screens:write',
  'commands:read',
  'commands:write',
  'dead-letters:read',
  'dead-letters:write',
  'rooms:read',
  'rooms:write',
] as const;
