import { randomUUID } from 'node:crypto';
import type { Joined } from '@bongsu/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';
import type { UserPrincipal } from '../platform/principal.js';
import { roomGroup } from './seat.js';

const GRACE_MS = 15_000;

describeEachDatabase('seats', (open) => {
  let site: RoomSite;
  let node: RoomNode;
  let owner: UserPrincipal;
  let host: RoomSocket;
  siteForEach(open, async (made) => {
    site = made;
    node = await site.node();
    owner = site.person();
    host = node.connect(owner);
  });

  const make = (options: object = {}) =>
    host.send<Joined>('create-room', { roomId: 'standup', name: 'Stand-up', ...options });
  const join = (socket: RoomSocket, options: object = {}) =>
    socket.send<Joined>('join-room', { roomId: 'standup', ...options });
  const guest = (on = node, instanceId?: string) => on.connect(site.person(), instanceId);
  const rowOf = async (participantId: string) =>
    (
      await site.database.query(
        `select state, left_at - joined_at as stayed, duration_seconds as seconds, reason
         from room_participants where id = $1`,
        [participantId],
      )
    )[0];
  const events = (socket: RoomSocket, participantId: string) =>
    socket.told
      .filter(({ payload }) => payload.participantId === participantId)
      .map(({ event, payload: { reason } }) => (reason === undefined ? event : `${event}: ${reason}`));

  test('[SIG3] [RM210] of many who join at once each is answered before being told of the next', async () => {
    await make();
    const many = [1, 2, 3, 4, 5].map(() => guest());
    const told = many.map((socket) => join(socket).then(() => socket.told.length));
    expect(await Promise.all(told)).toEqual(many.map(() => 0));
    await site.quiet();
    expect(many.map((socket) => socket.heard('user-joined').length)).toEqual([4, 3, 2, 1, 0]);
  });

  test('[SIG8] [RM11] who lost the connection keeps the seat for the grace, and takes it again by its id', async () => {
    await make();
    const instance = randomUUID();
    const friend = guest(node, instance);
    const { participantId } = await join(friend);
    await friend.end();
    const late = guest();
    expect((await join(late)).existingUsers).toContainEqual(
      expect.objectContaining({ participantId, state: 'reconnecting' }),
    );
    await site.pass(GRACE_MS - 1);
    const back = node.connect(friend.user, instance);
    await expect(join(back, { participantId })).resolves.toMatchObject({ participantId });
    await site.pass(GRACE_MS * 2);
    expect(events(host, participantId)).toEqual(['user-joined', 'user-reconnecting', 'user-returned']);
    expect(host.heard('user-returned')).toEqual([expect.objectContaining({ participantId, resumed: true })]);
    expect(node.signals).toMatchObject([{ seat: { participantId }, what: 'returned', resumed: true }]);
    expect(node.seats.seatOf(back.id, 'standup')).toMatchObject({ participantId, socketId: back.id });
  });

  test('[SIG8] [RM31] [RM32] whoever takes seats of their own again is not limited, however many they are', async () => {
    await site.stop();
    site = new RoomSite(site.database, { joinsPerMinute: 3 });
    onTestFinished(() => site.stop());
    node = await site.node();
    host = node.connect(owner);
    await make();
    const { user } = guest();
    const tabs = [node.connect(user), node.connect(user), node.connect(user)];
    const seats: Joined[] = [];
    for (const tab of tabs) seats.push(await join(tab));
    for (const tab of tabs) await tab.end();
    for (const { participantId } of seats)
      await expect(join(node.connect(user), { participantId })).resolves.toMatchObject({ participantId });
    await expect(join(node.connect(user))).rejects.toMatchObject({ code: 'RATE_LIMIT' });
  });

  test('[SIG8] [RM11] a page that was reloaded comes back as not resumed, on another process too', async () => {
    const other = await site.node();
    await make();
    const friend = guest(node, randomUUID());
    const { participantId } = await join(friend);
    await friend.end();
    const back = other.connect(friend.user, randomUUID());
    await join(back, { participantId });
    await site.quiet();
    expect(host.heard('user-returned')).toEqual([expect.objectContaining({ participantId, resumed: false })]);
    expect(node.signals).toMatchObject([{ seat: { participantId }, what: 'returned', resumed: false }]);
    expect(node.seats.seatOf(host.id, 'standup')).toBeDefined();
    expect(other.seats.seatOf(back.id, 'standup')).toMatchObject({ participantId });
  });

  test('[SIG8] [RM11] a seat of somebody else, or one that is over, is not taken: who names it gets one of their own', async () => {
    const { participantId } = await make();
    const friend = guest();
    const joined = await join(friend, { participantId });
    expect(joined.participantId).not.toBe(participantId);
    expect(host.heard('user-left')).toEqual([]);
    await friend.end();
    await site.pass(GRACE_MS);
    const back = await join(node.connect(friend.user), { participantId: joined.participantId });
    expect([participantId, joined.participantId]).not.toContain(back.participantId);
  });

  test('[SIG8] [RM13] a newer socket takes the seat from a live one, which is out, and whose late end changes nothing', async () => {
    const other = await site.node();
    await make();
    for (const on of [node, other]) {
      const older = guest();
      const { participantId } = await join(older);
      const newer = on.connect(older.user);
      await join(newer, { participantId });
      await site.quiet();
      expect(events(older, participantId)).toEqual(['user-left: replaced']);
      expect(node.seats.seatOf(older.id, 'standup')).toBeUndefined();
      await older.send('leave-room', { roomId: 'standup' });
      await older.end();
      await site.pass(GRACE_MS * 2);
      expect(events(host, participantId)).toEqual(['user-joined', 'user-returned']);
      expect(on.seats.seatOf(newer.id, 'standup')).toMatchObject({ participantId });
      const { room } = on.seats.seatOf(newer.id, 'standup') ?? {};
      expect(site.sockets.members(room ? roomGroup(room) : '')).not.toContain(older.id);
    }
    expect(node.attached.size + other.attached.size).toBe(3);
  });

  test('[SIG8] [RM13] of many sockets that take one seat at once, one has it, and the others are told', async () => {
    const other = await site.node();
    await make();
    const friend = guest();
    const { participantId } = await join(friend);
    const sockets = Array.from({ length: 12 }, (_, n) => (n % 2 ? node : other).connect(friend.user));
    await Promise.allSettled(sockets.map((socket) => join(socket, { participantId })));
    await site.quiet();
    const holders = sockets.filter(
      ({ id }) => node.seats.seatOf(id, 'standup') ?? other.seats.seatOf(id, 'standup'),
    );
    expect(holders).toHaveLength(1);
    await expect(site.seatRows()).resolves.toMatchObject([
      { socket_id: host.id },
      { id: participantId, socket_id: holders[0]?.id },
    ]);
    expect(node.attached.size + other.attached.size).toBe(2);
    for (const socket of [friend, ...sockets].filter((one) => one !== holders[0]))
      expect(socket.heard('user-left').map(({ reason }) => reason)).toEqual(['replaced']);
  });

  test('[SIG8] [RM13] a socket that ends while it joins leaves no ghost', async () => {
    await make();
    const friend = guest();
    const joining = join(friend);
    const ending = friend.end();
    await Promise.allSettled([joining, ending]);
    await site.pass(GRACE_MS);
    await expect(site.seatRows()).resolves.toHaveLength(1);
    expect(node.attached.size).toBe(1);
  });

  test('[SIG8] [RM14] user-left comes once, after the grace, though two processes look; the stay ended when the socket went', async () => {
    const other = await site.node();
    await make();
    const watcher = guest(other);
    await join(watcher);
    const friend = guest();
    const { participantId } = await join(friend);
    site.clock.advance(60_000);
    await friend.end();
    await site.pass(GRACE_MS - 1);
    expect(events(watcher, participantId)).toEqual(['user-joined', 'user-reconnecting']);
    await site.pass(60_000);
    for (const socket of [host, watcher])
      expect(events(socket, participantId)).toEqual([
        'user-joined',
        'user-reconnecting',
        'user-left: timeout',
      ]);
    expect(await rowOf(participantId)).toEqual({
      state: 'left',
      stayed: 60_000,
      seconds: 60,
      reason: 'timeout',
    });
    for (const { signals } of [node, other])
      expect(signals).toMatchObject([{ seat: { participantId }, what: 'gone' }]);
  });

  test('[SIG8] [STB2] [RM36] that a socket went is written as soon as the database is back', async () => {
    await make();
    const friend = guest();
    const { participantId } = await join(friend);
    site.isAway = true;
    const ending = friend.end();
    await site.pass(30_000);
    site.isAway = false;
    await site.pass(1_000);
    await ending;
    expect(events(host, participantId)).toEqual(['user-joined', 'user-reconnecting']);
    await site.pass(GRACE_MS);
    expect(await rowOf(participantId)).toMatchObject({ stayed: 0, reason: 'timeout' });
  });

  test('[SIG2] [RM18] [RM30] a room that the last has left closes after its grace, unless somebody comes or it is persistent', async () => {
    const { participantId } = await make();
    await make({ roomId: 'for-ever', persistent: true, join: false });
    await host.end();
    await site.pass(GRACE_MS);
    expect((await node.http(owner, 'GET', '/rooms/standup')).body.room).toMatchObject({
      status: 'open',
      participants: 0,
    });
    await site.pass(55_000);
    const again = node.connect(owner);
    await join(again, { participantId });
    await site.pass(120_000);
    await again.send('leave-room', { roomId: 'standup' });
    await site.pass(59_000);
    expect((await node.http(owner, 'GET', '/rooms/standup')).body.room.status).toBe('open');
    await site.pass(6_000);
    expect((await node.http(owner, 'GET', '/rooms/standup')).body.room).toMatchObject({ status: 'closed' });
    expect((await node.http(owner, 'GET', '/rooms/for-ever')).body.room.status).toBe('open');
    await node.http(owner, 'PATCH', '/rooms/for-ever', { persistent: false });
    await site.pass(50_000);
    expect((await node.http(owner, 'GET', '/rooms/for-ever')).body.room.status).toBe('open');
    await site.pass(20_000);
    expect((await node.http(owner, 'GET', '/rooms/for-ever')).body.room.status).toBe('closed');
  });

  test('[SIG2] [RM19] a room in which nothing happens for ROOM_IDLE_HOURS is closed, one in use is not', async () => {
    await make();
    await make({ roomId: 'busy' });
    const hour = 3_600_000;
    for (let n = 0; n < 23; n += 1) {
      await site.pass(hour);
      const { room } = node.seats.seatOf(host.id, 'busy') ?? {};
      if (room) node.seats.touch(room);
    }
    expect(host.heard('room-closed')).toEqual([]);
    await site.pass(2 * hour);
    expect(host.heard('room-closed')).toEqual([{ roomId: 'standup', reason: 'idle' }]);
    expect(node.seats.seatOf(host.id, 'busy')).toBeDefined();
  });

  test('[SIG2] [RM19] activity is written at most once a minute', async () => {
    await make();
    const { room } = node.seats.seatOf(host.id, 'standup') ?? {};
    const writtenAt = async () => {
      if (room) for (let n = 0; n < 10; n += 1) node.seats.touch(room);
      await site.quiet();
      const [row] = await site.database.query<{ active_at: number }>('select active_at from rooms');
      return row?.active_at;
    };
    await site.pass(60_000);
    const first = site.clock.now();
    expect(await writtenAt()).toBe(first);
    await site.pass(59_999);
    expect(await writtenAt()).toBe(first);
    await site.pass(1);
    expect(await writtenAt()).toBe(first + 60_000);
  });

  test('[SIG2] [SCL3] [RM27] after a crash seats get their grace anew from the start of the next process, and empty rooms theirs', async () => {
    const { participantId } = await make();
    const friend = guest();
    const gone = await join(friend);
    await host.send('create-room', { roomId: 'empty', name: 'Empty', join: false });
    site.clock.advance(10_000);
    await friend.end();
    await node.crash();
    await site.pass(3_600_000);
    const next = await site.node();
    await site.pass(GRACE_MS - 1);
    const back = next.connect(owner);
    const joined = await join(back, { participantId });
    expect(joined).toMatchObject({
      participantId,
      existingUsers: [{ participantId: gone.participantId, state: 'reconnecting' }],
    });
    await site.pass(1);
    expect(events(back, gone.participantId)).toEqual(['user-left: timeout']);
    expect(await rowOf(gone.participantId)).toMatchObject({ stayed: 10_000 });
    expect((await next.http(owner, 'GET', '/rooms/empty')).body.room.status).toBe('open');
    await site.pass(60_000);
    await site.pass(5_000);
    expect((await next.http(owner, 'GET', '/rooms/empty')).body.room.status).toBe('closed');
    await expect(site.database.query('select * from ended_nodes')).resolves.toEqual([]);
  });

  test('[SIG2] [RM28] seats of a process that dies are found by the others, and end when it was last seen', async () => {
    const other = await site.node();
    await make();
    const friend = guest(other);
    const waiter = guest(other);
    const { participantId } = await join(friend);
    await host.send('create-room', { roomId: 'lobby', name: 'Lobby', lobby: true });
    const waiting = await waiter.send<Joined>('join-room', 'lobby');
    site.clock.advance(42_000);
    await other.crash();
    await site.pass(10_000);
    expect(events(host, participantId)).toEqual(['user-joined', 'user-reconnecting']);
    await site.pass(30_000);
    expect(events(host, participantId)).toEqual(['user-joined', 'user-reconnecting', 'user-left: timeout']);
    expect(await rowOf(participantId)).toEqual({
      state: 'left',
      stayed: 42_000,
      seconds: 42,
      reason: 'timeout',
    });
    expect(await rowOf(waiting.participantId)).toMatchObject({ stayed: 42_000, reason: 'left' });
  });

  test('[SIG2] [RM28] while only its lease is over, a process was last seen when it renewed that, never before somebody came', async () => {
    const other = await site.node();
    await make();
    const early = await join(guest(other));
    site.clock.advance(50_000);
    const late = await join(guest(other));
    const leaseUntil = site.clock.now() + 5_000;
    await other.stop();
    await site.database.query('insert into nodes (name, incarnation, lease_until) values ($1, $2, $3)', [
      'crashed',
      other.incarnation,
      leaseUntil,
    ]);
    await site.pass(60_000);
    await site.pass(GRACE_MS);
    expect(await rowOf(early.participantId)).toMatchObject({ stayed: 40_000 });
    expect(await rowOf(late.participantId)).toMatchObject({ stayed: 0 });
  });

  test('[SIG8] [RM45] a process that others took for dead has its seats back, and nobody leaves', async () => {
    const other = await site.node();
    await make();
    const friend = guest(other, randomUUID());
    const { participantId } = await join(friend);
    const lease = (until: number) =>
      site.database.query('update nodes set lease_until = $2 where incarnation = $1', [
        other.incarnation,
        until,
      ]);
    await lease(0);
    await node.rooms.look();
    await lease(8_000_000_000_000);
    // Its process has heard of it; the grace must not be over before it could take the seat back.
    await site.quiet();
    await site.pass(60_000);
    expect(events(host, participantId)).toEqual(['user-joined', 'user-reconnecting', 'user-returned']);
    expect(other.seats.seatOf(friend.id, 'standup')).toMatchObject({ participantId });
    await friend.end();
    await expect(site.seatRows()).resolves.toMatchObject([{ socket_id: host.id }, { state: 'reconnecting' }]);
  });

  test('[SIG8] [RM35] what another process changed shows here though its hint was lost', async () => {
    const other = await site.node();
    await make({ lobby: true });
    const [friend, waiter] = [other.connect(site.person('admin')), guest(other)];
    const { participantId } = await join(friend);
    const waiting = await join(waiter);
    site.bus.isDeaf = true;
    await host.send('kick', { roomId: 'standup', participantId });
    await host.send('admit', { roomId: 'standup', participantId: waiting.participantId });
    expect(other.seats.seatOf(friend.id, 'standup')).toBeDefined();
    await site.pass(5_000);
    expect(other.seats.seatOf(friend.id, 'standup')).toBeUndefined();
    expect(friend.heard('user-left').map(({ reason }) => reason)).toEqual(['kicked']);
    expect(waiter.heard('admitted')).toHaveLength(1);
    await node.http(owner, 'DELETE', '/rooms/standup');
    await site.pass(5_000);
    expect(waiter.heard('room-closed')).toEqual([{ roomId: 'standup', reason: 'closed' }]);
    expect(site.sockets.groups).toEqual([]);
  });

  test('[SIG8] [RM29] events come in the order of what happened', async () => {
    await make();
    const friend = guest();
    const work: Promise<unknown>[] = [];
    for (let n = 0; n < 10; n += 1) {
      work.push(join(friend), host.send('lock-room', { roomId: 'standup' }));
      work.push(
        host.send('unlock-room', { roomId: 'standup' }),
        friend.send('leave-room', { roomId: 'standup' }),
      );
    }
    await Promise.all(work);
    const round = ['user-joined', 'room-locked', 'room-unlocked', 'user-left'];
    expect(host.told.map(({ event }) => event)).toEqual(Array.from({ length: 10 }, () => round).flat());
  });

  test('[SEC3] [RM20] the acceptor knows owner and members, and a change of this process at once', async () => {
    await make({ commanders: 'members' });
    const friend = guest();
    const other = await site.node();
    const may = async (on: RoomNode, user: UserPrincipal) =>
      !!(await on.rooms.authorize(user, 'standup', false));
    expect(await may(other, owner)).toBe(true);
    expect(await may(other, friend.user)).toBe(false);
    const { participantId } = await join(friend);
    await site.quiet();
    expect([await may(node, friend.user), await may(other, friend.user)]).toEqual([true, true]);
    expect(await may(node, site.person('admin'))).toBe(false);
    await friend.end();
    expect(await may(node, friend.user)).toBe(true);
    await host.send('kick', { roomId: 'standup', participantId });
    await site.quiet();
    expect([await may(node, friend.user), await may(other, friend.user)]).toEqual([false, false]);
    await node.http(owner, 'DELETE', '/rooms/standup');
    await expect(may(node, owner)).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    expect(await may(node, friend.user)).toBe(false);
    expect(await node.rooms.authorize(owner, 'never-was', false)).toBeUndefined();
  });
});
