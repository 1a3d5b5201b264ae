import { randomUUID } from 'node:crypto';
import type { Accepted, Joined } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyLedger, userPrincipal } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { emptyTables } from '../../test/support/empty-tables.js';
import { liveRooms } from '../../test/support/live-rooms.js';
import type { FakeSocket } from '../../test/support/room-groups.js';
import type { Database } from '../platform/database/database.js';
import type { UserPrincipal } from '../platform/principal.js';

describeEachDatabase('what is said in rooms', (open) => {
  let database: Database;
  let site: Awaited<ReturnType<typeof liveRooms>>;
  let owner: UserPrincipal;
  let member: UserPrincipal;
  let stranger: UserPrincipal;
  let admin: UserPrincipal;
  let host: FakeSocket;
  let guest: FakeSocket;
  let seat: Joined;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyTables(database, 'rooms', 'room_participants', 'room_bars', 'audit_outbox');
    await emptyLedger(database);
    site = await liveRooms(database);
    [owner, member, stranger] = [1, 2, 3].map(() => userPrincipal(randomUUID())) as [
      UserPrincipal,
      UserPrincipal,
      UserPrincipal,
    ];
    admin = { ...userPrincipal(randomUUID()), role: 'admin' };
    host = site.connect('host', owner);
    guest = site.connect('guest', member);
    await site.send(host, 'create-room', { roomId: 'lobby', name: 'Lobby' });
    seat = await site.send<Joined>(guest, 'join-room', 'lobby');
  });
  afterEach(() => site.stop());

  const say = (by: FakeSocket, data: unknown) =>
    site.send<Accepted>(by, 'message', { id: randomUUID(), timestamp: Date.now(), roomId: 'lobby', data });
  const said = ({ heard }: FakeSocket) =>
    heard.filter(({ event }) => event === 'message' || event === 'trigger');
  const actions = async () => {
    const rows = await database.query<{ event: { action: string } }>(
      'select event from audit_outbox order by seq',
    );
    return rows.map(({ event }) => event.action).filter((action) => action.includes('screen'));
  };

  it('[RM84] [MSG3] a message goes to all who are in the room but its sender, by socket and over HTTP', async () => {
    expect(seat.lastSeq).toBe(0);
    const ack = await say(host, { text: 'hi' });
    expect(ack).toMatchObject({ status: 'accepted', stream: 'room:lobby', seq: 1, duplicate: false });
    const id = randomUUID();
    const sent = { status: 202, body: { id, stream: 'room:lobby', seq: 2, duplicate: false } };
    const headers = { 'idempotency-key': id };
    expect(await site.http(member, 'POST', '/rooms/lobby/messages', { data: 2 }, headers)).toMatchObject(
      sent,
    );
    const again = await site.http(member, 'POST', '/rooms/lobby/messages', { data: 2 }, headers);
    expect(again).toEqual({ status: 202, body: { ...sent.body, ...again.body, duplicate: true } });
    const from = { userId: owner.userId, username: owner.username };
    expect(said(guest)).toMatchObject([
      { event: 'message', payload: { id: ack.id, seq: 1, from, data: { text: 'hi' } } },
      { event: 'message', payload: { id, seq: 2 } },
    ]);
    expect(said(host)).toMatchObject([{ payload: { id, seq: 2, data: 2 } }]);
  });

  it('[RM84] [RM17] [SEC3] strangers and administrators post nothing, and a closed room takes nothing', async () => {
    const post = (user: UserPrincipal, url = '/rooms/lobby/messages', body: object = { data: 1 }) =>
      site.http(user, 'POST', url, body);
    const unknown = { status: 404, body: { code: 'ROOM_NOT_FOUND' } };
    expect(await post(stranger)).toEqual(unknown);
    expect(await post(admin)).toEqual(unknown);
    expect(await post(owner, '/rooms/nowhere/messages')).toEqual(unknown);
    expect(await post(stranger, '/rooms/lobby/trigger', { action: 'show' })).toEqual(unknown);
    expect((await post(owner, '/rooms/lobby/messages', { data: 'x'.repeat(17_000) })).status).toBeGreaterThan(
      399,
    );
    await site.http(owner, 'DELETE', '/rooms/lobby');
    const closed = { status: 410, body: { code: 'ROOM_CLOSED' } };
    for (const user of [owner, admin]) {
      expect(await post(user)).toEqual(closed);
      expect(await post(user, '/rooms/lobby/trigger', { action: 'show' })).toEqual(closed);
      expect(await post(user, '/rooms/lobby/navigate', { url: '/menu' })).toEqual(closed);
    }
    await expect(say(host, 1)).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    for (const user of [member, stranger]) expect(await post(user)).toEqual(unknown);
    await expect(say(guest, 1)).rejects.toMatchObject({ code: 'ROOM_NOT_FOUND' });
    // Under the same id another's room may stand: the old one is nobody's then.
    await site.send(guest, 'create-room', { roomId: 'lobby', name: 'Lobby' });
    expect(await post(owner)).toEqual(unknown);
  });

  it('[RM85] only the owner commands the screens of a room, until its commanders are all members', async () => {
    const trigger = () => site.http(member, 'POST', '/rooms/lobby/trigger', { action: 'show' });
    expect(await trigger()).toEqual({ status: 403, body: { code: 'FORBIDDEN' } });
    const target = { id: randomUUID(), timestamp: Date.now(), target: { roomId: 'lobby' }, url: '/menu' };
    await expect(site.send(guest, 'navigate', target)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await site.http(owner, 'POST', '/rooms/lobby/navigate', { url: '/menu' })).toMatchObject({
      status: 202,
      body: { seq: 1, screens: 0 },
    });
    await site.http(owner, 'PATCH', '/rooms/lobby', { commanders: 'members' });
    expect(await trigger()).toMatchObject({ status: 202, body: { seq: 2 } });
    expect(await site.send(guest, 'navigate', target)).toMatchObject({ seq: 3 });
  });

  it('[RM86] a screen is commanded from a room by consent of who commands it and is in the room', async () => {
    await site.screenOf('scr_a', member);
    const put = (user: UserPrincipal, room = 'lobby', screen = 'scr_a') =>
      site.http(user, 'PUT', `/rooms/${room}/screens/${screen}`);
    expect(await put(stranger)).toEqual({ status: 404, body: { code: 'ROOM_NOT_FOUND' } });
    expect(await put(owner)).toEqual({ status: 404, body: { code: 'SCREEN_NOT_FOUND' } });
    expect(await put(admin)).toEqual({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(await put(member, 'nowhere')).toEqual({ status: 404, body: { code: 'ROOM_NOT_FOUND' } });
    expect(await put(member)).toEqual({ status: 204, body: undefined });
    expect((await put(member)).status).toBe(204);
    expect(await actions()).toEqual(['room_screen_added']);
    expect((await site.http(owner, 'GET', '/rooms/lobby')).body.room.screens).toEqual(['scr_a']);
    expect(await site.http(owner, 'POST', '/rooms/lobby/trigger', { action: 'show' })).toMatchObject({
      body: { screens: 1 },
    });
  });

  it('[RM86] an owner puts a screen of theirs into their room without being in it', async () => {
    await site.screenOf('scr_a', owner);
    await site.send(host, 'leave-room', { roomId: 'lobby' });
    expect((await site.http(owner, 'PUT', '/rooms/lobby/screens/scr_a')).status).toBe(204);
  });

  it('[RM86] either side takes a screen back, and nobody else', async () => {
    await site.screenOf('scr_a', member);
    const other = site.connect('other', stranger);
    await site.send(other, 'join-room', 'lobby');
    const call = (method: 'PUT' | 'DELETE', user: UserPrincipal) =>
      site.http(user, method, '/rooms/lobby/screens/scr_a').then(({ status }) => status);
    for (const by of [owner, admin, member]) {
      expect(await call('PUT', member)).toBe(204);
      expect(await call('DELETE', stranger)).toBe(403);
      expect(await call('DELETE', by)).toBe(204);
      expect(await call('DELETE', by)).toBe(204);
    }
    expect(await actions()).toEqual([1, 2, 3].flatMap(() => ['room_screen_added', 'room_screen_removed']));
    expect(await call('PUT', member)).toBe(204);
    await site.send(guest, 'leave-room', { roomId: 'lobby' });
    expect(await call('PUT', member)).toBe(404);
    expect(await call('DELETE', member)).toBe(204);
    expect(await site.http(userPrincipal(randomUUID()), 'DELETE', '/rooms/lobby/screens/scr_a')).toEqual({
      status: 404,
      body: { code: 'ROOM_NOT_FOUND' },
    });
  });

  it('[RM90] history comes in order and in pages, for who is in the room and for administrators', async () => {
    for (let n = 1; n <= 3; n += 1) await say(host, n);
    await site.http(owner, 'POST', '/rooms/lobby/trigger', { action: 'show', data: 4 });
    const read = (user: UserPrincipal, query = '') => site.http(user, 'GET', `/rooms/lobby/history${query}`);
    const first = await read(member, '?limit=2');
    expect(first.body).toMatchObject({ nextCursor: '2', lastSeq: 4, floorSeq: 0, epoch: seat.epoch });
    expect(first.body.items).toEqual(
      said(guest)
        .slice(0, 2)
        .map(({ payload }) => payload),
    );
    const rest = await read(admin, '?after=2');
    expect(rest.body).toMatchObject({
      nextCursor: null,
      items: [
        { seq: 3, data: 3 },
        { seq: 4, type: 'trigger', action: 'show', data: 4 },
      ],
    });
    expect((await read(owner, '?after=9')).body).toMatchObject({ items: [], nextCursor: null });
    expect(await read(stranger)).toEqual({ status: 404, body: { code: 'ROOM_NOT_FOUND' } });
    for (const bad of ['?limit=0', '?limit=301', '?after=-1', '?after=x'])
      expect((await read(owner, bad)).status).toBe(400);
  });

  it('[RM72] [RM76] who lost the socket hears what was missed, and after a kick nothing', async () => {
    guest.isOpen = false;
    await site.rooms.disconnected('guest');
    await say(host, 1);
    const back = site.connect('back', member);
    const from = { epoch: seat.epoch, streams: { 'room:lobby': 0 } };
    const { streams, deliver } = await site.rooms.resume(back, from);
    expect(streams).toEqual({ 'room:lobby': { lastSeq: 1, recovered: true } });
    deliver();
    await back.reached(1);
    await say(host, 2);
    await back.reached(2);
    await site.send(host, 'kick', { roomId: 'lobby', participantId: seat.participantId });
    await say(host, 3);
    expect(said(back).map(({ payload }) => payload.seq)).toEqual([1, 2]);
    expect((await site.rooms.resume(site.connect('again', member), from)).streams).toEqual({});
  });

  it('[RM79] a socket that came back and went again is no reader of the room', async () => {
    guest.isOpen = false;
    await site.rooms.disconnected('guest');
    await site.send(host, 'leave-room', { roomId: 'lobby' });
    expect(site.feed().size).toBe(0);
    const back = site.connect('back', member);
    await site.rooms.resume(back, { epoch: seat.epoch, streams: { 'room:lobby': 0 } });
    expect(site.feed().size).toBe(1);
    back.isOpen = false;
    await site.rooms.disconnected('back');
    expect(site.feed().size).toBe(0);
  });

  it('[RM73] who takes the seat again after what was missed gets each entry once', async () => {
    guest.isOpen = false;
    await site.rooms.disconnected('guest');
    await say(host, 1);
    const back = site.connect('back', member);
    (await site.rooms.resume(back, { epoch: seat.epoch, streams: { 'room:lobby': 0 } })).deliver();
    await back.reached(1);
    await say(host, 2);
    const again = await site.send<Joined>(back, 'join-room', {
      roomId: 'lobby',
      participantId: seat.participantId,
    });
    expect(again).toMatchObject({ participantId: seat.participantId, lastSeq: 2, epoch: seat.epoch });
    await say(host, 3);
    expect(said(back).map(({ payload }) => payload.seq)).toEqual([1, 2, 3]);
    expect(said(guest)).toEqual([]);
  });
});
