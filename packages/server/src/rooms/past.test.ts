import type { Joined } from '@bongsu/protocol';
import { expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, type RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';

const DAY_MS = 86_400_000;

describeEachDatabase('rooms that were', (open) => {
  let site: RoomSite;
  let node: RoomNode;
  let host: RoomSocket;
  siteForEach(open, async (made) => {
    site = made;
    node = await site.node();
    host = node.connect(site.person());
  });

  const make = (roomId: string) => host.send<Joined>('create-room', { roomId, name: 'Stand-up' });
  const close = (roomId: string) => node.http(host.user, 'DELETE', `/rooms/${roomId}`);
  const join = (roomId: string) => node.connect(site.person()).send<Joined>('join-room', roomId);
  const kept = async () => [
    ...(await site.database.query<{ room: string }>('select room_id as room from rooms order by id')).map(
      ({ room }) => room,
    ),
    (await site.database.query('select 1 from room_participants')).length,
  ];
  const prune = (kind: 'participant' | 'room', rows = 100, until = site.clock.now()) =>
    node.rooms.prune(kind, rows, until);

  test('[BEY7] [RM41] rooms that were closed by then are removed after those who were in them, so many at a time', async () => {
    for (const roomId of ['one', 'two', 'three']) {
      await make(roomId);
      await join(roomId);
    }
    for (const roomId of ['one', 'two']) await close(roomId);
    const until = site.clock.now();
    await site.pass(1);
    await close('three');
    expect(await prune('room', 100, until)).toBe(0);
    expect([await prune('participant', 3, until), await prune('participant', 3, until)]).toEqual([3, 1]);
    expect([await prune('room', 1, until), await prune('room', 2, until)]).toEqual([1, 1]);
    expect(await kept()).toEqual(['three', 2]);
    await expect(join('one')).rejects.toMatchObject({ code: 'ROOM_NOT_FOUND' });
    await expect(join('three')).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    expect((await node.http(host.user, 'GET', '/rooms/one')).status).toBe(404);
  });

  test('[BEY7] [RM41] of an open room only those go who left, however long it is open', async () => {
    await make('standup');
    const [friend, away] = [node.connect(site.person()), node.connect(site.person())];
    for (const socket of [friend, away]) await socket.send('join-room', 'standup');
    await friend.send('leave-room', { roomId: 'standup' });
    await away.end();
    const later = site.clock.now() + 400 * DAY_MS;
    expect([await prune('participant', 100, later), await prune('room', 100, later)]).toEqual([1, 0]);
    expect(await kept()).toEqual(['standup', 2]);
    await expect(node.connect(away.user).send('join-room', 'standup')).resolves.toMatchObject({
      existingUsers: [expect.anything(), expect.anything()],
    });
  });
});
