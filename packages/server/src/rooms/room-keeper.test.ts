import type { Joined } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, RoomSite } from '../../test/support/room-site.js';
import type { Database, Queryable } from '../platform/database/database.js';

const GRACE_MS = 15_000;

describeEachDatabase('what time does to rooms', (open) => {
  let database: Database;
  let site: RoomSite;
  let node: RoomNode;
  /** Of transactions that look after a room; throws where that room's row cannot be written. */
  let onRoom: (room: unknown) => void;
  /** Before a transaction begins. */
  let onBegin: () => Promise<void>;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    onRoom = () => {};
    onBegin = async () => {};
    const watched = (tx: Queryable): Queryable => ({
      ...tx,
      query: async (text, parameters, ...rest) => {
        if (text.includes('skip locked')) onRoom(parameters?.[0]);
        return tx.query(text, parameters, ...rest);
      },
    });
    site = new RoomSite({
      ...database,
      kind: database.kind,
      query: (...call) => database.query(...call),
      exec: (...call) => database.exec(...call),
      transaction: async (work, ...rest) => {
        await onBegin();
        return database.transaction((tx) => work(watched(tx)), ...rest);
      },
    } as Database);
    await site.clear();
    node = await site.node();
  });
  afterEach(() => {
    onRoom = () => {};
    return site.stop();
  });

  const makeRoom = async (roomId: string) => {
    const host = node.connect(site.person());
    const { participantId } = await host.send<Joined>('create-room', { roomId, name: roomId });
    const [row] = await database.query<{ id: number }>('select id from rooms where room_id = $1', [roomId]);
    return { host, participantId, room: row?.id };
  };
  const whoIsLeft = async () => (await site.seatRows()).map(({ id }) => id);

  test('[SIG8] [STB2] [RM42] a grace that cannot be ended is tried again once a second, not all the time', async () => {
    const { host } = await makeRoom('standup');
    await host.end();
    let tries = 0;
    onRoom = () => {
      tries += 1;
      throw new Error('read-only');
    };
    await site.pass(GRACE_MS);
    expect(tries).toBeGreaterThan(0);
    tries = 0;
    for (let ms = 0; ms < 1000; ms += 20) await site.pass(20);
    expect(tries).toBeLessThanOrEqual(2);
    onRoom = () => {};
    await site.pass(1000);
    expect(await whoIsLeft()).toEqual([]);
  });

  test('[ND74] a node that starts beside others prolongs no grace, and no empty room', async () => {
    const { participantId } = await makeRoom('standup');
    const dying = await site.node();
    const guest = dying.connect(site.person());
    await guest.send('join-room', { roomId: 'standup' });
    const empty = await makeRoom('empty');
    await guest.end();
    await empty.host.send('leave-room', { roomId: 'empty' });
    await dying.crash();
    await site.pass(10_000);
    await site.node();
    await site.pass(GRACE_MS - 10_000);
    expect(await whoIsLeft()).toEqual([participantId]);
    await site.pass(30_000);
    await site.node();
    await site.pass(15_000);
    const open = await database.query('select room_id as "roomId" from rooms where status = $1', ['open']);
    expect(open).toEqual([{ roomId: 'standup' }]);
  });

  test('[SIG8] [RM42] one room that cannot be looked after keeps no other from it', async () => {
    const [bad, good] = [await makeRoom('bad'), await makeRoom('good')];
    for (const { host } of [bad, good]) await host.end();
    onRoom = (room) => {
      if (room === bad.room) throw new Error('its row is broken');
    };
    await site.pass(GRACE_MS);
    expect(await whoIsLeft()).toEqual([bad.participantId]);
    await site.pass(60_000);
    const open = await database.query('select room_id as "roomId" from rooms where status = $1', ['open']);
    expect(open).toEqual([{ roomId: 'bad' }]);
  });

  test('[SIG2] [RM28] [RM42] seats of dead processes are kept though one of their rooms cannot be written', async () => {
    const [bad, good] = [await makeRoom('bad'), await makeRoom('good')];
    const other = await site.node();
    onRoom = (room) => {
      if (room === bad.room) throw new Error('its row is broken');
    };
    await node.crash();
    await site.pass(5000);
    expect((await site.seatRows()).map(({ id, state }) => [id, state])).toEqual([
      [bad.participantId, 'joined'],
      [good.participantId, 'reconnecting'],
    ]);
    expect(other.name).not.toBe(node.name);
  });

  test('[SIG8] [STB2] [RM42] a room that is busy keeps no other from being looked after, nor the next look', async () => {
    const busy = await makeRoom('busy');
    await busy.host.end();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const counting = new Promise<void>((resolve) => {
      site.counting = () => {
        resolve();
        return released;
      };
    });
    const making = node.connect(site.person()).send('create-room', { roomId: 'busy', name: 'Busy' });
    await counting;
    site.counting = async () => {};
    for (const roomId of ['first', 'second']) {
      const { host, participantId } = await makeRoom(roomId);
      await host.end();
      site.clock.advance(GRACE_MS);
      await expect.poll(whoIsLeft).not.toContain(participantId);
    }
    expect(await whoIsLeft()).toEqual([busy.participantId]);
    release();
    await expect(making).rejects.toMatchObject({ code: 'CONFLICT' });
    await site.quiet();
    expect(await whoIsLeft()).not.toContain(busy.participantId);
  });

  test('[SCL2] [RM43] graces that end together are ended several at a time', async () => {
    const rooms = [await makeRoom('one'), await makeRoom('two')];
    for (const { host } of rooms) await host.end();
    let underWay = 0;
    let arrive = () => {};
    const together = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    onBegin = () => {
      underWay += 1;
      if (underWay === 2) arrive();
      return together;
    };
    site.clock.advance(GRACE_MS);
    await expect.poll(whoIsLeft).toEqual([]);
    await site.quiet();
  });

  test('[SCL2] [RM44] the end of a grace looks for what has ended, and for nothing else', async () => {
    const { host } = await makeRoom('standup');
    await site.pass(1);
    await host.end();
    await site.pass(GRACE_MS - 1);
    const statements: string[] = [];
    site.meanwhile = async (text) => void statements.push(text);
    await site.pass(1);
    expect(await whoIsLeft()).toEqual([]);
    expect(statements).toHaveLength(2);
    for (const text of statements) expect(text).toContain('grace_until');
  });
});
