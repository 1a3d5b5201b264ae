import { type Room, RoomAnswerSchema } from '@bongsu/protocol';
import { v4 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import {
  connectUser,
  createRoom,
  expectJoined,
  expectWaiting,
  heardOfJoin,
  joinRoom,
  newRoomId,
  told,
} from '../support/rooms.js';
import { expectRefused, send } from '../support/sockets.js';
import type { GetWorld } from '../support/world.js';

export function roomRules(world: GetWorld): void {
  const people = async () => ({
    owner: await world().person('owner'),
    stranger: await world().person('stranger'),
  });
  const read = async (token: string, roomId: string) =>
    expectBody(await world().http.get(`/api/rooms/${roomId}`, token), 200, RoomAnswerSchema).room;

  describe('making and joining', () => {
    it('[RM50] [SIG3] the maker of a room is in it, and the server makes up an id that is left out', async () => {
      const { owner } = await people();
      const maker = await createRoom(world, owner);
      expect(maker.roomId).toMatch(/^[A-Za-z0-9_-]{3,100}$/);
      expect(maker.existingUsers).toEqual([]);
      expect(await read(owner.accessToken, maker.roomId)).toMatchObject({
        name: 'Stand-up',
        ownerId: owner.userId,
        status: 'open',
        maxUsers: 10,
        locked: false,
        lobby: false,
        persistent: false,
        commanders: 'owner',
        participants: 1,
        screens: [],
        endedAt: null,
      });
    });

    it('[RM51] [SIG3] a room made with `join: false` has nobody in it; the id of an open room is CONFLICT', async () => {
      const { owner, stranger } = await people();
      const { socket } = await connectUser(world, owner);
      const roomId = newRoomId();
      const create = { roomId, name: 'Empty', join: false };
      expect(await send(socket, 'create-room', create)).toEqual({ success: true, roomId });
      expect((await read(owner.accessToken, roomId)).participants).toBe(0);
      const other = await connectUser(world, stranger);
      expectRefused(await send(other.socket, 'create-room', { roomId, name: 'Mine' }), 'CONFLICT');
    });

    it('[RM52] [SIG3] who joins learns who is there, and they learn of them; the id itself is enough', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const user = await connectUser(world, stranger);
      const joined = expectJoined(await send(user.socket, 'join-room', maker.roomId));
      expect(joined.existingUsers).toEqual([
        {
          participantId: maker.participantId,
          userId: owner.userId,
          username: owner.username,
          polite: true,
        },
      ]);
      expect(await told(maker, 'user-joined')).toEqual([
        {
          roomId: maker.roomId,
          participantId: joined.participantId,
          userId: stranger.userId,
          username: stranger.username,
        },
      ]);
    });

    it('[RM10] [SIG3] joining twice from one socket answers the same seat; from two they are two', async () => {
      const { owner } = await people();
      const maker = await createRoom(world, owner);
      const again = expectJoined(await send(maker.socket, 'join-room', { roomId: maker.roomId }));
      expect(again.participantId).toBe(maker.participantId);
      const second = await joinRoom(world, owner, maker.roomId);
      expect(second.participantId).not.toBe(maker.participantId);
    });

    it('[RM210] [SIG3] of those who join at once each is answered before being told of the others', async () => {
      const { owner, stranger } = await people();
      const { roomId } = await createRoom(world, owner);
      const together = [stranger, owner];
      const guests = await Promise.all(together.map((account) => connectUser(world, account)));
      const joins = guests.map(async ({ socket, heard }) => {
        expectJoined(await send(socket, 'join-room', roomId));
        return heard.filter(({ payload }) => payload?.roomId === roomId);
      });
      expect(await Promise.all(joins)).toEqual([[], []]);
    });

    it('[RM3] [SIG5] a full room is ROOM_FULL with its size', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner, { maxUsers: 1 });
      const { socket } = await connectUser(world, stranger);
      const error = expectRefused(await send(socket, 'join-room', maker.roomId), 'ROOM_FULL');
      expect(error).toMatchObject({ retryable: false, details: { maxUsers: 1 } });
    });

    it('[RM53] [SIG8] an unknown room is ROOM_NOT_FOUND, a closed one ROOM_CLOSED', async () => {
      const { owner, stranger } = await people();
      const { socket } = await connectUser(world, stranger);
      expectRefused(await send(socket, 'join-room', newRoomId()), 'ROOM_NOT_FOUND');
      const maker = await createRoom(world, owner);
      const { status } = await world().http.call('DELETE', `/api/rooms/${maker.roomId}`, {
        token: owner.accessToken,
      });
      expect(status).toBe(204);
      expect(await told(maker, 'room-closed')).toEqual([{ roomId: maker.roomId, reason: 'closed' }]);
      expectRefused(await send(socket, 'join-room', maker.roomId), 'ROOM_CLOSED');
    });

    it('[RM54] [SIG2] a closed room’s id may be taken again, and shows nothing of the old one', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const post = { id: crypto.randomUUID(), timestamp: Date.now(), roomId, data: 'old' };
      expect(await send(maker.socket, 'message', post)).toMatchObject({ success: true, seq: 1 });
      await world().http.call('DELETE', `/api/rooms/${roomId}`, { token: owner.accessToken });
      const other = await createRoom(world, stranger, { roomId });
      const path = `/api/rooms/${roomId}/history?after=0`;
      const { body } = await world().http.get(path, stranger.accessToken);
      expect(body).toMatchObject({ items: [], lastSeq: 1, floorSeq: 1 });
      expect(other.lastSeq).toBe(1);
      expectFailure(await world().http.get(path, owner.accessToken), 404, 'ROOM_NOT_FOUND');
    });

    it.each([
      ['an id of two characters', { roomId: 'ab' }],
      ['an id of 101 characters', { roomId: 'r'.repeat(101) }],
      ['an id with a space', { roomId: 'my room' }],
      ['an id that is markup', { roomId: '<script>' }],
      ['a name of one character', { name: 'x' }],
      ['a name of 51 characters', { name: 'n'.repeat(51) }],
      ['room for nobody', { maxUsers: 0 }],
      ['room for too many', { maxUsers: 1001 }],
      ['a size that is text', { maxUsers: '3' }],
      ['commanders that are nobody', { commanders: 'everybody' }],
    ])('[RM23] [SIG11] [SEC4] a room with %s is VALIDATION_ERROR', async (_, over) => {
      const { owner } = await people();
      const { socket } = await connectUser(world, owner);
      expectRefused(await send(socket, 'create-room', { name: 'Fine', ...over }), 'VALIDATION_ERROR');
    });

    it('[RM23] [RM34] [SIG11] `__proto__` is an id like any other, and a name may say anything', async () => {
      const { owner, stranger } = await people();
      const { socket } = await connectUser(world, owner);
      const name = '<b>제품</b> & Co';
      const answer = await send(socket, 'create-room', { roomId: '__proto__', name });
      const { roomId } = answer as { roomId: string };
      expect(answer).toMatchObject({ success: true, roomId: '__proto__' });
      expect((await read(owner.accessToken, roomId)).name).toBe(name);
      const other = await joinRoom(world, stranger, roomId);
      expect(await send(other.socket, 'leave-room', { roomId })).toEqual({ success: true });
      await world().http.call('DELETE', `/api/rooms/${roomId}`, { token: owner.accessToken });
    });

    it('[RM55] [SIG3] an event without an ack callback is processed all the same', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { socket } = await connectUser(world, stranger);
      socket.emit('join-room', maker.roomId);
      expect(await told(maker, 'user-joined')).toMatchObject([{ userId: stranger.userId }]);
    });

    it('[RM56] a screen can join no room', async () => {
      const { owner } = await people();
      const maker = await createRoom(world, owner);
      const screen = await world().connectScreen(await world().device(owner));
      expectRefused(await send(screen.socket, 'join-room', maker.roomId), 'FORBIDDEN');
    });
  });

  describe('leaving', () => {
    it('[RM15] [SIG3] who leaves is gone at once, told once; leaving twice succeeds', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const other = await joinRoom(world, stranger, roomId);
      await heardOfJoin(maker);
      for (const _ of [1, 2])
        expect(await send(other.socket, 'leave-room', { roomId })).toEqual({ success: true });
      const third = await joinRoom(world, stranger, roomId);
      await told(maker, 'user-joined', 2);
      expect(await told(maker, 'user-left')).toEqual([
        {
          roomId,
          participantId: other.participantId,
          userId: stranger.userId,
          username: stranger.username,
          reason: 'left',
        },
      ]);
      expect(third.existingUsers).toHaveLength(1);
    });

    it('[RM25] [RM55] the id itself is enough to leave, lock and unlock, also without a callback', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const other = await joinRoom(world, stranger, roomId);
      maker.socket.emit('lock-room', roomId);
      await told(other, 'room-locked');
      maker.socket.emit('unlock-room', roomId);
      await told(other, 'room-unlocked');
      other.socket.emit('leave-room', roomId);
      const { participantId } = other;
      expect(await told(maker, 'user-left')).toMatchObject([{ participantId, reason: 'left' }]);
    });

    it('[RM57] [SIG3] whose socket is gone is reconnecting, and takes the seat again by its id', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const other = await joinRoom(world, stranger, roomId);
      const { participantId } = other;
      await heardOfJoin(maker);
      other.socket.io.engine.close();
      expect(await told(maker, 'user-reconnecting')).toMatchObject([{ participantId }]);
      const back = await joinRoom(world, stranger, roomId, { participantId });
      expect(back.participantId).toBe(participantId);
      expect(await told(maker, 'user-returned')).toMatchObject([{ participantId, resumed: false }]);
      expect(maker.heard.filter(({ event }) => event === 'user-left')).toEqual([]);
    });

    it('[RM11] [RM57] [RM12] the same client object returns as resumed, and needs no id for its own seat', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner, { maxUsers: 2 });
      const { roomId } = maker;
      const page = { instanceId: v4() };
      const first = await joinRoom(world, stranger, roomId, {}, page);
      const { participantId } = first;
      await heardOfJoin(maker);
      first.socket.io.engine.close();
      await told(maker, 'user-reconnecting');
      const second = await joinRoom(world, stranger, roomId, { participantId }, page);
      expect(await told(maker, 'user-returned')).toMatchObject([{ participantId, resumed: true }]);
      second.socket.io.engine.close();
      await told(maker, 'user-reconnecting', 2);
      const third = await joinRoom(world, stranger, roomId, {}, page);
      expect(third.participantId).toBe(participantId);
      expect(await told(maker, 'user-returned', 2)).toMatchObject([{}, { participantId, resumed: true }]);
    });

    it('[RM58] an older socket on the seat leaves as replaced, and only it is told', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const older = await joinRoom(world, stranger, roomId);
      const { participantId } = older;
      await heardOfJoin(maker);
      await joinRoom(world, stranger, roomId, { participantId });
      expect(await told(older, 'user-left')).toMatchObject([{ participantId, reason: 'replaced' }]);
      older.socket.disconnect();
      await told(maker, 'user-returned');
      const { participants } = await read(owner.accessToken, roomId);
      expect(participants).toBe(2);
      expect(maker.heard.filter(({ event }) => event === 'user-left')).toEqual([]);
    });

    it('[RM59] who names a seat that is not theirs, or not any more, joins anew', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId, participantId } = maker;
      const other = await joinRoom(world, stranger, roomId, { participantId });
      expect(other.participantId).not.toBe(participantId);
      expect(await told(maker, 'user-joined')).toMatchObject([{ participantId: other.participantId }]);
    });
  });

  describe('lock, lobby and kick', () => {
    it('[RM60] a locked room lets in nobody but its owner; unlocked it does', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      expect(await send(maker.socket, 'lock-room', { roomId })).toEqual({ success: true });
      await told(maker, 'room-locked');
      const { socket } = await connectUser(world, stranger);
      expectRefused(await send(socket, 'join-room', roomId), 'ROOM_LOCKED');
      await joinRoom(world, owner, roomId);
      expect(await send(maker.socket, 'unlock-room', { roomId })).toEqual({ success: true });
      await told(maker, 'room-unlocked');
      expectJoined(await send(socket, 'join-room', roomId));
    });

    it('[RM20] only the owner or an administrator locks, admits, kicks and closes', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId, participantId } = maker;
      const other = await joinRoom(world, stranger, roomId);
      for (const [event, payload] of [
        ['lock-room', { roomId }],
        ['unlock-room', { roomId }],
        ['admit', { roomId, participantId }],
        ['kick', { roomId, participantId }],
      ] as const)
        expectRefused(await send(other.socket, event, payload), 'FORBIDDEN');
      const answer = await world().http.call('DELETE', `/api/rooms/${roomId}`, {
        token: stranger.accessToken,
      });
      expectFailure(answer, 403, 'FORBIDDEN');
    });

    it('[RM61] who comes to a room with a lobby waits, hears nothing of it, and is in when admitted', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner, { lobby: true });
      const { roomId } = maker;
      const phone = await connectUser(world, owner);
      const guest = await connectUser(world, stranger);
      const { participantId } = expectWaiting(await send(guest.socket, 'join-room', roomId));
      // All sockets of the owner, in the room or not.
      for (const device of [maker, phone])
        expect(await told(device, 'user-waiting')).toMatchObject([{ roomId, participantId }]);
      const post = { id: crypto.randomUUID(), timestamp: Date.now(), roomId, data: 'secret' };
      expect(await send(maker.socket, 'message', post)).toMatchObject({ success: true });
      expectRefused(
        await send(guest.socket, 'message', { ...post, id: crypto.randomUUID() }),
        'ROOM_NOT_FOUND',
      );
      expect(await send(maker.socket, 'admit', { roomId, participantId })).toEqual({ success: true });
      expect(await told(guest, 'admitted')).toMatchObject([{ roomId, participantId, lastSeq: 1 }]);
      await told(maker, 'user-joined');
      expect(guest.heard.filter(({ event }) => event === 'message')).toEqual([]);
    });

    it('[RM62] who waited and went cannot be admitted', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner, { lobby: true });
      const { roomId } = maker;
      const guest = await connectUser(world, stranger);
      const { participantId } = expectWaiting(await send(guest.socket, 'join-room', roomId));
      await told(maker, 'user-waiting');
      guest.socket.disconnect();
      expect(await told(maker, 'user-left')).toMatchObject([{ participantId }]);
      expectRefused(await send(maker.socket, 'admit', { roomId, participantId }), 'PARTICIPANT_NOT_FOUND');
    });

    it('[RM63] who is kicked is out, and stays out until they are admitted again', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const other = await joinRoom(world, stranger, roomId);
      const { participantId } = other;
      await heardOfJoin(maker);
      expect(await send(maker.socket, 'kick', { roomId, participantId })).toEqual({ success: true });
      for (const one of [maker, other])
        expect(await told(one, 'user-left')).toMatchObject([{ participantId, reason: 'kicked' }]);
      const signal = { roomId, negotiationId: crypto.randomUUID(), restart: true };
      const outward = { ...signal, to: maker.participantId };
      expectRefused(await send(other.socket, 'signal', outward), 'FORBIDDEN');
      expectRefused(
        await send(maker.socket, 'signal', { ...signal, to: participantId }),
        'PARTICIPANT_NOT_FOUND',
      );
      expectRefused(await send(other.socket, 'join-room', roomId), 'FORBIDDEN');
      expectRefused(await send(other.socket, 'join-room', { roomId, participantId }), 'FORBIDDEN');
      expect(await send(maker.socket, 'admit', { roomId, participantId })).toEqual({ success: true });
      expectJoined(await send(other.socket, 'join-room', roomId));
    });

    it('[RM64] the owner cannot be kicked', async () => {
      const { owner } = await people();
      const maker = await createRoom(world, owner);
      const { roomId, participantId } = maker;
      expectRefused(await send(maker.socket, 'kick', { roomId, participantId }), 'FORBIDDEN');
    });
  });

  it('[RM65] who is no member learns nothing of a room over HTTP', async () => {
    const { owner, stranger } = await people();
    const { roomId } = await createRoom(world, owner);
    for (const path of ['', '/participants', '/history'])
      expectFailure(
        await world().http.get(`/api/rooms/${roomId}${path}`, stranger.accessToken),
        404,
        'ROOM_NOT_FOUND',
      );
    const { body } = await world().http.get('/api/rooms?limit=100', stranger.accessToken);
    const { items } = body as { items: Room[] };
    expect(items.map((room) => room.roomId)).not.toContain(roomId);
  });

  it('[RM66] an administrator hears nothing of rooms that they are not in', async (context) => {
    const token = await world().admin();
    if (token === undefined) return context.skip('the target names no administrator');
    const heard: string[] = [];
    const { socket } = await world().sockets.connect({ token }, (made) =>
      made.onAny((event: string) => heard.push(event)),
    );
    const { owner, stranger } = await people();
    const maker = await createRoom(world, owner, { lobby: true });
    const { roomId } = maker;
    const guest = await connectUser(world, stranger);
    const { participantId } = expectWaiting(await send(guest.socket, 'join-room', roomId));
    const said = { id: v4(), timestamp: Date.now(), roomId, data: 'hello' };
    for (const [event, payload] of [
      ['admit', { roomId, participantId }],
      ['message', said],
      ['lock-room', { roomId }],
      ['kick', { roomId, participantId }],
    ] as const)
      expect(await send(maker.socket, event, payload)).toMatchObject({ success: true });
    await world().http.call('DELETE', `/api/rooms/${roomId}`, { token: owner.accessToken });
    await told(maker, 'room-closed');
    // What was for the administrator is there before an answer that was asked for later.
    expect(await send(socket, 'create-room', { name: 'Theirs', join: false })).toMatchObject({
      success: true,
    });
    expect(heard).toEqual(['ready']);
  });
}
