import type { Joined, Waiting } from '@bongsu/protocol';
import { expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, type RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';
import { RoomGrant } from '../commands/room-grant.js';
import type { UserPrincipal } from '../platform/principal.js';

const LEASE_MS = 15_000;
const LOOK_MS = 5000;

describeEachDatabase('rooms of several nodes', (open) => {
  let site: RoomSite;
  let node: RoomNode;
  let other: RoomNode;
  let host: RoomSocket;
  siteForEach(open, async (made) => {
    site = made;
    node = await site.node();
    other = await site.node();
    host = node.connect(site.person());
  });

  const make = (roomId: string, options: object = {}) =>
    host.send<Joined>('create-room', { roomId, name: 'Stand-up', ...options });
  const join = (socket: RoomSocket, roomId: string, options: object = {}) =>
    socket.send<Joined & Waiting>('join-room', { roomId, ...options });
  const reasons = (socket: RoomSocket) => socket.heard('user-left').map(({ reason }) => reason);

  test('[SIG7] [ND27] what was missed on the bus is found by one comparison of all rooms, and each room told of once', async () => {
    const rooms = ['one-room', 'two-room', 'three-room', 'four-room'];
    const friend = other.connect(site.person());
    for (const roomId of rooms) await make(roomId);
    for (const roomId of rooms) await join(friend, roomId);
    await site.quiet();
    site.bus.isDeaf = true;
    await host.send('leave-room', { roomId: 'two-room' });
    const asked: string[] = [];
    site.meanwhile = async (text) => void asked.push(text);
    site.bus.isDeaf = false;
    site.bus.tellGaps();
    site.bus.tellGaps();
    await site.quiet();
    expect(friend.heard('user-left')).toMatchObject([{ roomId: 'two-room', reason: 'left' }]);
    const reads = (table: RegExp) => asked.filter((text) => table.test(text)).length;
    // Two comparisons of each node, one room and the reason in one.
    expect(reads(/version from rooms/)).toBeLessThanOrEqual(4);
    expect(reads(/jsonb_agg/)).toBe(1);
  });

  test('[SIG7] [RM5] [ND28] the owner is told of who waited at a node that died, wherever they are', async () => {
    await make('standup', { lobby: true });
    await host.send('leave-room', { roomId: 'standup' });
    const waiting = await join(other.connect(site.person()), 'standup');
    await other.crash();
    await site.pass(LOOK_MS);
    await site.pass(LOOK_MS);
    const told = site.pushed.filter(({ userId }) => userId === host.user.userId);
    expect(told).toMatchObject([
      { event: 'user-waiting', payload: { participantId: waiting.participantId } },
      { event: 'user-left', payload: { participantId: waiting.participantId, reason: 'left' } },
    ]);
  });

  test('[SIG7] [RM28] [ND29] of a node that died each seat is closed once, at the last renewal of its lease, by whoever lives', async () => {
    await make('standup');
    const third = await site.node();
    const [friend, witness] = [other.connect(site.person()), third.connect(site.person())];
    const { participantId } = await join(friend, 'standup');
    await join(witness, 'standup');
    const joinedAt = site.clock.now();
    site.clock.advance(1000);
    // It stands still: its lease runs out, and it hears nothing.
    await site.database.query('update nodes set lease_until = $2 where incarnation = $1', [
      other.incarnation,
      joinedAt + 700 + LEASE_MS,
    ]);
    other.freeze();
    await site.pass(LEASE_MS);
    await site.pass(LEASE_MS);
    await site.pass(LEASE_MS);
    const [row] = await site.database.query<{ stayed: number; reason: string }>(
      'select left_at - joined_at as stayed, reason from room_participants where id = $1',
      [participantId],
    );
    expect(row).toEqual({ stayed: 700, reason: 'timeout' });
    other.thaw();
    await site.pass(LOOK_MS);
    for (const socket of [host, witness, friend]) expect(reasons(socket)).toEqual(['timeout']);
    expect(friend.heard('user-left')).toMatchObject([{ participantId }]);
    expect((await join(friend, 'standup')).participantId).not.toBe(participantId);
  });

  /** `other` follows the room, `copying` has read it for the acceptor, and what happens from now on they do not hear of. */
  const beDeaf = async () => {
    const copying = await site.node();
    await make('standup');
    await join(other.connect(site.person()), 'standup');
    await site.quiet();
    expect(await copying.rooms.authorize(host.user, 'standup', false)).toBeDefined();
    site.bus.isDeaf = true;
    return [other, copying];
  };
  const mayCommand = async (on: RoomNode, user: UserPrincipal) => {
    const grant = await on.rooms.authorize(user, 'standup', true);
    return grant && RoomGrant.rightsOf(grant).mayCommand;
  };

  test('[SIG7] [ND32] who was let into a room by one process is refused by no other, before it hears of that', async () => {
    const deaf = await beDeaf();
    const friend = node.connect(site.person());
    await join(friend, 'standup');
    for (const on of deaf) {
      expect(await on.rooms.authorize(friend.user, 'standup', false)).toBeDefined();
      expect(await on.rooms.authorize(site.person(), 'standup', false)).toBeUndefined();
      expect(await on.rooms.authorize(site.person('admin'), 'standup', false)).toBeUndefined();
      expect(await mayCommand(on, friend.user)).toBe(false);
    }
    await node.http(host.user, 'PATCH', '/rooms/standup', { commanders: 'members' });
    for (const on of deaf) expect(await mayCommand(on, friend.user)).toBe(true);
  });

  test('[SIG7] [ND32] who comes back at another process hears the room, before it knows of the seat', async () => {
    const deaf = await beDeaf();
    const [friend, stranger] = [node.connect(site.person()), site.person()];
    await join(friend, 'standup');
    const resume = async (on: RoomNode, principal: UserPrincipal) => {
      const idle = { isConnected: () => true, queuedBytes: () => 0, drop() {} };
      const from = { epoch: 'epoch', streams: { 'room:standup': 0 } };
      return (await on.rooms.resume({ socketId: 's', principal, ...idle }, from)).streams;
    };
    for (const on of deaf) {
      expect(await resume(on, friend.user)).toHaveProperty('room:standup');
      expect(await resume(on, stranger)).toEqual({});
    }
  });

  test('[SEC3] [ND32] whoever is refused again and again costs few statements', async () => {
    await beDeaf();
    const strangers = Array.from({ length: 500 }, () => site.person());
    const asked: string[] = [];
    site.meanwhile = async (text) => void asked.push(text);
    const grants = await Promise.all(strangers.map((user) => other.rooms.authorize(user, 'standup', false)));
    expect(new Set(grants)).toEqual(new Set([undefined]));
    expect(asked.filter((text) => text.includes('isMember')).length).toBeLessThanOrEqual(10);
  });
});
