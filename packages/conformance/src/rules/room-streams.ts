import { RoomHistorySchema } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { connectUser, createRoom, heardOfJoin, joinRoom, told } from '../support/rooms.js';
import { expectAccepted, expectRefused, send } from '../support/sockets.js';
import type { GetWorld } from '../support/world.js';

export function roomStreamRules(world: GetWorld): void {
  const room = async (over: Record<string, unknown> = {}) => {
    const first = await createRoom(world, await world().person('owner'), over);
    const second = await joinRoom(world, await world().person('stranger'), first.roomId);
    return { first, second, roomId: first.roomId };
  };
  const post = (roomId: string, data: unknown) => ({ id: v7(), timestamp: Date.now(), roomId, data });
  const command = (roomId: string) => ({
    id: v7(),
    timestamp: Date.now(),
    target: { roomId },
    action: 'play',
    data: { clip: 7 },
  });

  it('[RM91] a message reaches all in the room but the socket that sent it', async () => {
    const { first, second, roomId } = await room();
    const other = await joinRoom(world, first.account, roomId);
    const message = post(roomId, { text: 'hello' });
    const accepted = expectAccepted(await send(first.socket, 'message', message));
    const { seq, epoch, acceptedAt } = accepted;
    const from = { userId: first.account.userId, username: first.account.username };
    for (const one of [second, other])
      expect(await told(one, 'message')).toEqual([
        {
          id: message.id,
          type: 'message',
          stream: `room:${roomId}`,
          seq,
          epoch,
          acceptedAt,
          from,
          data: { text: 'hello' },
        },
      ]);
    expect(first.heard.filter(({ event }) => event === 'message')).toEqual([]);
    expect(expectAccepted(await send(first.socket, 'message', message))).toMatchObject({
      seq,
      duplicate: true,
    });
  });

  it('[RM92] a member reads the history, page by page', async () => {
    const { first, second, roomId } = await room();
    for (const n of [1, 2, 3]) expectAccepted(await send(first.socket, 'message', post(roomId, n)));
    const page = async (query: string) => {
      const answer = await world().http.get(
        `/api/rooms/${roomId}/history?${query}`,
        second.account.accessToken,
      );
      return expectBody(answer, 200, RoomHistorySchema);
    };
    const start = await page('after=0&limit=2');
    expect(start.items.map((item) => item.data)).toEqual([1, 2]);
    expect((await page(`limit=2&after=${start.nextCursor}`)).items.map((item) => item.data)).toEqual([3]);
  });

  it('[RM93] [SCL3] a socket that comes back gets what it missed, then what is new, each once and in order', async () => {
    const { first, second, roomId } = await room();
    const stream = `room:${roomId}`;
    expectAccepted(await send(first.socket, 'message', post(roomId, 'before')));
    await told(second, 'message');
    await heardOfJoin(first);
    second.socket.disconnect();
    await told(first, 'user-reconnecting');
    for (const n of [1, 2, 3]) expectAccepted(await send(first.socket, 'message', post(roomId, n)));
    const resume = { epoch: second.epoch, streams: { [stream]: 1 } };
    const back = await connectUser(world, second.account, { resume });
    expect(back.ready.streams[stream]).toEqual({ lastSeq: 4, recovered: true });
    await told(back, 'message', 3);
    const { participantId } = second;
    expect(await send(back.socket, 'join-room', { roomId, participantId })).toMatchObject({ participantId });
    expectAccepted(await send(first.socket, 'message', post(roomId, 4)));
    const heard = await told(back, 'message', 4);
    expect(heard.map(({ data }) => data)).toEqual([1, 2, 3, 4]);
    expect(heard.map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
  });

  it('[RM94] [SCL3] a socket that is cut twice, the second time in the midst of what it missed, gets each entry once', async () => {
    const { first, second, roomId } = await room();
    const stream = `room:${roomId}`;
    const missed = 700;
    const afterWhich = 350;
    await heardOfJoin(first);
    second.socket.disconnect();
    await told(first, 'user-reconnecting');
    for (let n = 1; n <= missed; n += 1) first.socket.emit('message', post(roomId, n));
    expectAccepted(await send(first.socket, 'message', post(roomId, missed + 1)));
    const connect = (seq: number, prepare: (socket: Socket) => void) =>
      world().sockets.connect(
        { token: second.account.accessToken, resume: { epoch: second.epoch, streams: { [stream]: seq } } },
        prepare,
      );
    const heard: number[] = [];
    const keep =
      (socket: Socket) =>
      ({ seq }: { seq: number }) => {
        heard.push(seq);
        if (seq === afterWhich) socket.io.engine.close();
      };
    const cut = await connect(0, (socket) => socket.on('message', keep(socket)));
    expect(cut.ready.streams[stream]).toEqual({ lastSeq: missed + 1, recovered: true });
    await expect.poll(() => cut.socket.connected).toBe(false);
    expect(heard.at(-1)).toBe(afterWhich);
    const back = await connect(afterWhich, (socket) => socket.on('message', keep(socket)));
    expect(back.ready.streams[stream]).toEqual({ lastSeq: missed + 1, recovered: true });
    expectAccepted(await send(first.socket, 'message', post(roomId, missed + 2)));
    await expect.poll(() => heard.at(-1), { timeout: 10_000 }).toBe(missed + 2);
    expect(heard).toEqual(Array.from({ length: missed + 2 }, (_, n) => n + 1));
  });

  it('[RM95] an offset of another epoch or past the end is recovered:false; a room of others is left out', async () => {
    const { first, roomId } = await room();
    const stream = `room:${roomId}`;
    const third = await world().signUp();
    const streamsOf = async (account: typeof third, epoch: string, seq: number) => {
      const resume = { epoch, streams: { [stream]: seq } };
      const { ready, socket } = await connectUser(world, account, { resume });
      socket.disconnect();
      return ready.streams;
    };
    expect(await streamsOf(first.account, 'another', 0)).toEqual({
      [stream]: { lastSeq: 0, recovered: false, reason: 'epoch' },
    });
    expect(await streamsOf(first.account, first.epoch, 9)).toEqual({
      [stream]: { lastSeq: 0, recovered: false, reason: 'ahead' },
    });
    expect(await streamsOf(third, first.epoch, 0)).toEqual({});
  });

  it('[RM96] [BEY1] a screen of the room carries out what its owner sends to the room, and members see it', async () => {
    const { first, second, roomId } = await room();
    const device = await world().device(first.account);
    const path = `/api/rooms/${roomId}/screens/${device.screen.screenId}`;
    const put = await world().http.call('PUT', path, { token: first.account.accessToken });
    expect(put.status, put.text).toBe(204);
    const screen = await world().connectScreen(device);
    const sent = command(roomId);
    expect(expectAccepted(await send(first.socket, 'trigger', sent))).toMatchObject({
      screens: 1,
      stream: `room:${roomId}`,
    });
    expect(await screen.received(1)).toMatchObject([{ id: sent.id, action: 'play', data: { clip: 7 } }]);
    expect(await told(second, 'trigger')).toMatchObject([{ id: sent.id, action: 'play', data: { clip: 7 } }]);
    expect(await told(first, 'command-status')).toMatchObject([{ id: sent.id, status: 'executed' }]);
    const remove = await world().http.call('DELETE', path, { token: first.account.accessToken });
    expect(remove.status).toBe(204);
    expect(expectAccepted(await send(first.socket, 'trigger', command(roomId)))).toMatchObject({
      screens: 0,
    });
  });

  it('[RM97] members command a room’s screens only where it says so', async () => {
    for (const [commanders, allowed] of [
      ['owner', false],
      ['members', true],
    ] as const) {
      const { second, roomId } = await room({ commanders });
      const answer = await send(second.socket, 'trigger', command(roomId));
      if (allowed) expectAccepted(answer);
      else expectRefused(answer, 'FORBIDDEN');
    }
  });

  it('[RM98] only who commands a screen puts it into a room, and either side takes it out', async () => {
    const { first, second, roomId } = await room();
    const device = await world().device(first.account);
    const path = `/api/rooms/${roomId}/screens/${device.screen.screenId}`;
    const call = (method: string, token: string) => world().http.call(method, path, { token });
    expectFailure(await call('PUT', second.account.accessToken), 404, 'SCREEN_NOT_FOUND');
    const theirs = await world().device(second.account);
    const own = `/api/rooms/${roomId}/screens/${theirs.screen.screenId}`;
    expect((await world().http.call('PUT', own, { token: second.account.accessToken })).status).toBe(204);
    // The room's owner takes out what a member brought.
    expect((await world().http.call('DELETE', own, { token: first.account.accessToken })).status).toBe(204);
  });

  it('[RM99] messages and commands go by HTTP too, once for each Idempotency-Key', async () => {
    const { first, second, roomId } = await room();
    const headers = { 'idempotency-key': `order-${v7()}` };
    const send = () =>
      world().http.post(`/api/rooms/${roomId}/messages`, { data: 'hi' }, second.account.accessToken, headers);
    const [one, two] = [await send(), await send()];
    expect([one.status, two.status]).toEqual([202, 202]);
    expect(two.body).toMatchObject({ seq: 1, duplicate: true });
    expect(await told(first, 'message')).toMatchObject([{ data: 'hi' }]);
    const trigger = { action: 'play' };
    const answer = await world().http.post(
      `/api/rooms/${roomId}/trigger`,
      trigger,
      first.account.accessToken,
    );
    expect(answer.status, answer.text).toBe(202);
    const url = { url: '/menu' };
    const shown = await world().http.post(`/api/rooms/${roomId}/navigate`, url, first.account.accessToken);
    expect(shown.status, shown.text).toBe(202);
    expect(await told(second, 'navigate')).toMatchObject([{ url: '/menu' }]);
  });
}
