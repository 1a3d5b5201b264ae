import { type Account, World } from '@bongsu/conformance';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEachServer } from './support/server.js';

const ADMIN = { email: 'root@example.com', password: 'the very first administrator' };

describeEachServer('screens in rooms', (start) => {
  let world: World;
  let admin: Account;
  let owner: Account;
  let helper: Account;
  let screenId: string;

  beforeAll(async () => {
    const { url } = await start({
      settings: { ADMIN_EMAIL: ADMIN.email, ADMIN_PASSWORD: ADMIN.password, ROOMS_PER_MINUTE: '100000' },
    });
    world = new World({ url });
    admin = await world.logIn({ ...ADMIN, userId: '', username: '', accessToken: '', refreshToken: '' });
    [owner, helper] = [await world.signUp(), await world.signUp()];
    ({ screenId } = await world.createScreen(owner));
  });
  afterAll(() => world?.sockets.closeAll());

  const call = (method: string, path: string, { accessToken }: Account, body?: object) =>
    world.http.call(method, `/api${path}`, { token: accessToken, ...(body ? { body } : {}) });
  const roomOf = async (who: Account): Promise<string> => {
    const { body } = await call('POST', '/rooms', who, {
      name: 'Den',
      persistent: true,
      commanders: 'members',
    });
    return (body as { room: { roomId: string } }).room.roomId;
  };
  const put = (roomId: string, who: Account, id = screenId) =>
    call('PUT', `/rooms/${roomId}/screens/${id}`, who);
  const control = (method: string, who: Account) =>
    call(method, `/screens/${screenId}/controllers/${who.userId}`, owner);
  const reached = async (roomId: string, who: Account) => {
    const { body } = await call('POST', `/rooms/${roomId}/trigger`, who, { action: 'show' });
    return (body as { screens: number }).screens;
  };
  const roomsOf = async (who: Account, query = '') => {
    const { body } = await call('GET', `/screens/${screenId}/rooms${query}`, who);
    return body as { items: { roomId: string }[]; nextCursor: string | null };
  };
  const change = (who: Account, changed: object) => call('PATCH', `/users/${who.userId}`, admin, changed);

  it('[RM87] who commands a screen no more leaves it in no room, and what others added stays', async () => {
    await control('PUT', helper);
    const [theirs, own] = [await roomOf(helper), await roomOf(owner)];
    expect([(await put(theirs, helper)).status, (await put(own, owner)).status]).toEqual([204, 204]);
    expect(await reached(theirs, helper)).toBe(1);
    expect((await control('DELETE', helper)).status).toBe(200);
    expect(await reached(theirs, helper)).toBe(0);
    expect(await reached(own, owner)).toBe(1);
    await control('PUT', helper);
    expect(await reached(theirs, helper)).toBe(0);
  });

  it('[RM87] so does an administrator who is none any more, but for what they command otherwise', async () => {
    const other = await world.signUp();
    await change(other, { role: 'admin' });
    const asAdmin = await world.logIn(other);
    const own = await world.createScreen(other);
    const roomId = await roomOf(asAdmin);
    for (const id of [screenId, own.screenId]) expect((await put(roomId, asAdmin, id)).status).toBe(204);
    expect(await reached(roomId, asAdmin)).toBe(2);
    await change(other, { role: 'user' });
    const { body } = await call('GET', `/rooms/${roomId}`, admin);
    expect((body as { room: object }).room).toMatchObject({ screens: [own.screenId] });
  });

  it('[RM87] so does whoever is disabled', async () => {
    const other = await world.signUp();
    await control('PUT', other);
    const roomId = await roomOf(other);
    expect((await put(roomId, other)).status).toBe(204);
    await change(other, { disabled: true });
    const { body } = await call('GET', `/rooms/${roomId}`, admin);
    expect((body as { room: object }).room).toMatchObject({ screens: [] });
  });

  it('[RM88] the owner of a screen sees in which rooms it is, and who put it there, page by page', async () => {
    await control('PUT', helper);
    for (const { roomId } of (await roomsOf(owner)).items) await call('DELETE', `/rooms/${roomId}`, admin);
    const rooms = [await roomOf(helper), await roomOf(helper)];
    for (const roomId of rooms) await put(roomId, helper);
    const addedBy = { userId: helper.userId, username: helper.username };
    const wanted = rooms.map((roomId) => ({ roomId, addedBy, addedAt: expect.any(Number) }));
    expect(await roomsOf(owner)).toEqual({ items: wanted, nextCursor: null });
    const first = await roomsOf(admin, '?limit=1');
    expect(first).toEqual({ items: wanted.slice(0, 1), nextCursor: expect.any(String) });
    expect(await roomsOf(owner, `?limit=1&cursor=${first.nextCursor}`)).toEqual({
      items: wanted.slice(1),
      nextCursor: null,
    });
    expect((await call('GET', `/screens/${screenId}/rooms?cursor=x`, owner)).status).toBe(400);
    expect((await call('DELETE', `/rooms/${rooms[0]}/screens/${screenId}`, owner)).status).toBe(204);
    expect((await roomsOf(owner)).items).toEqual(wanted.slice(1));
  });

  it('[RM89] a key that may not say who commands screens puts none into a room', async () => {
    const roomId = await roomOf(owner);
    const key = async (...scopes: Parameters<World['apiKey']>[1][number][]) => {
      const { key: accessToken } = await world.apiKey(owner, scopes);
      return put(roomId, { ...owner, accessToken });
    };
    expect((await key('rooms:read', 'rooms:write')).body).toMatchObject({
      error: { code: 'FORBIDDEN', details: { scope: 'screens:write' } },
    });
    expect((await key('rooms:write', 'screens:write')).status).toBe(204);
  });

  it('[RM65] [RM86] whoever commands a screen learns nothing of rooms that it is not in', async () => {
    const roomId = await roomOf(helper);
    const take = (room: string) => call('DELETE', `/rooms/${room}/screens/${screenId}`, owner);
    const [known, unknown] = [await take(roomId), await take('no-such-room')];
    expect(known.status).toBe(404);
    expect(known.body).toMatchObject({ error: { code: 'ROOM_NOT_FOUND' } });
    expect(unknown.body).toMatchObject({ error: { code: 'ROOM_NOT_FOUND' } });
    await put(roomId, helper);
    expect((await take(roomId)).status).toBe(204);
    expect((await take(roomId)).status).toBe(404);
  });
});
