import { expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomSite, siteForEach } from '../../test/support/room-site.js';

const ROOM = { roomId: 'standup' };
const ROUNDS = 5;

describeEachDatabase('joins that race the lock', (open) => {
  let site: RoomSite;
  siteForEach(open, async (made) => {
    site = made;
  });

  test('[SIG2] [RM4] joins that race the lock: once it is acked nobody gets a seat, whichever process they came to', async () => {
    const [node, second, third] = [await site.node(), await site.node(), await site.node()];
    const host = node.connect(site.person());
    await host.send('create-room', { ...ROOM, name: 'Stand-up', maxUsers: 100 });
    for (let round = 0; round < ROUNDS; round += 1) {
      const acked: string[] = [];
      const join = (n: number) => {
        const socket = [node, second, third][n % 3]?.connect(site.person());
        return socket?.send('join-room', ROOM).then(
          ({ participantId }) => void acked.push(String(participantId)),
          (error) => expect(error).toMatchObject({ code: 'ROOM_LOCKED' }),
        );
      };
      const before = [0, 1, 2, 3].map(join);
      const atTheAck = host.send('lock-room', ROOM).then(() => site.seatRows());
      const after = [4, 5, 6, 7].map(join);
      const seats = (await atTheAck).map(({ id }) => id);
      await Promise.all([...before, ...after, ...[0, 1, 2].map(join)]);
      expect((await site.seatRows()).map(({ id }) => id)).toEqual(seats);
      expect(seats).toEqual(expect.arrayContaining(acked));
      await host.send('unlock-room', ROOM);
    }
  });

  test('[SIG2] [RM4] joins that race the lock in one process: whoever asked before it is in, whoever asked after it is not', async () => {
    const node = await site.node();
    const host = node.connect(site.person());
    await host.send('create-room', { ...ROOM, name: 'Stand-up' });
    const order: string[] = [];
    const noted = (name: string, work: Promise<unknown>) =>
      work.then(
        () => order.push(name),
        ({ code }) => order.push(`${name}: ${code}`),
      );
    const join = () => node.connect(site.person()).send('join-room', ROOM);
    await Promise.all([
      noted('before', join()),
      noted('lock', host.send('lock-room', ROOM)),
      noted('after', join()),
    ]);
    expect(order).toEqual(['before', 'lock', 'after: ROOM_LOCKED']);
  });
});
