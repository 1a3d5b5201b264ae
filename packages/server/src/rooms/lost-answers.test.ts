import { randomUUID } from 'node:crypto';
import type { Joined } from '@bongsu/protocol';
import { expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, type RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';
import { DatabaseError } from '../platform/database/database.js';
import { isAway } from './seat.js';

const code = (wanted: string) => expect.objectContaining({ code: wanted });
const ROOM = { roomId: 'standup' };
const LOOK_MS = 5_000;
const GRACE_MS = 15_000;

describeEachDatabase('answers of rooms that were lost on the way', (open) => {
  let site: RoomSite;
  let node: RoomNode;
  let host: RoomSocket;
  siteForEach(open, async (made) => {
    site = made;
    node = await site.node();
    host = node.connect(site.person());
    await host.send('create-room', { ...ROOM, name: 'Stand-up' });
  });

  const guest = (on = node) => on.connect(site.person(), randomUUID());
  const join = (socket: RoomSocket, options: object = {}) =>
    socket.send<Joined>('join-room', { ...ROOM, ...options });
  const events = (socket: RoomSocket) =>
    socket.told.map(({ event, payload: { reason } }) =>
      reason === undefined ? event : `${event}: ${reason}`,
    );
  /** What is done is committed, but its process hears of an error. */
  const unanswered = async (work: () => Promise<unknown>) => {
    site.losesAnswers = true;
    await expect(work()).rejects.toThrow('lost');
    site.losesAnswers = false;
  };
  /** Once, while a process reads the room. */
  const whileRead = (work: () => Promise<unknown>) => {
    site.meanwhile = async (text) => {
      if (!text.includes('jsonb_agg')) return;
      site.meanwhile = async () => {};
      await work();
    };
  };
  const lastSeat = async () => (await site.seatRows()).at(-1)?.id;

  test('[SIG8] [RM16] who is kicked while the join is on its way is FORBIDDEN, and nobody was told of either', async () => {
    const friend = guest(await site.node());
    whileRead(async () => host.send('kick', { ...ROOM, participantId: await lastSeat() }));
    await expect(join(friend)).rejects.toEqual(code('FORBIDDEN'));
    await site.pass(LOOK_MS);
    expect([events(host), events(friend)]).toEqual([[], []]);
    expect(friend.node.attached.size).toBe(0);
    await expect(join(friend)).rejects.toEqual(code('FORBIDDEN'));
  });

  test('[SIG8] [RM17] a room that is closed while the join is on its way is ROOM_CLOSED', async () => {
    const friend = guest(await site.node());
    whileRead(() => node.http(host.user, 'DELETE', '/rooms/standup'));
    await expect(join(friend)).rejects.toEqual(code('ROOM_CLOSED'));
    expect(events(friend)).toEqual([]);
  });

  test('[SIG2] [RM35] who comes to another process while this one reads the room is told, though nobody was here yet', async () => {
    const other = await site.node();
    const [friend, third] = [guest(other), guest()];
    whileRead(() => join(third));
    const { existingUsers } = await join(friend);
    await site.quiet();
    const known = existingUsers.map(({ userId }) => userId);
    const told = friend.heard('user-joined').map(({ userId }) => userId);
    expect([...known, ...told]).toEqual([host.user.userId, third.user.userId]);
  });

  test('[SIG3] [RM15] [RM35] a leave whose answer was lost is told once, within a look', async () => {
    const friend = guest();
    await join(friend);
    await unanswered(() => friend.send('leave-room', ROOM));
    await friend.send('leave-room', ROOM);
    await site.pass(LOOK_MS);
    await site.pass(LOOK_MS);
    expect(events(host)).toEqual(['user-joined', 'user-left: left']);
    expect(node.signals).toMatchObject([{ what: 'gone' }]);
  });

  test('[BEY4] [RM16] [RM35] so is a kick, to all who were in the room and on every process', async () => {
    const [friend, watcher] = [guest(), guest(await site.node())];
    const { participantId } = await join(friend);
    await join(watcher);
    await unanswered(() => host.send('kick', { ...ROOM, participantId }));
    await site.pass(LOOK_MS);
    await site.pass(LOOK_MS);
    expect(events(friend)).toEqual(['user-joined', 'user-left: kicked']);
    expect(events(host)).toEqual(['user-joined', 'user-joined', 'user-left: kicked']);
    expect(events(watcher)).toEqual(['user-left: kicked']);
  });

  test('[BEY4] [RM16] who is kicked is told so, and nothing else, though the reason could not be read at first', async () => {
    const friend = guest(await site.node());
    const { participantId } = await join(friend);
    let failures = 2;
    site.meanwhile = async (text) => {
      if (!text.startsWith('select reason') || failures === 0) return;
      failures -= 1;
      throw new DatabaseError('connection', 'away');
    };
    await host.send('kick', { ...ROOM, participantId });
    for (let n = 0; n < 2; n += 1) {
      await site.quiet();
      expect(events(friend)).toEqual([]);
      await site.pass(1_000);
    }
    expect(events(friend)).toEqual(['user-left: kicked']);
  });

  test('[SIG8] [RM14] [RM35] so are a lost connection, the end of the grace and a lock', async () => {
    await join(guest());
    const friend = guest();
    await join(friend);
    site.losesAnswers = true;
    const ending = friend.end();
    await site.quiet();
    site.losesAnswers = false;
    await site.pass(LOOK_MS);
    await ending;
    expect(events(host).slice(2)).toEqual(['user-reconnecting']);
    site.losesAnswers = true;
    await site.pass(GRACE_MS);
    site.losesAnswers = false;
    await unanswered(() => host.send('lock-room', ROOM));
    await site.pass(LOOK_MS);
    await site.pass(LOOK_MS);
    expect(events(host).slice(3).sort()).toEqual(['room-locked', 'user-left: timeout']);
  });

  test('[SIG3] [RM13] a join whose answer was lost is told within a look, and answered when it is repeated', async () => {
    const friend = guest();
    await unanswered(() => join(friend));
    await site.pass(LOOK_MS);
    expect(events(host)).toEqual(['user-joined']);
    const { participantId } = await join(friend);
    await expect(join(friend)).resolves.toMatchObject({ participantId });
    await expect(site.seatRows()).resolves.toHaveLength(2);
    await friend.send('leave-room', ROOM);
    await unanswered(() => join(friend));
    await join(friend);
    await site.pass(LOOK_MS);
    expect(events(host)).toEqual(['user-joined', 'user-left: left', 'user-joined']);
  });

  test('[SIG4] [RM111] signaling hears of a seat that was taken again when its socket is in its groups, not before', async () => {
    const friend = guest();
    const { participantId } = await join(friend);
    await friend.end();
    const back = node.connect(friend.user, friend.instanceId);
    await unanswered(() => join(back, { participantId }));
    await site.pass(LOOK_MS);
    expect(events(host)).toEqual(['user-joined', 'user-reconnecting', 'user-returned']);
    expect(
      node.seats.seat({ ...node.seats.seatOf(host.id, 'standup')?.room } as never, participantId),
    ).toMatchObject({ state: 'joined', arriving: { resumed: true } });
    expect(node.signals).toEqual([]);
    await join(back, { participantId });
    expect(node.signals).toMatchObject([{ what: 'returned', resumed: true, seat: { participantId } }]);
    expect(node.seats.seatOf(back.id, 'standup')?.arriving).toBeUndefined();
  });

  test('[SIG8] [RM12] who never heard the answer of the join has its seat again on the next socket, in a full and locked room too', async () => {
    const other = await site.node();
    await node.http(host.user, 'PATCH', '/rooms/standup', { maxUsers: 2 });
    const cut = guest();
    const { participantId } = await join(cut);
    await expect(join(other.connect(cut.user, randomUUID()))).rejects.toEqual(code('ROOM_FULL'));
    await expect(join(other.connect(cut.user))).rejects.toEqual(code('ROOM_FULL'));
    await expect(join(other.connect(site.person(), cut.instanceId))).rejects.toEqual(code('ROOM_FULL'));
    await host.send('lock-room', ROOM);
    // Before the server has noticed that the first socket is dead, and after.
    for (const end of [async () => {}, () => cut.end()]) {
      await end();
      const back = other.connect(cut.user, cut.instanceId);
      await expect(join(back)).resolves.toMatchObject({ participantId });
      await back.end();
    }
    await site.pass(GRACE_MS - 1);
    await expect(join(node.connect(cut.user, cut.instanceId))).resolves.toMatchObject({ participantId });
    await site.pass(GRACE_MS);
    await expect(site.seatRows()).resolves.toMatchObject([{ socket_id: host.id }, { id: participantId }]);
    expect(host.heard('user-left')).toEqual([]);
  });

  test('[SIG8] [RM12] two tabs are two participants, and a client that waits on two sockets waits once', async () => {
    const first = guest();
    const second = node.connect(first.user, randomUUID());
    expect((await join(first)).participantId).not.toBe((await join(second)).participantId);
    const lobby = { roomId: 'lobby' };
    await host.send('create-room', { ...lobby, name: 'Lobby', lobby: true });
    const { participantId } = await first.send<Joined>('join-room', lobby);
    const again = node.connect(first.user, first.instanceId);
    await expect(again.send('join-room', lobby)).resolves.toMatchObject({ participantId, waiting: true });
    await first.end();
    await host.send('admit', { ...lobby, participantId });
    expect(again.heard('admitted')).toMatchObject([{ participantId }]);
  });

  test('[RM112] a seat is away from the moment when its socket goes, though the database cannot hear of it', async () => {
    const friend = guest();
    const { participantId } = await join(friend);
    const seat = node.seats.seatOf(friend.id, 'standup');
    site.isAway = true;
    const ending = friend.end();
    expect(seat).toMatchObject({ participantId, state: 'joined' });
    expect(seat && isAway(seat)).toBe(true);
    site.isAway = false;
    await site.pass(1000);
    await ending;
    const back = node.connect(friend.user, friend.instanceId);
    await join(back, { participantId });
    await site.quiet();
    expect(seat && isAway(seat)).toBe(false);
  });

  /** A socket that came back by `resume` and has not joined yet. */
  const comeBack = async (on: RoomNode, user: RoomSocket['user'], streams = { 'room:standup': 0 }) => {
    const { id: socketId } = on.connect(user);
    const socket = { socketId, principal: user, isConnected: () => true, queuedBytes: () => 0, drop() {} };
    return Object.keys((await on.rooms.resume(socket, { epoch: 'epoch', streams })).streams);
  };

  test('[RM77] who is kicked hears the room no more, found by a look or told by another process', async () => {
    const other = await site.node();
    const [here, there] = [guest(), guest()];
    const ids = [await join(here), await join(there)].map(({ participantId }) => participantId);
    await here.end();
    await there.end();
    expect(await comeBack(node, here.user)).toEqual(['room:standup']);
    expect(await comeBack(other, there.user)).toEqual(['room:standup']);
    await unanswered(() => host.send('kick', { ...ROOM, participantId: ids[0] }));
    expect(node.guests).toHaveLength(1);
    await site.pass(LOOK_MS);
    expect([node.guests.length, other.guests.length]).toEqual([0, 1]);
    await host.send('kick', { ...ROOM, participantId: ids[1] });
    await site.quiet();
    expect(other.guests).toEqual([]);
    expect(await comeBack(other, there.user)).toEqual([]);
  });

  test('[RM80] rooms that a handshake makes up are asked for at once, and what cannot be a room is not', async () => {
    const other = await site.node();
    const stranger = guest(other);
    const names = Array.from({ length: 50 }, (_, n) => [`room:made-up-${n}`, `room:!${n}`]).flat();
    const streams = Object.fromEntries(['room:standup', ...names].map((name) => [name, 0]));
    const asked: string[] = [];
    site.meanwhile = async (text) => void asked.push(text);
    expect(await comeBack(other, stranger.user, streams as { 'room:standup': number })).toEqual([]);
    // What rooms there are, and, before so many are refused, whether another process let somebody in: by two statements for all.
    expect(asked.length).toBeLessThanOrEqual(3);
    expect(await comeBack(other, host.user, streams as { 'room:standup': number })).toEqual(['room:standup']);
  });
});
