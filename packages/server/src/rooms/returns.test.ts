import { randomUUID } from 'node:crypto';
import type { Joined } from '@bongsu/protocol';
import { expect, test, vi } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, type RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';

interface Lost {
  roomId: string;
  participantId: string;
  socket: RoomSocket;
}

describeEachDatabase('people who come back together', (open, profile) => {
  let site: RoomSite;
  let dying: RoomNode;
  let living: RoomNode;
  siteForEach(open, async (made) => {
    site = made;
    dying = await site.node();
    living = await site.node();
  });

  /** Seats of one process, `seats` in each room. */
  const take = async (rooms: number, seats: number): Promise<Lost[]> => {
    const taken: Lost[] = [];
    for (let room = 0; room < rooms; room += 1) {
      const roomId = `room-${room}`;
      for (let seat = 0; seat < seats; seat += 1) {
        const socket = dying.connect(site.person(), randomUUID());
        const [event, more] = seat === 0 ? ['create-room', { name: roomId }] : ['join-room', {}];
        const { participantId } = await socket.send<Joined>(event, { roomId, ...more });
        taken.push({ roomId, participantId, socket });
      }
    }
    return taken;
  };
  const comeBack = ({ roomId, participantId, socket }: Lost) => {
    const { user, instanceId } = socket;
    const back = living.connect(user, instanceId);
    return { back, joined: back.send<Joined>('join-room', { roomId, participantId }) };
  };
  const versions = async () =>
    (await site.database.query<{ version: number }>('select version from rooms order by id')).map(
      ({ version }) => version,
    );

  test('[SIG8] [ND57] those of a room take their seats by one change, and whoever is there is told of each once', async () => {
    const lost = await take(1, 8);
    const watcher = living.connect(site.person());
    await watcher.send('join-room', { roomId: 'room-0' });
    await dying.crash();
    const [before] = await versions();
    const returns = lost.map(comeBack);
    const answers = await Promise.all(returns.map(({ joined }) => joined));
    expect(answers.map(({ participantId }) => participantId)).toEqual(
      lost.map(({ participantId }) => participantId),
    );
    for (const { existingUsers } of answers) expect(existingUsers).toHaveLength(lost.length);
    const [after] = await versions();
    expect((after ?? 0) - (before ?? 0)).toBe(1);
    expect(watcher.heard('user-returned').map(({ participantId }) => participantId)).toEqual(
      lost.map(({ participantId }) => participantId),
    );
    for (const { back } of returns)
      expect(living.seats.seatOf(back.id, 'room-0')).toMatchObject({ socketId: back.id });
  });

  test('[SIG8] [ND57] those of many rooms take their seats by few transactions', async () => {
    const lost = await take(40, 2);
    await dying.crash();
    const transaction = vi.spyOn(site.database, 'transaction');
    const answers = await Promise.all(lost.map((one) => comeBack(one).joined));
    expect(answers.map(({ participantId }) => participantId)).toEqual(
      lost.map(({ participantId }) => participantId),
    );
    expect(transaction.mock.calls.length).toBeLessThanOrEqual(4);
    expect((await site.seatRows()).every(({ incarnation }) => incarnation === living.incarnation)).toBe(true);
  });

  test('[SIG8] [RM13] [ND57] of two sockets of one person that take one seat the later one has it, and the earlier one is told', async () => {
    const [first, second] = (await take(1, 2)) as [Lost, Lost];
    await dying.crash();
    const older = comeBack(second);
    const newer = comeBack(second);
    const other = comeBack(first);
    await Promise.all([older.joined, newer.joined, other.joined]);
    await site.quiet();
    expect(older.back.heard('user-left')).toMatchObject([{ reason: 'replaced' }]);
    expect(newer.back.heard('user-left')).toEqual([]);
    const seat = living.seats.seatOf(newer.back.id, 'room-0');
    expect(seat).toMatchObject({ participantId: second.participantId });
  });

  test('[SIG8] [ND57] whoever comes back, leaves and comes again is there in the end', async () => {
    const lost = (await take(1, 3)) as [Lost, Lost, Lost];
    await dying.crash();
    const [wavering, ...others] = lost;
    const { back, joined } = comeBack(wavering);
    const left = back.send('leave-room', { roomId: wavering.roomId });
    const again = back.send<Joined>('join-room', { roomId: wavering.roomId });
    await Promise.all([joined, left, again, ...others.map((one) => comeBack(one).joined)]);
    expect((await again).participantId).not.toBe(wavering.participantId);
    expect(living.seats.seatOf(back.id, 'room-0')).toBeDefined();
  });

  test('[SIG5] [ND57] among those who come back others join a room, up to its capacity', async () => {
    const lost = await take(1, 3);
    await site.database.query('update rooms set max_users = 4');
    await dying.crash();
    const strangers = [1, 2, 3].map(() => living.connect(site.person()));
    const asked = lost.flatMap((one, place) => [
      strangers[place]?.send<Joined>('join-room', { roomId: 'room-0' }),
      comeBack(one).joined,
    ]);
    const outcomes = await Promise.allSettled(asked);
    const codes = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(codes).toEqual(['ROOM_FULL', 'ROOM_FULL']);
    expect(await site.seatRows()).toHaveLength(4);
  });

  test.skipIf(profile === 'pglite')(
    '[SIG8] [ND57] a room that somebody else holds keeps nobody of another room waiting',
    async () => {
      const lost = (await take(2, 1)) as [Lost, Lost];
      await dying.crash();
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      let hold = () => {};
      const isHeld = new Promise<void>((resolve) => {
        hold = resolve;
      });
      const holding = site.database.transaction(async (tx) => {
        await tx.query("select from rooms where room_id = 'room-0' for update");
        hold();
        await released;
      });
      await isHeld;
      const order: string[] = [];
      const [held, free] = lost.map((one) => comeBack(one).joined.then(() => order.push(one.roomId)));
      await free;
      release();
      await Promise.all([held, holding]);
      expect(order).toEqual(['room-1', 'room-0']);
    },
  );
});
