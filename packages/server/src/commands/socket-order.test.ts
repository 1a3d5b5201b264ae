import { beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyLedger, triggerTo } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomsHarness, roomsHarness, triggerRoom } from '../../test/support/rooms.js';
import type { Database, QueryOptions, SqlValue } from '../platform/database/database.js';
import { SCREENS_LANE, SocketOrder } from './socket-order.js';

it('[DL3] admits one kind of target at a time, and forgets sockets with nothing under way', async () => {
  const order = new SocketOrder();
  expect(order.admits('a', 7)).toBe(true);
  order.enter('a', SCREENS_LANE);
  order.enter('a', SCREENS_LANE);
  expect([order.admits('a', SCREENS_LANE), order.admits('a', 7), order.admits('b', 7)]).toEqual([
    true,
    false,
    true,
  ]);
  const went: string[] = [];
  const clear = order.clear('a').then(() => went.push('clear'));
  order.leave('a');
  await Promise.resolve();
  expect(went).toEqual([]);
  order.leave('a');
  await clear;
  expect([order.size, order.admits('a', 7)]).toEqual([0, true]);
  order.leave('a');
  await order.clear('a');
  expect(order.size).toBe(0);
});

describeEachDatabase('order of a socket over rooms and screens', (open) => {
  let database: Database;
  let harness: RoomsHarness;
  const log: string[] = [];
  let gates: Map<string, Promise<void>>;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    log.length = 0;
    gates = new Map();
    const watched: Database = Object.assign(Object.create(database), {
      async query(text: string, parameters?: readonly SqlValue[], options?: QueryOptions) {
        const name = options?.name ?? '';
        if (!name.startsWith('accept_')) return database.query(text, parameters, options);
        log.push(`${name} sent`);
        await gates.get(name);
        const rows = await database.query(text, parameters, options);
        log.push(`${name} done`);
        return rows;
      },
    });
    const plain = roomsHarness(database);
    await plain.addScreen('scr_a');
    harness = roomsHarness(watched);
    await harness.commands.start();
    for (const [screenId, streamId] of plain.screens) harness.screens.set(screenId, streamId);
    for (const roomId of ['one', 'two']) harness.rooms.set(roomId, await plain.openRoom(roomId, ['scr_a']));
  });
  /** Statements of that name wait until the answer is called. */
  const hold = (name: string): (() => void) => {
    let release = () => {};
    gates.set(
      name,
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    return release;
  };
  const turns = async () => {
    for (let i = 0; i < 20; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const inboxOf = (screenId: string) =>
    database.query<{ id: string }>(
      `select id from (select stream_id, seq, id from commands union all
         select r.stream_id, r.seq, c.id from inbox_references r
         join commands c on c.stream_id = r.room_stream_id and c.seq = r.room_seq) e
       where stream_id = $1 order by seq`,
      [harness.screens.get(screenId) ?? 0],
    );

  it('[DL3] a room command waits for the commit of what its socket sent to screens, and the other way about', async () => {
    const releaseScreens = hold('accept_commands');
    const releaseRooms = hold('accept_room_commands');
    const commands = [
      triggerTo('scr_a'),
      triggerRoom('one'),
      triggerTo('scr_a'),
      triggerRoom('two'),
      triggerRoom('one'),
    ];
    const answers = commands.map((command) => harness.send('trigger', command));
    await turns();
    expect(log).toEqual(['accept_commands sent']);
    // Another socket waits for nobody.
    const foreign = harness.send('trigger', triggerRoom('two'), { socketId: 'other' });
    await turns();
    expect(log).toEqual(['accept_commands sent', 'accept_room_commands sent']);
    releaseScreens();
    releaseRooms();
    await Promise.all([...answers, foreign]);
    const seen = (await inboxOf('scr_a'))
      .map(({ id }) => id)
      .filter((id) => commands.some((one) => one.id === id));
    expect(seen).toEqual(commands.map(({ id }) => id));
  });

  it('[DL3] commands of one socket to one room share a batch, in order', async () => {
    const commands = Array.from({ length: 10 }, () => triggerRoom('one'));
    const answers = await Promise.all(commands.map((command) => harness.send('trigger', command)));
    expect(answers.map(({ seq }) => seq)).toEqual(commands.map((_, i) => i + 1));
    expect(log.filter((line) => line.endsWith('sent'))).toHaveLength(1);
  });

  it('[DL3] a copy that joins the wait of another socket holds back what follows it', async () => {
    const release = hold('accept_commands');
    const first = triggerTo('scr_a');
    const original = harness.send('trigger', first, { socketId: 'old' });
    const copy = harness.send('trigger', first, { socketId: 'new' });
    const next = harness.send('trigger', triggerRoom('one'), { socketId: 'new' });
    await turns();
    expect(log).toEqual(['accept_commands sent']);
    release();
    expect(await copy).toEqual({ ...(await original), duplicate: true });
    await next;
    expect(log.indexOf('accept_commands done')).toBeLessThan(log.indexOf('accept_room_commands sent'));
  });

  it('[DL3] a refused command holds nobody back', async () => {
    const release = hold('accept_commands');
    const screen = harness.send('trigger', triggerTo('scr_a'));
    const refused = harness.send('trigger', triggerRoom('unknown'));
    const room = harness.send('trigger', triggerRoom('one'));
    await expect(refused).rejects.toMatchObject({ code: 'ROOM_NOT_FOUND' });
    release();
    expect(await Promise.all([screen, room])).toMatchObject([{ seq: 1 }, { seq: 1, screens: 1 }]);
  });
});
