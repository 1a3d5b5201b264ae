import { type Account, nextEvent, send, World } from '@bongsu/conformance';
import type { Joined, Scope, SessionClosing } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { describeEachServer } from './support/server.js';
import { SkewedClock } from './support/skewed-clock.js';

const expiryOf = (token: string): number => {
  const [, payload = ''] = token.split('.');
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp: number }).exp * 1000;
};

describeEachServer('seats and tokens', (start) => {
  it('[SEC3] [RM67] a key joins rooms only if it may read them too', async () => {
    const { url } = await start();
    const world = new World({ url });
    const ann = await world.person('owner');
    const connect = async (scopes: Scope[]) => {
      const { key } = await world.apiKey(ann, scopes);
      return (await world.sockets.connect({ token: key })).socket;
    };
    const [writes, both] = [await connect(['rooms:write']), await connect(['rooms:read', 'rooms:write'])];
    const refused = { success: false, error: { code: 'FORBIDDEN', details: { scope: 'rooms:read' } } };
    expect(await send(writes, 'create-room', { name: 'Mine' })).toMatchObject(refused);
    const { roomId } = (await send(writes, 'create-room', { name: 'Mine', join: false })) as Joined;
    expect(await send(writes, 'join-room', roomId)).toMatchObject(refused);
    expect(await send(both, 'join-room', roomId)).toMatchObject({ success: true, existingUsers: [] });
    expect(await send(both, 'create-room', { name: 'Other' })).toMatchObject({ success: true, lastSeq: 0 });
    world.sockets.closeAll();
  });

  it('[RM68] [SK19] a seat outlives its token: kept by `auth-refresh`, and taken again after TOKEN_EXPIRED', async () => {
    const clock = new SkewedClock();
    const { url } = await start({ overrides: { clock } });
    const world = new World({ url });
    const [ann, ben] = [await world.person('owner'), await world.person('stranger')];
    const renew = async ({ refreshToken }: Account) => {
      const { body } = await world.http.post('/api/auth/refresh', { refreshToken });
      return (body as Account).accessToken;
    };
    const host = await world.controller(ann);
    const [renewed, late] = [await world.controller(ben), await world.controller(ben)];
    const told: [string, string][] = [];
    for (const event of ['user-reconnecting', 'user-returned', 'user-left'])
      host.on(event, (about: Joined) => told.push([event, about.participantId]));
    const { roomId } = (await send(host, 'create-room', { name: 'Stand-up' })) as Joined;
    const [kept, lost] = [
      (await send(renewed, 'join-room', roomId)) as Joined,
      (await send(late, 'join-room', roomId)) as Joined,
    ];

    clock.skewMs = expiryOf(ben.accessToken) - Date.now() - 30_000;
    const token = await renew(ben);
    expect(await send(host, 'auth-refresh', { token: await renew(ann) })).toMatchObject({ success: true });
    expect(await send(renewed, 'auth-refresh', { token })).toMatchObject({ success: true });
    clock.skewMs += 31_000;
    expect(await send(late, 'leave-room', { roomId })).toMatchObject({ error: { code: 'TOKEN_EXPIRED' } });
    const closing = nextEvent<SessionClosing>(late, 'session-closing');
    const away = nextEvent(host, 'user-reconnecting');
    clock.skewMs += 30_000;
    expect(await closing).toMatchObject({ code: 'TOKEN_EXPIRED' });
    expect(await away).toMatchObject({ participantId: lost.participantId });

    const signalled = nextEvent(renewed, 'signal');
    await send(host, 'offer', { roomId, to: kept.participantId, offer: 'v=0' });
    expect(await signalled).toMatchObject({ roomId });
    const { socket } = await world.sockets.connect({ token });
    const { participantId } = lost;
    expect(await send(socket, 'join-room', { roomId, participantId })).toMatchObject({ participantId });
    const both = ['user-reconnecting', 'user-returned'];
    await expect.poll(() => told).toEqual(both.map((event) => [event, participantId]));
    world.sockets.closeAll();
  });
});
