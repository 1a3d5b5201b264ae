import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { emptyTables } from '../../test/support/empty-tables.js';
import { type RoomNode, RoomSite, type RoomSocket } from '../../test/support/room-site.js';
import type { Database } from '../platform/database/database.js';

describeEachDatabase('what rooms keep, and look after', (open) => {
  let database: Database;
  let site: RoomSite;
  let node: RoomNode;
  let host: RoomSocket;
  let transactions = 0;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    const counted = {
      ...database,
      kind: database.kind,
      query: (...call) => database.query(...call),
      transaction: (...call) => {
        transactions += 1;
        return database.transaction(...call);
      },
    } as Database;
    site = new RoomSite(counted);
    await emptyTables(
      database,
      'rooms',
      'room_participants',
      'room_bars',
      'nodes',
      'streams',
      'audit_outbox',
    );
    node = await site.node();
    host = node.connect(site.person());
  });
  afterEach(() => site.stop());

  /** The end of a socket looks into each room in which it may have a seat. */
  const roomsLookedInto = async (socket: RoomSocket) => {
    await site.quiet();
    transactions = 0;
    await socket.end();
    return transactions;
  };

  test('[RM48] rooms that a socket asked for and did not get, left, or saw end are over for it', async () => {
    await host.send('create-room', { roomId: 'locked', name: 'Locked' });
    await host.send('lock-room', { roomId: 'locked' });
    const guest = node.connect(site.person());
    for (const roomId of ['unknown-1', 'unknown-2', 'locked'])
      await expect(guest.send('join-room', { roomId })).rejects.toMatchObject({ code: expect.any(String) });
    for (const roomId of ['left', 'closed']) await guest.send('create-room', { roomId, name: 'Guest' });
    await expect(guest.send('create-room', { roomId: 'locked', name: 'Taken' })).rejects.toThrow();
    await guest.send('leave-room', { roomId: 'left' });
    await node.http(guest.user, 'DELETE', '/rooms/closed');
    expect(await roomsLookedInto(guest)).toBe(0);
  });

  test('[RM48] a refused join does not make the end of a socket forget the seat that it has', async () => {
    await host.send('create-room', { roomId: 'standup', name: 'Stand-up' });
    await host.send('join-room', { roomId: 'standup' });
    await expect(host.send('create-room', { roomId: 'standup', name: 'Again' })).rejects.toThrow();
    expect(await roomsLookedInto(host)).toBe(1);
    expect(await site.seatRows()).toMatchObject([{ state: 'reconnecting' }]);
  });

  test('[RM48] a socket that goes while it is refused once and then let in keeps its seat for the grace', async () => {
    await host.send('create-room', { roomId: 'standup', name: 'Stand-up' });
    await host.send('lock-room', { roomId: 'standup' });
    const guest = node.connect(site.person());
    const refused = guest.send('join-room', { roomId: 'standup' }).catch(({ code }) => code);
    const unlocked = host.send('unlock-room', { roomId: 'standup' });
    const joined = guest.send('join-room', { roomId: 'standup' });
    expect(await refused).toBe('ROOM_LOCKED');
    await Promise.all([unlocked, joined]);
    expect(await roomsLookedInto(guest)).toBe(1);
    expect((await site.seatRows()).map(({ state }) => state)).toEqual(['joined', 'reconnecting']);
  });
});
