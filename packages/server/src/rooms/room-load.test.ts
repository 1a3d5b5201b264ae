import type { Joined } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, RoomSite, type RoomSocket } from '../../test/support/room-site.js';
import type { Database } from '../platform/database/database.js';

const ROOMS = 14;
const SOCKETS = 3;
/** Of the 20 connections that there are by default. */
const MOST_AT_ONCE = 12;

describeEachDatabase('what rooms ask of the database', (open) => {
  let database: Database;
  let site: RoomSite;
  let node: RoomNode;
  const asked = { transactions: 0, underWay: 0, most: 0 };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    const counted = {
      ...database,
      kind: database.kind,
      query: (...call) => database.query(...call),
      exec: (...call) => database.exec(...call),
      transaction: async (...call) => {
        asked.transactions += 1;
        asked.underWay += 1;
        asked.most = Math.max(asked.most, asked.underWay);
        return database.transaction(...call).finally(() => {
          asked.underWay -= 1;
        });
      },
    } as Database;
    site = new RoomSite(counted);
    await site.clear();
    node = await site.node();
  });
  afterEach(() => site.stop());

  const forget = () => Object.assign(asked, { transactions: 0, most: 0 });
  const fillRooms = async (): Promise<RoomSocket[]> => {
    const sockets = Array.from({ length: ROOMS * SOCKETS }, () => node.connect(site.person()));
    const inRoom = (n: number) => `room-${n % ROOMS}`;
    for (const [n, host] of sockets.slice(0, ROOMS).entries())
      await host.send('create-room', { roomId: inRoom(n), name: 'Stand-up' });
    const guests = sockets.slice(ROOMS);
    await Promise.all(guests.map((guest, n) => guest.send('join-room', { roomId: inRoom(n) })));
    return sockets;
  };
  const states = async () => (await site.seatRows()).map(({ state }) => state);

  test('[SCL2] [RM37] however many go and come at once, few transactions of rooms are under way at once', async () => {
    const sockets = await fillRooms();
    expect(asked.most).toBeLessThanOrEqual(MOST_AT_ONCE);
    forget();
    await Promise.all(sockets.map((socket) => socket.end()));
    expect(asked.most).toBeLessThanOrEqual(MOST_AT_ONCE);
    expect(new Set(await states())).toEqual(new Set(['reconnecting']));
    forget();
    const back = sockets.map(({ user }) => node.connect(user));
    await Promise.all(back.map((socket, n) => socket.send('join-room', { roomId: `room-${n % ROOMS}` })));
    expect(asked.most).toBeLessThanOrEqual(MOST_AT_ONCE);
  }, 120_000);

  test('[SCL2] [RM38] who goes from one room at once is written at once', async () => {
    const sockets = await fillRooms();
    const watcher = node.connect(site.person());
    await watcher.send('join-room', { roomId: 'room-0' });
    forget();
    await Promise.all(sockets.map((socket) => socket.end()));
    expect(asked.transactions).toBeLessThanOrEqual(2 * ROOMS);
    expect(await states()).toHaveLength(sockets.length + 1);
    expect(watcher.heard('user-reconnecting')).toHaveLength(SOCKETS);
  }, 120_000);

  test('[STB2] [RM39] [RM36] while the database is away, few try whether it is back, and nothing piles up', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const sockets = await fillRooms();
    site.isAway = true;
    const ends = Promise.all(sockets.map((socket) => socket.end()));
    await site.quiet();
    site.refused = 0;
    await site.pass(10_000);
    expect(site.refused).toBeGreaterThan(0);
    // A look every 5 s asks as well.
    expect(site.refused).toBeLessThanOrEqual(60);
    site.isAway = false;
    await site.pass(1000);
    await ends;
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    expect(new Set(await states())).toEqual(new Set(['reconnecting']));
  }, 120_000);

  test('[SIG8] [STB2] [RM33] leaving again and again asks the database once, and has a limit', async () => {
    const host = node.connect(site.person());
    await host.send('create-room', { roomId: 'standup', name: 'Stand-up' });
    await site.quiet();
    forget();
    const leaves = Array.from({ length: 2000 }, () =>
      host.send('leave-room', { roomId: 'standup' }).then(
        () => 'left',
        ({ code }: { code: string }) => code,
      ),
    );
    const answers = await Promise.all(leaves);
    expect(asked.transactions).toBe(1);
    expect(answers.filter((answer) => answer === 'left')).toHaveLength(500);
    expect(new Set(answers.slice(500))).toEqual(new Set(['RATE_LIMIT']));
  });

  test('[SCL2] [RM40] joins are counted while nothing is held in the database', async () => {
    const host = node.connect(site.person());
    const { participantId } = await host.send<Joined>('create-room', { roomId: 'standup', name: 'Stand-up' });
    const held: number[] = [];
    site.counting = async () => void held.push(asked.underWay);
    await node.connect(site.person()).send('join-room', { roomId: 'standup' });
    await expect(node.connect(site.person()).send('join-room', { roomId: 'never' })).rejects.toMatchObject({
      code: 'ROOM_NOT_FOUND',
    });
    expect(held).toEqual([0, 0]);
    await node.connect(host.user).send('join-room', { roomId: 'standup', participantId });
    expect(held).toEqual([0, 0]);
  });
});
