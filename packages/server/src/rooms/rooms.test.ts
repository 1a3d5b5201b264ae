import { randomUUID } from 'node:crypto';
import type { Joined, Waiting } from '@bongsu/protocol';
import { expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';
import type { UserPrincipal } from '../platform/principal.js';

const code = (wanted: string) => expect.objectContaining({ code: wanted });

describeEachDatabase('rooms', (open) => {
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

  const make = (options: object = {}, by = host) =>
    by.send<Joined>('create-room', { roomId: 'standup', name: 'Stand-up', ...options });
  const join = (socket: RoomSocket, options: object = {}) =>
    socket.send<Joined & Waiting>('join-room', { roomId: 'standup', ...options });
  const guest = (on = node) => on.connect(site.person());
  const actions = async () =>
    (
      await site.database.query<{ event: { action: string } }>('select event from audit_outbox order by seq')
    ).map(({ event }) => event.action);

  test('[SIG3] [RM1] the creator of a room is in it, and it is there over HTTP', async () => {
    const made = await make();
    expect(made).toEqual({
      roomId: 'standup',
      participantId: expect.any(String),
      existingUsers: [],
      waiting: [],
      lastSeq: 0,
      epoch: 'epoch',
      resumed: false,
      iceServers: [],
      expiresAt: null,
    });
    const { status, body } = await node.http(owner, 'GET', '/rooms/standup');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        room: {
          roomId: 'standup',
          ownerId: owner.userId,
          status: 'open',
          name: 'Stand-up',
          ...{ maxUsers: 10, lobby: false, persistent: false, commanders: 'owner', locked: false },
          ...{ participants: 1, waiting: 0, screens: [], createdAt: site.clock.now(), endedAt: null },
        },
      },
    });
    expect(await actions()).toEqual(['room_created', 'room_joined']);
  });

  test('[SIG3] [RM1] a room gets an id when it names none, and its creator may stay out', async () => {
    const made = await host.send<Joined>('create-room', { name: 'Talk', join: false });
    expect(made).toEqual({ roomId: expect.stringMatching(/^room_[0-9a-z]{20}$/) });
    await expect(site.seatRows()).resolves.toEqual([]);
    const { body } = await node.http(owner, 'POST', '/rooms', { name: 'Talk' });
    expect(body.room).toMatchObject({ participants: 0, ownerId: owner.userId });
  });

  test('[SIG3] [RM1] an id is taken as long as its room is open, and shows nothing of the old one after', async () => {
    await make();
    await join(guest());
    await expect(make({}, guest())).rejects.toEqual(code('CONFLICT'));
    expect((await node.http(owner, 'DELETE', '/rooms/standup')).status).toBe(204);
    const other = guest();
    expect((await make({ name: 'Other' }, other)).existingUsers).toEqual([]);
    expect((await node.http(owner, 'GET', '/rooms/standup')).body.code).toBe('ROOM_NOT_FOUND');
  });

  test('[SIG3] [RM2] a room that never was is ROOM_NOT_FOUND, one that is closed ROOM_CLOSED', async () => {
    await expect(join(guest())).rejects.toEqual(code('ROOM_NOT_FOUND'));
    await make();
    await node.http(owner, 'DELETE', '/rooms/standup');
    await expect(join(guest())).rejects.toEqual(code('ROOM_CLOSED'));
  });

  test('[SIG3] [RM2] who joins learns who is there and is told to them, once, and the later comer gives way', async () => {
    const made = await make();
    const [first, second] = [guest(), guest(await site.node())];
    const one = await first.send<Joined>('join-room', 'standup');
    const two = await join(second);
    await site.quiet();
    expect(one.existingUsers).toEqual([
      { participantId: made.participantId, userId: owner.userId, username: owner.username, polite: true },
    ]);
    expect(two.existingUsers.map((user) => user.participantId)).toEqual([
      made.participantId,
      one.participantId,
    ]);
    expect(two.existingUsers.map((user) => user.polite)).toEqual([true, true]);
    const told = (joined: Joined, { user }: RoomSocket) => ({
      roomId: 'standup',
      participantId: joined.participantId,
      userId: user.userId,
      username: user.username,
    });
    expect(host.heard('user-joined')).toEqual([told(one, first), told(two, second)]);
    expect(first.heard('user-joined')).toEqual([told(two, second)]);
    expect(second.heard('user-joined')).toEqual([]);
  });

  test('[SIG5] [RM3] of 50 that join a room of 10 at once, on ten processes, exactly 10 get in', async () => {
    const nodes = [node];
    for (let n = 1; n < 10; n += 1) nodes.push(await site.node());
    await make({ join: false });
    const sockets = Array.from({ length: 50 }, (_, n) => guest(nodes[n % nodes.length]));
    const answers = await Promise.allSettled(sockets.map((socket) => join(socket)));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused).toHaveLength(40);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: 'ROOM_FULL', details: { maxUsers: 10 } });
    }
    await expect(site.seatRows()).resolves.toHaveLength(10);
  });

  test('[SIG5] [RM3] a seat within its grace counts, its owner comes back to the full room, and nobody passes capacity', async () => {
    await make({ maxUsers: 2 });
    const friend = guest();
    const { participantId } = await join(friend);
    await friend.end();
    await expect(join(guest())).rejects.toEqual(code('ROOM_FULL'));
    await expect(join(node.connect(site.person('admin')))).rejects.toEqual(code('ROOM_FULL'));
    await expect(join(node.connect(friend.user), { participantId })).resolves.toMatchObject({
      participantId,
    });
    await expect(join(node.connect(owner))).rejects.toEqual(code('ROOM_FULL'));
  });

  test('[SIG3] [RM4] a locked room takes nobody but its owner, administrators, and who has a seat', async () => {
    await make();
    const friend = guest();
    const { participantId } = await join(friend);
    await host.send('lock-room', { roomId: 'standup' });
    await host.send('lock-room', { roomId: 'standup' });
    expect(friend.heard('room-locked')).toEqual([{ roomId: 'standup' }]);
    await expect(join(guest())).rejects.toEqual(code('ROOM_LOCKED'));
    await friend.end();
    await expect(join(node.connect(friend.user), { participantId })).resolves.toMatchObject({
      participantId,
    });
    await join(node.connect(site.person('admin')));
    await join(node.connect(owner));
    await node.http(owner, 'POST', '/rooms/standup/unlock');
    expect(host.heard('room-unlocked')).toEqual([{ roomId: 'standup' }]);
    await join(guest());
  });

  test('[BEY4] [RM5] who comes to a lobby waits, uncounted, until admitted; the owner is told, and only then the room', async () => {
    const other = await site.node();
    await make({ lobby: true, maxUsers: 2 });
    const friend = guest(other);
    const { participantId, ...waiting } = await join(friend);
    expect(waiting).toEqual({ roomId: 'standup', waiting: true });
    expect(await join(friend)).toEqual({ ...waiting, participantId });
    const about = {
      roomId: 'standup',
      participantId,
      userId: friend.user.userId,
      username: friend.user.username,
    };
    expect(site.pushed).toEqual([{ userId: owner.userId, event: 'user-waiting', payload: about }]);
    expect((await node.http(owner, 'GET', '/rooms/standup')).body.room).toMatchObject({
      ...{ participants: 1, waiting: 1 },
    });
    expect(other.seats.seatOf(friend.id, 'standup')).toBeUndefined();
    await host.send('admit', { roomId: 'standup', participantId });
    await site.quiet();
    expect(host.heard('user-joined')).toEqual([about]);
    expect(friend.heard('admitted')).toEqual([
      expect.objectContaining({ roomId: 'standup', participantId, existingUsers: [expect.anything()] }),
    ]);
    expect(other.seats.seatOf(friend.id, 'standup')).toMatchObject({ participantId, state: 'joined' });
    const late = await join(guest());
    await expect(
      host.send('admit', { roomId: 'standup', participantId: late.participantId }),
    ).rejects.toEqual(code('ROOM_FULL'));
  });

  test('[BEY4] [RM6] whoever may admit learns of those who knocked before they came, and nobody else does', async () => {
    const other = await site.node();
    const admin = other.connect(site.person('admin'));
    await make({ lobby: true, join: false });
    const [first, second, member] = [guest(), guest(other), guest()];
    const userOf = async (socket: RoomSocket) => {
      const { userId, username } = socket.user;
      const { participantId } = await join(socket);
      await site.quiet();
      return { participantId, userId, username };
    };
    const [one, two, three] = [await userOf(first), await userOf(second), await userOf(member)];
    expect((await join(admin)).waiting).toEqual([one, two, three]);
    await admin.send('admit', { roomId: 'standup', participantId: three.participantId });
    await site.quiet();
    expect(member.heard('admitted')[0]).not.toHaveProperty('waiting');
    await first.end();
    await site.quiet();
    expect((await join(host)).waiting).toEqual([two]);
    await join(host, { participantId: randomUUID() });
    expect((await join(node.connect(owner))).waiting).toEqual([two]);
  });

  test('[BEY4] [RM6] administrators in the room are told who knocks and who goes, on every process, once', async () => {
    const other = await site.node();
    await make({ lobby: true });
    const admins = [node, other].map((on) => on.connect(site.person('admin')));
    for (const admin of admins) await join(admin);
    const outside = node.connect(site.person('admin'));
    const friend = guest(other);
    const { participantId } = await join(friend);
    await site.quiet();
    await friend.send('leave-room', { roomId: 'standup' });
    await site.quiet();
    for (const admin of admins) {
      expect(admin.heard('user-waiting')).toMatchObject([{ roomId: 'standup', participantId }]);
      expect(admin.heard('user-left')).toMatchObject([{ participantId, reason: 'left' }]);
    }
    expect(outside.told).toEqual([]);
    expect(site.pushed).toMatchObject([
      { userId: owner.userId, event: 'user-waiting' },
      { userId: owner.userId, event: 'user-left', payload: { reason: 'left' } },
    ]);
    expect(host.heard('user-waiting')).toEqual([]);
  });

  test('[BEY4] [RM5] who stops waiting is gone at once, and admitting who left is PARTICIPANT_NOT_FOUND', async () => {
    await make({ lobby: true });
    const [first, second] = [guest(), guest()];
    const [one, two] = [await join(first), await join(second)];
    await first.end();
    await second.send('leave-room', { roomId: 'standup' });
    for (const { participantId } of [one, two, { participantId: randomUUID() }]) {
      await expect(host.send('admit', { roomId: 'standup', participantId })).rejects.toEqual(
        code('PARTICIPANT_NOT_FOUND'),
      );
    }
    expect(host.heard('user-left')).toEqual([]);
    await expect(site.seatRows()).resolves.toHaveLength(1);
  });

  test('[SIG3] [RM10] joining twice from one socket answers the same participant, from two sockets two', async () => {
    const made = await make();
    const friend = guest();
    const [one, again] = await Promise.all([join(friend), join(friend)]);
    expect(again).toEqual(one);
    const second = await join(node.connect(friend.user));
    expect(second.participantId).not.toBe(one.participantId);
    expect(await join(host)).toMatchObject({ participantId: made.participantId });
    expect(host.heard('user-joined')).toHaveLength(2);
    expect(node.attached.size).toBe(3);
  });

  test('[SIG3] [RM15] leaving tells user-left once, and leaving twice is a success', async () => {
    await make();
    const friend = guest();
    const { participantId } = await join(friend);
    site.clock.advance(90_000);
    for (let n = 0; n < 2; n += 1) {
      await expect(friend.send('leave-room', { roomId: 'standup' })).resolves.toEqual({});
    }
    await expect(friend.send('leave-room', { roomId: 'never-was' })).resolves.toEqual({});
    expect(host.heard('user-left')).toEqual([expect.objectContaining({ participantId, reason: 'left' })]);
    expect(friend.heard('user-left')).toEqual([]);
    expect(
      await site.database.query('select duration_seconds from room_participants where id = $1', [
        participantId,
      ]),
    ).toEqual([{ duration_seconds: 90 }]);
    await friend.end();
    await site.pass(20_000);
    expect(host.told.map(({ event }) => event)).toEqual(['user-joined', 'user-left']);
  });

  test('[BEY4] [RM16] a kick puts out all sockets of the user, on every process, and bars them until they are admitted', async () => {
    const other = await site.node();
    await make();
    const phone = guest();
    const laptop = other.connect(phone.user);
    const [one, two] = [await join(phone), await join(laptop)];
    await host.send('kick', { roomId: 'standup', participantId: one.participantId });
    await site.quiet();
    const ids = [one.participantId, two.participantId];
    for (const [n, socket] of [phone, laptop].entries()) {
      expect(socket.heard('user-left')).toContainEqual(
        expect.objectContaining({ participantId: ids[n], reason: 'kicked' }),
      );
      expect(socket.heard('room-closed')).toEqual([]);
      await expect(join(socket)).rejects.toEqual(code('FORBIDDEN'));
      await expect(join(socket, one)).rejects.toEqual(code('FORBIDDEN'));
    }
    expect(host.heard('user-left').map(({ participantId }) => participantId)).toEqual(ids);
    expect(site.sockets.groups.filter((group) => group.startsWith('room:'))).toHaveLength(1);
    expect(site.sockets.members(site.sockets.groups[0] ?? '')).toEqual([host.id]);
    expect([other.attached.size, node.attached.size]).toEqual([0, 1]);
    await expect(host.send('kick', { roomId: 'standup', participantId: one.participantId })).rejects.toEqual(
      code('PARTICIPANT_NOT_FOUND'),
    );
    await host.send('admit', { roomId: 'standup', participantId: one.participantId });
    await expect(join(phone)).resolves.toMatchObject({ existingUsers: [expect.anything()] });
  });

  test('[BEY4] [RM22] who may kick reads who was kicked, page by page, until they are admitted', async () => {
    await make();
    const [friend, phone] = [guest(), guest()];
    await join(friend);
    const laptop = node.connect(phone.user);
    const kicked = [await join(phone), await join(laptop)].map(({ participantId }) => participantId);
    await host.send('kick', { roomId: 'standup', participantId: kicked[1] });
    await site.pass(1_000);
    const last = guest();
    const { participantId } = await join(last);
    await host.send('kick', { roomId: 'standup', participantId });
    const read = (user: UserPrincipal, query = '') => node.http(user, 'GET', `/rooms/standup/kicked${query}`);
    const first = await read(owner, '?limit=1');
    const { userId, username } = phone.user;
    const kickedAt = site.clock.now() - 1_000;
    expect(first.body).toEqual({
      items: [{ participantId: kicked[1], userId, username, kickedAt }],
      nextCursor: expect.any(String),
    });
    const { nextCursor } = first.body as { nextCursor: string };
    expect((await read(owner, `?limit=1&cursor=${nextCursor}`)).body).toMatchObject({
      items: [{ participantId }],
      nextCursor: null,
    });
    expect([(await read(friend.user)).status, (await read(last.user)).status]).toEqual([403, 404]);
    expect((await read(owner, '?cursor=x')).status).toBe(400);
    await host.send('admit', { roomId: 'standup', participantId: kicked[1] });
    expect((await read(site.person('admin'))).body).toMatchObject({ items: [{ participantId }] });
  });

  test('[BEY4] [RM16] the owner cannot be kicked, not even by an administrator', async () => {
    const { participantId } = await make();
    const admin = node.connect(site.person('admin'));
    await expect(admin.send('kick', { roomId: 'standup', participantId })).rejects.toEqual(code('FORBIDDEN'));
    expect((await node.http(owner, 'POST', '/rooms/standup/kick', { participantId })).status).toBe(403);
  });

  test('[SIG2] [RM17] closing tells every socket on every process, ends all participants, and cannot be done twice', async () => {
    const other = await site.node();
    await make({ lobby: true });
    const [friend, waiter] = [other.connect(site.person('admin')), guest(other)];
    await join(friend);
    await join(waiter);
    expect((await node.http(owner, 'DELETE', '/rooms/standup')).status).toBe(204);
    await site.quiet();
    const closed = [{ roomId: 'standup', reason: 'closed' }];
    for (const socket of [host, friend, waiter]) expect(socket.heard('room-closed')).toEqual(closed);
    await expect(site.seatRows()).resolves.toEqual([]);
    expect(site.sockets.groups).toEqual([]);
    expect(node.attached.size + other.attached.size).toBe(0);
    expect((await node.http(owner, 'DELETE', '/rooms/standup')).body.code).toBe('ROOM_CLOSED');
    expect((await node.http(owner, 'GET', '/rooms/standup')).body.room).toMatchObject({
      ...{ status: 'closed', endedAt: site.clock.now(), participants: 0 },
    });
  });

  test('[SEC3] [RM20] only its owner and administrators moderate a room; to who is not in it, it does not exist', async () => {
    await make();
    const [member, stranger] = [guest(), guest()];
    const { participantId } = await join(member);
    const verbs = [
      ['PATCH', '', { name: 'Mine' }],
      ['DELETE', '', undefined],
      ['POST', '/lock', undefined],
      ['POST', '/unlock', undefined],
      ['POST', '/kick', { participantId }],
      ['POST', '/admit', { participantId }],
    ] as const;
    for (const [method, path, body] of verbs) {
      const foreign = await node.http(stranger.user, method, `/rooms/standup${path}`, body);
      const unknown = await node.http(stranger.user, method, `/rooms/unknown${path}`, body);
      expect(foreign).toEqual({ status: 404, body: { code: 'ROOM_NOT_FOUND' } });
      expect(unknown).toEqual(foreign);
      expect((await node.http(member.user, method, `/rooms/standup${path}`, body)).body.code).toBe(
        'FORBIDDEN',
      );
    }
    for (const path of ['', '/participants']) {
      expect((await node.http(stranger.user, 'GET', `/rooms/standup${path}`)).body.code).toBe(
        'ROOM_NOT_FOUND',
      );
      expect((await node.http(member.user, 'GET', `/rooms/standup${path}`)).status).toBe(200);
    }
    const admin = site.person('admin');
    expect((await node.http(admin, 'POST', '/rooms/standup/lock')).status).toBe(204);
    const { body } = await node.http(admin, 'PATCH', '/rooms/standup', { maxUsers: 3, lobby: true });
    expect(body.room).toMatchObject({
      name: 'Stand-up',
      maxUsers: 3,
      lobby: true,
      locked: true,
      participants: 2,
    });
  });

  test('[SIG3] [RM30] a smaller maxUsers puts nobody out, and counts for whoever comes next', async () => {
    await make();
    const friend = guest();
    await join(friend);
    const { body } = await node.http(owner, 'PATCH', '/rooms/standup', { maxUsers: 1, name: 'Talk' });
    expect(body.room).toMatchObject({ maxUsers: 1, name: 'Talk', participants: 2, commanders: 'owner' });
    await friend.send('leave-room', { roomId: 'standup' });
    await expect(join(friend)).rejects.toMatchObject({ code: 'ROOM_FULL', details: { maxUsers: 1 } });
    for (const change of [{}, { maxUsers: 0 }, { name: 'x' }])
      expect((await node.http(owner, 'PATCH', '/rooms/standup', change)).body.code).toBe('VALIDATION_ERROR');
  });

  test('[SIG3] [RM21] with an Idempotency-Key a repeated POST answers the same room, and another body is refused', async () => {
    const post = (name: string) =>
      node.http(owner, 'POST', '/rooms', { name }, { 'idempotency-key': 'once' });
    const first = await post('Talk');
    expect(first.status).toBe(201);
    expect(await post('Talk')).toEqual(first);
    expect((await post('Other')).body.code).toBe('IDEMPOTENCY_CONFLICT');
    expect(await node.metrics.text()).toMatch(/^signaling_rooms_created_total 1$/m);
  });

  test('[SIG2] [RM1] [RM21] what making a room answers is the room as it is read, also when it is repeated', async () => {
    site.tickMs = 1;
    const post = () => node.http(owner, 'POST', '/rooms', { name: 'Talk' }, { 'idempotency-key': 'once' });
    const { body } = await post();
    expect(await node.http(owner, 'GET', `/rooms/${body.room.roomId}`)).toMatchObject({ status: 200, body });
    expect((await post()).body).toEqual(body);
  });

  test('[SIG2] [RM1] who reads or changes a room gets that one, though another of its id was made meanwhile', async () => {
    await make();
    const member = guest();
    await join(member);
    const thief = (await site.node()).connect(site.person());
    const whileViewed = (nth: number) => {
      let views = 0;
      site.meanwhile = async (text) => {
        if (!text.includes('as participants')) return;
        views += 1;
        if (views !== nth) return;
        site.meanwhile = async () => {};
        await thief.node.http(owner, 'DELETE', '/rooms/standup');
        await make({ name: 'Secret' }, thief);
      };
    };
    whileViewed(2);
    const read = await node.http(member.user, 'GET', '/rooms/standup');
    expect(read.body.room).toMatchObject({ name: 'Stand-up', ownerId: owner.userId });
    await site.quiet();
    await thief.node.http(thief.user, 'DELETE', '/rooms/standup');
    await make();
    whileViewed(1);
    const changed = await node.http(owner, 'PATCH', '/rooms/standup', { name: 'Talk' });
    expect(changed.body.room).toMatchObject({ name: 'Talk', ownerId: owner.userId });
  });

  test('[SIG2] [RM22] the cursor of a page is taken, however many rooms there were before', async () => {
    await site.database.exec('alter table rooms alter column id restart with 5000000000');
    for (const roomId of ['one', 'two']) await make({ roomId, join: false });
    const { nextCursor } = (await node.http(owner, 'GET', '/rooms?limit=1')).body;
    const next = await node.http(owner, 'GET', `/rooms?limit=1&cursor=${nextCursor}`);
    expect(next.body.items).toMatchObject([{ roomId: 'one' }]);
    const people = await node.http(owner, 'GET', `/rooms/one/participants?cursor=${nextCursor}`);
    expect(people).toMatchObject({ status: 200, body: { items: [] } });
  });

  test('[SIG2] [RM22] lists hold the rooms that one owns or is in, all for administrators, in pages', async () => {
    for (const roomId of ['one', 'two', 'three']) await make({ roomId, join: false });
    await make({ roomId: 'theirs' }, guest());
    const friend = guest();
    await friend.send('join-room', 'two');
    const ids = (body: { items: { roomId: string }[] }) => body.items.map(({ roomId }) => roomId);
    const first = (await node.http(owner, 'GET', '/rooms?limit=2')).body;
    expect(ids(first)).toEqual(['three', 'two']);
    const next = await node.http(owner, 'GET', `/rooms?limit=2&cursor=${first.nextCursor}`);
    expect([ids(next.body), next.body.nextCursor]).toEqual([['one'], null]);
    expect(ids((await node.http(friend.user, 'GET', '/rooms')).body)).toEqual(['two']);
    expect((await node.http(owner, 'GET', '/rooms?all=true')).body.code).toBe('FORBIDDEN');
    const all = await node.http(site.person('admin'), 'GET', '/rooms?all=true');
    expect(ids(all.body)).toEqual(['theirs', 'three', 'two', 'one']);
    expect((await node.http(owner, 'GET', '/rooms?cursor=x')).body.code).toBe('VALIDATION_ERROR');
  });

  test('[SIG2] [RM22] participants are listed in the order in which they came, each with its state', async () => {
    await make({ lobby: true });
    const admin = node.connect(site.person('admin'));
    await join(admin);
    const waiter = guest();
    await join(waiter);
    await admin.end();
    const first = (await node.http(owner, 'GET', '/rooms/standup/participants?limit=2')).body;
    const next = (
      await node.http(owner, 'GET', `/rooms/standup/participants?limit=2&cursor=${first.nextCursor}`)
    ).body;
    const seen = [...first.items, ...next.items].map(({ username, state }) => [username, state]);
    expect(seen).toEqual([
      [owner.username, 'joined'],
      [admin.user.username, 'reconnecting'],
      [waiter.user.username, 'waiting'],
    ]);
    expect(next.nextCursor).toBeNull();
  });

  test.each([
    ['an id of 2 characters', { roomId: 'ab' }],
    ['an id of 101 characters', { roomId: 'a'.repeat(101) }],
    ['an id with spaces', { roomId: 'a b c' }],
    ['an id with markup', { roomId: '<script>' }],
    ['a name of 1 character', { name: 'x' }],
    ['a name of 51 characters', { name: 'x'.repeat(51) }],
    ['maxUsers 0', { maxUsers: 0 }],
    ['maxUsers 1001', { maxUsers: 1001 }],
    ['maxUsers as text', { maxUsers: '3' }],
    ['an unknown commander', { commanders: 'all' }],
  ])('[SIG3] [RM23] %s is VALIDATION_ERROR and makes nothing', async (_what, options) => {
    await expect(make(options)).rejects.toEqual(code('VALIDATION_ERROR'));
    const body = { name: 'Talk', ...options };
    expect((await node.http(owner, 'POST', '/rooms', body)).body.code).toBe('VALIDATION_ERROR');
    await expect(site.database.query('select * from rooms')).resolves.toEqual([]);
  });

  test('[SIG3] [RM34] a room called __proto__ is a room like others', async () => {
    await make({ roomId: '__proto__' });
    await expect(guest().send('join-room', '__proto__')).resolves.toMatchObject({ roomId: '__proto__' });
    expect(node.seats.seatOf(host.id, '__proto__')).toMatchObject({ userId: owner.userId });
    await expect(host.send('join-room', 'constructor')).rejects.toEqual(code('ROOM_NOT_FOUND'));
  });

  test('[SIG6] [RM31] rooms and joins have limits a minute, of a user', async () => {
    await site.stop();
    const limited = new RoomSite(site.database, { createsPerMinute: 3, joinsPerMinute: 2 });
    const strict = await limited.node();
    const socket = strict.connect(limited.person());
    const attempt = (roomId: string) => socket.send('create-room', { roomId, name: 'Talk' });
    await attempt('one');
    await expect(attempt('one')).rejects.toEqual(code('CONFLICT'));
    await attempt('two');
    await expect(attempt('three')).rejects.toEqual(code('RATE_LIMIT'));
    const tab = () => strict.connect(socket.user);
    await tab().send('join-room', 'one');
    await expect(tab().send('join-room', 'unknown')).rejects.toEqual(code('ROOM_NOT_FOUND'));
    for (const roomId of ['one', 'unknown'])
      await expect(tab().send('join-room', roomId)).rejects.toEqual(code('RATE_LIMIT'));
    await limited.stop();
  });

  test('[SIG6] [RM21] [RM31] a room is made once by its key, however often it is asked for; another one counts', async () => {
    await site.stop();
    const limited = new RoomSite(site.database, { createsPerMinute: 2 });
    const strict = await limited.node();
    const who = limited.person();
    const post = (key: string) =>
      strict.http(who, 'POST', '/rooms', { name: 'Talk' }, { 'idempotency-key': key });
    const first = await post('one');
    await post('two');
    for (let n = 0; n < 3; n += 1) expect(await post('one')).toEqual(first);
    expect((await post('three')).body.code).toBe('RATE_LIMIT');
    expect((await strict.http(who, 'POST', '/rooms', { name: 'Talk' })).body.code).toBe('RATE_LIMIT');
    await limited.stop();
  });

  test('[SIG9] [RM46] rooms with sockets here, and rooms made here, are counted', async () => {
    await make();
    await make({ roomId: 'other' });
    expect(await node.metrics.text()).toMatch(/^signaling_active_rooms 2$/m);
    await node.http(owner, 'DELETE', '/rooms/other');
    const text = await node.metrics.text();
    expect(text).toMatch(/^signaling_active_rooms 1$/m);
    expect(text).toMatch(/^signaling_rooms_created_total 2$/m);
  });
});
