import { randomUUID } from 'node:crypto';
import type { Joined, Waiting } from '@bongsu/protocol';
import { expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, type RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';

const ROOM = { roomId: 'standup' };

describeEachDatabase('lobbies', (open) => {
  let site: RoomSite;
  let node: RoomNode;
  let host: RoomSocket;
  siteForEach(open, async (made) => {
    site = made;
    node = await site.node();
    host = node.connect(site.person());
    await host.send('create-room', { ...ROOM, name: 'Stand-up', lobby: true, maxUsers: 2 });
  });

  const join = (socket: RoomSocket) => socket.send<Joined & Waiting>('join-room', ROOM);
  const knock = () => join(node.connect(site.person()));
  const knocks = (socket: RoomSocket) =>
    socket.heard('user-waiting').map(({ participantId }) => participantId);

  test('[BEY4] [RM7] who is an administrator no more is told nothing of the lobby, and who becomes one is', async () => {
    const [demoted, promoted] = [node.connect(site.person('admin')), node.connect(site.person())];
    await node.http(host.user, 'PATCH', '/rooms/standup', { maxUsers: 3 });
    await join(demoted);
    await host.send('admit', { ...ROOM, participantId: (await join(promoted)).participantId });
    demoted.user = { ...demoted.user, role: 'user' };
    promoted.user = { ...promoted.user, role: 'admin' };
    const { participantId } = await knock();
    expect([knocks(demoted).includes(participantId), knocks(promoted)]).toEqual([false, [participantId]]);
    expect(await join(demoted)).not.toHaveProperty('waiting');
    expect((await join(promoted)).waiting).toMatchObject([{ participantId }]);
  });

  test('[BEY4] [RM8] a lobby takes 100 who wait, or as many as the room has seats, and five of one user', async () => {
    const tab = node.connect(site.person());
    const again = () => join(node.connect(tab.user));
    await join(tab);
    for (let n = 1; n < 5; n += 1) await again();
    await expect(again()).rejects.toMatchObject({ code: 'ROOM_FULL', details: { maxOwnWaiting: 5 } });
    for (let n = 5; n < 100; n += 1) await knock();
    await expect(knock()).rejects.toMatchObject({ code: 'ROOM_FULL', details: { maxWaiting: 100 } });
    expect(await join(tab)).toMatchObject({ waiting: true });
    await node.http(host.user, 'PATCH', '/rooms/standup', { maxUsers: 101 });
    expect(await knock()).toMatchObject({ waiting: true });
    await expect(knock()).rejects.toMatchObject({ code: 'ROOM_FULL', details: { maxWaiting: 101 } });
  });

  test('[BEY4] [RM22] members read over HTTP who is in the room, not who waits for it', async () => {
    const friend = node.connect(site.person());
    const waiter = node.connect(site.person());
    await host.send('admit', { ...ROOM, participantId: (await join(friend)).participantId });
    await join(waiter);
    const read = async ({ user }: RoomSocket) => {
      const { body } = await node.http(user, 'GET', '/rooms/standup/participants');
      return body.items.map(({ userId }: { userId: string }) => userId);
    };
    const [owner, member, waiting] = [host, friend, waiter].map(({ user }) => user.userId);
    expect(await read(friend)).toEqual([owner, member]);
    expect(await read(host)).toEqual([owner, member, waiting]);
    expect(await read(node.connect(site.person('admin')))).toEqual([owner, member, waiting]);
  });

  test('[BEY4] [RM5] who waits and goes on waiting on a newer socket is told of once', async () => {
    const waiter = node.connect(site.person(), randomUUID());
    const { participantId } = await join(waiter);
    const back = node.connect(waiter.user, waiter.instanceId);
    expect(await join(back)).toMatchObject({ participantId, waiting: true });
    await waiter.end();
    expect(site.pushed).toMatchObject([{ event: 'user-waiting', payload: { participantId } }]);
    await host.send('admit', { ...ROOM, participantId });
    expect(back.heard('admitted')).toMatchObject([{ participantId }]);
  });

  test('[SIG8] [RM9] a socket whose join was refused is not told that it was admitted, and joins when it asks again', async () => {
    const friend = node.connect(site.person('admin'));
    node.losesFeed = true;
    await expect(join(friend)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    node.losesFeed = false;
    await site.pass(5_000);
    expect(friend.told).toEqual([]);
    expect(await join(friend)).toMatchObject({ existingUsers: [{ userId: host.user.userId }] });
    expect(friend.heard('admitted')).toEqual([]);
    expect(host.heard('user-joined')).toHaveLength(1);
  });
});
