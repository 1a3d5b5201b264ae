import { v4 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { expectFailure } from '../support/http.js';
import {
  connectUser,
  createRoom,
  expectWaiting,
  heardOfJoin,
  joinRoom,
  newRoomId,
  told,
} from '../support/rooms.js';
import { expectRefused, nextEvent, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

const BAD_IDS = [
  ['of two characters', 'ab'],
  ['of 101 characters', 'r'.repeat(101)],
  ['with a space', 'my room'],
  ['that is markup', '<script>'],
] as const;
const BAD_CHANGES: [string, string, object][] = [
  ['a name of one character', 'name', { name: 'x' }],
  ['a name of blanks', 'name', { name: '   ' }],
  ['a name of 51 characters', 'name', { name: 'n'.repeat(51) }],
  ['room for nobody', 'maxUsers', { maxUsers: 0 }],
  ['room for too many', 'maxUsers', { maxUsers: 1001 }],
  ['a size that is text', 'maxUsers', { maxUsers: '3' }],
  ['commanders that are nobody', 'commanders', { commanders: 'everybody' }],
];
const somebody = { participantId: v4() };
const signal = { to: v4(), negotiationId: 'n1' };

/** Every event that is about one room, with what is good of it but the room. */
const EVENTS: Record<string, object> = {
  'create-room': { name: 'Stand-up' },
  'join-room': {},
  'leave-room': {},
  'lock-room': {},
  'unlock-room': {},
  admit: somebody,
  kick: somebody,
  message: { id: v4(), timestamp: Date.now(), data: 1 },
  signal: { ...signal, restart: true },
  offer: { ...signal, offer: 'v=0' },
  answer: { ...signal, answer: 'v=0' },
  'ice-candidate': { ...signal, candidate: null },
};
/** Every route below one room. */
const ROUTES: [string, string, object?][] = [
  ['GET', ''],
  ['PATCH', '', { name: 'Renamed' }],
  ['DELETE', ''],
  ['GET', '/participants'],
  ['GET', '/history'],
  ['POST', '/lock'],
  ['POST', '/unlock'],
  ['POST', '/admit', somebody],
  ['POST', '/kick', somebody],
  ['POST', '/messages', { data: 1 }],
  ['POST', '/trigger', { action: 'show' }],
  ['POST', '/navigate', { url: '/menu' }],
  ['PUT', '/screens/scr_00000000000000000000'],
  ['DELETE', '/screens/scr_00000000000000000000'],
];

/** Bad input to rooms, by socket and over HTTP: the code says what is wrong, and `details` where. */
export function roomInputRules(world: GetWorld): void {
  const people = async () => ({
    owner: await world().person('owner'),
    stranger: await world().person('stranger'),
  });
  const asOwner = async (method: string, path: string, body?: object) => {
    const { accessToken: token } = await world().person('owner');
    return world().http.call(method, `/api/rooms${path}`, { token, ...(body ? { body } : {}) });
  };
  const faultAt = (path: string) =>
    expect.arrayContaining([{ path: expect.stringContaining(path), message: expect.any(String) }]);

  describe('what is no room id, name or size', () => {
    it.each(BAD_IDS)(
      '[RM23] [SIG11] [SEC4] an id %s is VALIDATION_ERROR to every event',
      async (_, roomId) => {
        const { socket } = await connectUser(world, await world().person('owner'));
        for (const [event, rest] of Object.entries(EVENTS)) {
          const answer = await send(socket, event, { ...rest, roomId });
          expect({ event, answer }).toMatchObject({ event, answer: { success: false } });
          expect(expectRefused(answer, 'VALIDATION_ERROR').details, event).toEqual(faultAt('roomId'));
        }
        expectRefused(await send(socket, 'join-room', roomId), 'VALIDATION_ERROR');
        for (const event of ['trigger', 'navigate']) {
          const command = { ...trigger('x'), url: '/menu', target: { roomId } };
          expectRefused(await send(socket, event, command), 'VALIDATION_ERROR');
        }
      },
    );

    it.each(BAD_IDS)(
      '[RM23] [SIG11] [SEC4] an id %s is VALIDATION_ERROR to every route',
      async (_, roomId) => {
        for (const [method, rest, body] of ROUTES) {
          const answer = await asOwner(method, `/${encodeURIComponent(roomId)}${rest}`, body);
          const { details } = expectFailure(answer, 400, 'VALIDATION_ERROR');
          expect(details, `${method} ${rest}`).toEqual(faultAt('id'));
        }
        const made = await asOwner('POST', '', { name: 'Stand-up', roomId });
        expect(expectFailure(made, 400, 'VALIDATION_ERROR').details).toEqual(faultAt('roomId'));
      },
    );

    it.each(BAD_CHANGES)(
      '[RM23] [SIG11] [SEC4] %s is VALIDATION_ERROR over HTTP, and changes nothing',
      async (_, path, over) => {
        const { roomId } = await createRoom(world, await world().person('owner'));
        const before = (await asOwner('GET', `/${roomId}`)).text;
        for (const answer of [
          await asOwner('POST', '', { name: 'Fine', roomId: newRoomId(), ...over }),
          await asOwner('PATCH', `/${roomId}`, over),
        ])
          expect(expectFailure(answer, 400, 'VALIDATION_ERROR').details).toEqual(faultAt(path));
        expect((await asOwner('GET', `/${roomId}`)).text).toBe(before);
      },
    );

    it.each([[null], [7], [['abc']], [true], [{}], [{ roomId: null }], [{ roomId: { $ne: '' } }]])(
      '[RM23] [ER8] the payload %j is VALIDATION_ERROR to every event, with and without a callback',
      async (payload) => {
        const { socket } = await connectUser(world, await world().person('owner'));
        for (const event of Object.keys(EVENTS)) {
          expectRefused(await send(socket, event, payload), 'VALIDATION_ERROR');
          socket.emit(event, payload);
        }
        expect(await send(socket, 'leave-room', { roomId: newRoomId() })).toEqual({ success: true });
      },
    );
  });

  it('[RM24] a name is kept without the blanks around it', async () => {
    const { roomId, socket } = await createRoom(world, await world().person('owner'), { name: '  First ' });
    expect((await asOwner('GET', `/${roomId}`)).body).toMatchObject({ room: { name: 'First' } });
    const changed = await asOwner('PATCH', `/${roomId}`, { name: ' Second\u3000' });
    expect(changed.body).toMatchObject({ room: { name: 'Second' } });
    expectRefused(await send(socket, 'create-room', { name: '  ' }), 'VALIDATION_ERROR');
  });

  describe('who is not let in, or out', () => {
    it('[RM3] [RM61] over HTTP nobody is admitted to a room that is full', async () => {
      const { owner, stranger } = await people();
      const { roomId } = await createRoom(world, owner, { lobby: true, maxUsers: 1 });
      const guest = await connectUser(world, stranger);
      const { participantId } = expectWaiting(await send(guest.socket, 'join-room', roomId));
      const answer = await asOwner('POST', `/${roomId}/admit`, { participantId });
      expect(expectFailure(answer, 403, 'ROOM_FULL').details).toEqual({ maxUsers: 1 });
    });

    it('[RM62] [RM15] over HTTP who has left can be neither admitted nor kicked', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const { participantId, socket } = await joinRoom(world, stranger, roomId);
      await send(socket, 'leave-room', { roomId });
      for (const verb of ['admit', 'kick']) {
        expectFailure(
          await asOwner('POST', `/${roomId}/${verb}`, { participantId }),
          404,
          'PARTICIPANT_NOT_FOUND',
        );
        expectRefused(await send(maker.socket, verb, { roomId, participantId }), 'PARTICIPANT_NOT_FOUND');
      }
    });

    it('[RM64] [RM63] [RM69] the owner cannot be kicked, and who was kicked is told why they are kept out', async () => {
      const { owner, stranger } = await people();
      const maker = await createRoom(world, owner);
      const { roomId } = maker;
      const { participantId } = maker;
      const isOwner = { details: { reason: 'owner' } };
      expect(
        expectRefused(await send(maker.socket, 'kick', { roomId, participantId }), 'FORBIDDEN'),
      ).toMatchObject(isOwner);
      const answer = await asOwner('POST', `/${roomId}/kick`, { participantId });
      expect(expectFailure(answer, 403, 'FORBIDDEN')).toMatchObject(isOwner);
      const other = await joinRoom(world, stranger, roomId);
      const kicked = await asOwner('POST', `/${roomId}/kick`, { participantId: other.participantId });
      expect(kicked.status, kicked.text).toBe(204);
      await told(other, 'user-left');
      expect(expectRefused(await send(other.socket, 'join-room', roomId), 'FORBIDDEN')).toMatchObject({
        details: { reason: 'kicked' },
      });
    });

    it('[RM53] over HTTP a room that never was is ROOM_NOT_FOUND, and one that is closed ROOM_CLOSED to who changes it', async () => {
      const { roomId } = await createRoom(world, await world().person('owner'));
      for (const [method, rest, body] of ROUTES)
        expectFailure(await asOwner(method, `/${newRoomId()}${rest}`, body), 404, 'ROOM_NOT_FOUND');
      expect((await asOwner('DELETE', `/${roomId}`)).status).toBe(204);
      for (const [method, rest, body] of ROUTES.filter(([method]) => method !== 'GET')) {
        expectFailure(await asOwner(method, `/${roomId}${rest}`, body), 410, 'ROOM_CLOSED');
      }
      const { accessToken: token } = await world().person('stranger');
      const said = { token, body: { data: 1 } };
      expectFailure(
        await world().http.call('POST', `/api/rooms/${roomId}/messages`, said),
        404,
        'ROOM_NOT_FOUND',
      );
    });
  });

  it('[RM108] [SEC4] a description of 1 MB ends the connection that sent it, and the seat is kept', async () => {
    const { owner, stranger } = await people();
    const maker = await createRoom(world, owner);
    const { roomId } = maker;
    const other = await joinRoom(world, stranger, roomId);
    const { participantId } = other;
    await heardOfJoin(maker);
    const gone = nextEvent(other.socket, 'disconnect');
    const description = { type: 'offer', sdp: 's'.repeat(1024 * 1024) };
    other.socket.emit('signal', { roomId, to: maker.participantId, negotiationId: 'n1', description });
    await gone;
    expect(await told(maker, 'user-reconnecting')).toMatchObject([{ participantId }]);
    const back = await joinRoom(world, stranger, roomId, { participantId });
    expect(back.participantId).toBe(participantId);
    expect(maker.heard.filter(({ event }) => event === 'signal')).toEqual([]);
  });
}
