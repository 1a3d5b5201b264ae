import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { expectAccepted, nextEvent, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

export function handshakeRules(world: GetWorld): void {
  const token = async () => (await world().person('owner')).accessToken;

  it.each([
    ['without auth', undefined],
    ['with an empty auth', {}],
  ])('[SK1] [SK2] a handshake %s is AUTH_ERROR', async (_, auth) => {
    expect(await world().sockets.refusal(auth)).toMatchObject({
      code: 'AUTH_ERROR',
      message: expect.any(String),
      retryable: false,
    });
  });

  it.each([
    ['a window of 0', { window: 0 }],
    ['a window of 33', { window: 33 }],
    ['a window that is text', { window: '8' }],
    ['an instance id that is no UUID', { instanceId: 'me' }],
    ['resume that is a number', { resume: 7 }],
    ['a negative offset', { resume: { epoch: 'e', streams: { 'screen:x': -1 } } }],
    ['101 streams', { resume: { epoch: 'e', streams: many(101) } }],
    ['an ack timeout of 1 ms', { ackTimeoutMs: 1 }],
    ['a protocol that is text', { protocol: 'one' }],
  ])('[SK3] a handshake with %s is VALIDATION_ERROR', async (_, over) => {
    const refused = await world().sockets.refusal({ token: await token(), ...over });
    expect(refused).toMatchObject({
      code: 'VALIDATION_ERROR',
      retryable: false,
      details: [expect.objectContaining({ path: expect.any(String), message: expect.any(String) })],
    });
  });

  it.each([
    ['a number', 7],
    ['a list', ['x']],
    ['an object', { a: 1 }],
    ['empty', ''],
    ['NUL', 'a\u0000b'],
    ['5,000 characters', 'x'.repeat(5000)],
  ])('[SK1] a token that is %s is refused with a code', async (_, bad) => {
    const { code } = await world().sockets.refusal({ token: bad });
    expect(['AUTH_ERROR', 'VALIDATION_ERROR']).toContain(code);
  });

  it('[SK4] another protocol version is UNSUPPORTED_VERSION', async () => {
    const refused = await world().sockets.refusal({ token: await token(), protocol: 2 });
    expect(refused).toMatchObject({ code: 'UNSUPPORTED_VERSION' });
    await world().sockets.connect({ token: await token(), protocol: 1 });
  });

  it('[SK5] ready tells a user who it is, the epoch and the time', async () => {
    const owner = await world().person('owner');
    const { ready } = await world().sockets.connect({ token: owner.accessToken });
    expect(ready).toEqual({
      protocol: 1,
      epoch: expect.stringMatching(/.+/),
      serverTime: expect.any(Number),
      userId: owner.userId,
      sessionId: expect.any(String),
      streams: {},
    });
    expect(Math.abs(ready.serverTime - Date.now())).toBeLessThan(60_000);
  });

  it('[SK6] ready tells a screen where its inbox stands', async () => {
    const device = await world().device(await world().person('owner'));
    const { ready } = await world().connectScreen(device);
    expect(ready).toMatchObject({ protocol: 1, screenId: device.screenId, sessionId: expect.any(String) });
    expect(ready.streams).toEqual({
      [`screen:${device.screenId}`]: { lastSeq: 0, acked: 0, recovered: true },
    });
  });

  it('[SK7] events sent before ready wait and are handled in order', async () => {
    const owner = await world().person('owner');
    const { screenId } = await world().createScreen(owner);
    const socket = world().sockets.make({ token: owner.accessToken });
    const answers = [0, 1, 2].map((n) => send(socket, 'trigger', trigger(screenId, { data: n })));
    socket.connect();
    const seqs = (await Promise.all(answers)).map((answer) => expectAccepted(answer).seq);
    expect(seqs).toEqual([1, 2, 3]);
  });

  it.each([[['polling']], [['polling', 'websocket']], [['websocket']]])(
    '[SK8] the transports %j connect',
    async (transports) => {
      const { socket } = await world().sockets.connect({ token: await token() }, undefined, { transports });
      expect(await send(socket, 'status', { ids: [v4()] })).toMatchObject({ success: true });
    },
  );

  it('[SK12] a handshake over 256 KiB closes the connection and harms no other', async () => {
    const bystander = await world().controller(await world().person('owner'));
    const socket = world().sockets.make({ token: await token(), padding: 'x'.repeat(300_000) });
    const over = Promise.race([nextEvent(socket, 'connect_error'), closedTransport(socket)]);
    socket.connect();
    await over;
    expect(socket.connected).toBe(false);
    expect(await send(bystander, 'status', { ids: [v4()] })).toMatchObject({ success: true });
  });

  it('[SK13] the opening tells the heartbeat and the largest frame', async () => {
    const { text } = await world().http.get('/socket.io/?EIO=4&transport=polling');
    expect(JSON.parse(text.slice(1))).toMatchObject({
      pingInterval: 25_000,
      pingTimeout: 5_000,
      maxPayload: 256 * 1024,
    });
  });

  it('[SK17] offsets of foreign and of unknown streams are ignored alike', async () => {
    const device = await world().device(await world().person('stranger'));
    const streams = { [`screen:${device.screenId}`]: 0, 'screen:nowhere': 0, __proto__x: 1 };
    const auth = { token: await token(), resume: { epoch: 'another', streams } };
    const { ready } = await world().sockets.connect(auth);
    expect(ready.streams).toEqual({});
  });
}

function many(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`screen:${n}`, 0]));
}

/** A connection that was closed before CONNECT was answered shows only on the manager. */
function closedTransport(socket: {
  io: { once(event: 'close', heard: () => void): unknown };
}): Promise<void> {
  return new Promise((resolve) => {
    socket.io.once('close', () => resolve());
  });
}
