import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import {
  commandsConfig,
  connectScreen,
  emptyLedger,
  FakeScreen,
  SENDER,
  triggerTo,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { startHookReceiver } from '../../test/support/hook-receiver.js';
import { HubBus } from '../../test/support/hub-bus.js';
import { Reader, type RoomsHarness, roomsHarness, triggerRoom } from '../../test/support/rooms.js';
import {
  type Database,
  DatabaseError,
  type QueryOptions,
  type SqlValue,
} from '../platform/database/database.js';
import type { CommandsDeps } from './index.js';

const FIVE = ['scr_a', 'scr_b', 'scr_c', 'scr_d', 'scr_e'];

describeEachDatabase('room commands', (open) => {
  let database: Database;
  let harness: RoomsHarness;
  const harnesses: RoomsHarness[] = [];

  const start = async (overrides: Partial<CommandsDeps> = {}) => {
    const made = roomsHarness(database, overrides);
    harnesses.push(made);
    await made.commands.start();
    return made;
  };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    harness = await start();
    for (const screen of FIVE) await harness.addScreen(screen);
  });
  afterEach(async () => {
    for (const made of harnesses.splice(0)) await made.commands.stop(AbortSignal.timeout(1000));
  });
  /** A process like the first, on the same screens and rooms. */
  const another = async (overrides: Partial<CommandsDeps> = {}) => {
    const made = await start(overrides);
    for (const [screenId, streamId] of harness.screens) made.screens.set(screenId, streamId);
    for (const [roomId, room] of harness.rooms) made.rooms.set(roomId, room);
    return made;
  };
  /** What each inbox holds in order: ids of its own commands and of those by reference. */
  const inboxes = async (): Promise<Record<string, string[]>> => {
    const rows = await database.query<{ name: string; ids: string[] }>(
      `select s.name, array_agg(e.id::text order by e.seq) as ids
       from streams s join (
         select stream_id, seq, id from commands
         union all select r.stream_id, r.seq, c.id from inbox_references r
           join commands c on c.stream_id = r.room_stream_id and c.seq = r.room_seq
       ) e on e.stream_id = s.id
       where s.kind = 'screen' group by s.name`,
    );
    return Object.fromEntries(rows.map(({ name, ids }) => [name, ids]));
  };
  /** Streams whose numbers are not 1, 2, 3 … to last_seq. */
  const holes = () =>
    database.query(
      `select s.name, s.last_seq, array_agg(e.seq order by e.seq) as seqs from streams s left join (
         select stream_id, seq from commands union all select stream_id, seq from inbox_references
       ) e on e.stream_id = s.id
       group by s.id having count(e.seq) <> s.last_seq or coalesce(max(e.seq), 0) <> s.last_seq
         or count(distinct e.seq) <> count(e.seq)`,
    );
  const members = (roomId: string) =>
    database.query(
      `select t.name from room_screens m join streams r on r.id = m.room_stream_id join streams t on t.id = m.screen_stream_id
       where r.name = $1 order by t.name`,
      [roomId],
    );

  it('[MSG3] [DL1] a trigger to a room is one row and one entry by reference in each member’s inbox', async () => {
    await harness.openRoom('lobby', ['scr_c', 'scr_a']);
    await harness.send('trigger', triggerTo('scr_a'));
    const command = triggerRoom('lobby', { data: { n: 1 } });
    expect(await harness.send('trigger', command)).toEqual({
      id: command.id,
      status: 'accepted',
      stream: 'room:lobby',
      seq: 1,
      epoch: await harness.commands.currentEpoch(),
      acceptedAt: expect.any(Number),
      duplicate: false,
      screens: 2,
    });
    const references = await database.query(
      `select t.name, r.seq, r.room_seq from inbox_references r join streams t on t.id = r.stream_id order by t.name`,
    );
    expect(references).toEqual([
      { name: 'scr_a', seq: 2, room_seq: 1 },
      { name: 'scr_c', seq: 1, room_seq: 1 },
    ]);
    const rows = await database.query('select payload from commands where id = $1', [command.id]);
    expect(rows).toEqual([{ payload: '{"action":"show","data":{"n":1}}' }]);
    expect(await holes()).toEqual([]);
  });

  it('[MSG3] connected members get the entry inline, each with its own seq', async () => {
    await harness.openRoom('lobby', ['scr_a', 'scr_b']);
    const screens = [new FakeScreen('scr_a'), new FakeScreen('scr_b')];
    for (const screen of screens) await connectScreen(harness.commands, screen);
    await harness.send('trigger', triggerTo('scr_b'));
    const command = triggerRoom('lobby');
    await harness.send('trigger', command);
    await screens[1]?.received(1);
    screens[1]?.sent[0]?.receipt({ status: 'executed' });
    const got = await Promise.all([screens[0]?.received(1), screens[1]?.received(2)]);
    expect(got.map((sent) => sent?.at(-1)?.entry)).toMatchObject([
      { id: command.id, stream: 'screen:scr_a', seq: 1, action: 'show', from: { userId: SENDER } },
      { id: command.id, stream: 'screen:scr_b', seq: 2, action: 'show' },
    ]);
  });

  it('[MSG3] [ND5] other processes are told what all members get once, however many they are', async () => {
    const hub = new HubBus();
    const told: unknown[] = [];
    hub.join().subscribe('ledger', (event) => event.type === 'message' && told.push(event.message));
    await harness.openRoom('lobby', FIVE);
    const [one, other] = [
      await another({ ephemeral: { bus: hub.join() } }),
      await another({ ephemeral: { bus: hub.join() } }),
    ];
    const screens = [new FakeScreen('scr_a'), new FakeScreen('scr_e')];
    await connectScreen(one.commands, screens[0] as FakeScreen);
    await connectScreen(other.commands, screens[1] as FakeScreen);
    told.length = 0;
    const data = { text: 'x'.repeat(16_000) };
    const command = triggerRoom('lobby', { data });
    await one.send('trigger', command);
    const got = await Promise.all(screens.map((screen) => screen.received(1)));
    expect(got.map(([sent]) => sent?.entry)).toMatchObject([
      { id: command.id, stream: 'screen:scr_a', seq: 1, data },
      { id: command.id, stream: 'screen:scr_e', seq: 1, data },
    ]);
    expect(JSON.stringify(told).length).toBeLessThan(2 * data.text.length);
  });

  it('[MSG3] a message goes to the room’s stream only, and a room without screens is done at once', async () => {
    await harness.openRoom('lobby', ['scr_a']);
    await harness.openRoom('empty');
    const posted = await harness.post('lobby', { data: { text: 'hi' } });
    expect(posted).toMatchObject({ stream: 'room:lobby', seq: 1, duplicate: false });
    expect(posted).not.toHaveProperty('screens');
    const command = triggerRoom('empty');
    expect(await harness.send('trigger', command)).toMatchObject({ seq: 1, screens: 0 });
    expect(await inboxes()).toEqual({});
    const status = harness.commands.events.status;
    const context = { socketId: 's', principal: userPrincipal() };
    const answer = await status?.handle(context as never, { ids: [posted.id, command.id] });
    expect(answer).toMatchObject({
      items: [
        { id: posted.id, type: 'message', target: { roomId: 'lobby' }, status: 'executed', deliveries: [] },
        { id: command.id, target: { roomId: 'empty' }, status: 'executed', deliveries: [] },
      ],
    });
  });

  it('[MSG3] a message that comes by no socket reaches the room all the same', async () => {
    await harness.openRoom('lobby');
    const reader = new Reader();
    await harness.commands.rooms.subscribe(harness.grant('lobby'), reader);
    const message = { id: randomUUID(), timestamp: undefined, roomId: 'lobby', data: { n: 1 } };
    await harness.commands.rooms.message({ principal: userPrincipal() }, message);
    const [entry] = await reader.received(1);
    expect(entry).toMatchObject({ id: message.id, seq: 1 });
    expect(entry).not.toHaveProperty('socketId');
  });

  it('[MSG1] [DL4] [DL6] copies of a room command are one entry, in one batch, in two processes and later', async () => {
    await harness.openRoom('lobby', ['scr_a', 'scr_b']);
    const other = await another();
    const commands = Array.from({ length: 20 }, (_, n) => triggerRoom('lobby', { data: { n } }));
    const answers = await Promise.all([
      ...commands.map((command) => harness.send('trigger', command)),
      ...[...commands].reverse().map((command) => other.send('trigger', command)),
      ...commands.map((command, n) => harness.send('trigger', command, { socketId: `${n}` })),
    ]);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(20);
    expect(new Set(answers.map(({ id, seq, screens }) => `${id} ${seq} ${screens}`)).size).toBe(20);
    expect(await holes()).toEqual([]);
    const [first] = commands;
    const again = await other.send('trigger', { ...first, timestamp: 0 });
    expect(again).toEqual({ ...answers[0], duplicate: true });
    await expect(harness.send('trigger', { ...first, action: 'hide' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
    const message = await harness.post('lobby', { data: 1 });
    expect(await harness.post('lobby', { id: message.id, data: 1 })).toEqual({ ...message, duplicate: true });
  });

  it('[MSG1] [DL32] an id on its way to a room and to a screen at once is stored once: 23505 reruns the batch', async () => {
    await harness.openRoom('lobby', FIVE);
    const other = await another();
    const ids = Array.from({ length: 30 }, () => randomUUID());
    const results = await Promise.allSettled(
      ids.flatMap((id, n) => [
        harness.send('trigger', triggerRoom('lobby', { id })),
        other.send('trigger', triggerTo(FIVE[n % 5] ?? '', { id })),
      ]),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(30);
    expect(new Set(refused.map(({ reason }) => reason.code))).toEqual(new Set(['IDEMPOTENCY_CONFLICT']));
    expect(await database.query('select count(*) as n from commands')).toEqual([{ n: 30 }]);
    expect(await holes()).toEqual([]);
  });

  it('[MSG2] [DL87] a member with MAX_PENDING entries alone gets dead{overflow}; its number is given all the same', async () => {
    // It allows every command and takes no event, so that all events stay in the outbox to be counted.
    const receiver = await startHookReceiver((response, { headers }) =>
      response.writeHead(headers['bongsu-event'] === 'command' ? 204 : 503).end(),
    );
    onTestFinished(() => receiver.close());
    const full = await another({ config: commandsConfig({ maxPendingPerScreen: 2, hook: receiver.config }) });
    await database.query('delete from hook_outbox');
    await harness.openRoom('lobby', ['scr_a', 'scr_b']);
    for (const [roomId, room] of harness.rooms) full.rooms.set(roomId, room);
    await full.send('trigger', triggerTo('scr_a'));
    const commands = [triggerRoom('lobby'), triggerRoom('lobby', { notify: 'none' }), triggerRoom('lobby')];
    const { action: _action, ...fields } = triggerRoom('lobby', { url: '/menu' });
    const answers = await Promise.all([
      ...commands.map((command) => full.send('trigger', command)),
      full.send('navigate', fields),
    ]);
    expect(answers.map(({ screens }) => screens)).toEqual([2, 2, 2, 2]);
    const dead = await database.query(
      `select l.screen_id, l.seq, l.command_id, l.sender_id, l.type, l.payload, l.reason, l.attempts, l.first_id, d.status,
         d.reason as why, d.at = l.at as together
       from dead_letters l join deliveries d on d.stream_id = l.stream_id and d.seq = l.seq order by l.screen_id, l.seq`,
    );
    const letter = (screen: string, seq: number, id: unknown, type = 'trigger') => ({
      screen_id: screen,
      seq,
      command_id: id,
      sender_id: SENDER,
      type,
      payload: type === 'trigger' ? '{"action":"show"}' : '{"url":"/menu"}',
      reason: 'overflow',
      attempts: 0,
      first_id: id,
      status: 'dead',
      why: 'overflow',
      together: true,
    });
    expect(dead).toEqual([
      letter('scr_a', 3, commands[1]?.id),
      letter('scr_a', 4, commands[2]?.id),
      letter('scr_a', 5, fields.id, 'navigate'),
      letter('scr_b', 3, commands[2]?.id),
      letter('scr_b', 4, fields.id, 'navigate'),
    ]);
    expect(
      full.pushed.map(({ payload: { id, screenId, status, reason } }) => [id, screenId, status, reason]),
    ).toEqual([
      [commands[2]?.id, 'scr_a', 'dead', 'overflow'],
      [commands[2]?.id, 'scr_b', 'dead', 'overflow'],
      [fields.id, 'scr_a', 'dead', 'overflow'],
      [fields.id, 'scr_b', 'dead', 'overflow'],
    ]);
    expect(await full.metrics.text()).toContain('bongsu_deliveries_total{status="dead"} 5');
    expect(await full.metrics.text()).toContain('bongsu_dead_letters_total{reason="overflow"} 5');
    expect(await database.query('select count(*) as n, min(kind) as kind from hook_outbox')).toEqual([
      { n: 5, kind: 'dead' },
    ]);
    expect(await holes()).toEqual([]);
    await database.query("update screen_sessions set acked_seq = 4 where screen_id = 'scr_b'");
    expect(await full.send('trigger', triggerRoom('lobby'))).toMatchObject({ screens: 2 });
    expect(await database.query("select count(*) as n from dead_letters where screen_id = 'scr_b'")).toEqual([
      { n: 2 },
    ]);
  });

  it('[DL87] an entry that ended for want of room is never sent, and what comes after it is', async () => {
    const own = await another({ config: commandsConfig({ maxPendingPerScreen: 1 }) });
    await harness.openRoom('lobby', ['scr_a']);
    for (const [roomId, room] of harness.rooms) own.rooms.set(roomId, room);
    const screen = new FakeScreen('scr_a');
    await connectScreen(own.commands, screen);
    const first = triggerRoom('lobby');
    await own.send('trigger', first);
    await own.send('trigger', triggerRoom('lobby'));
    expect(own.pushed).toMatchObject([
      { payload: { status: 'dead', screenId: 'scr_a', reason: 'overflow' } },
    ]);
    (await screen.received(1))[0]?.receipt({ status: 'executed' });
    const acked = 'select acked_seq from screen_sessions where screen_id = $1';
    await expect.poll(() => database.query(acked, ['scr_a'])).toEqual([{ acked_seq: 2 }]);
    const third = triggerTo('scr_a');
    await own.send('trigger', third);
    expect((await screen.received(2)).map(({ entry }) => [entry.id, entry.seq])).toEqual([
      [first.id, 1],
      [third.id, 3],
    ]);
  });

  it('[MSG3] members come and go under the same locks: each command goes to the members of its moment', async () => {
    const room = await harness.openRoom('lobby', ['scr_a']);
    expect(await harness.addMember('lobby', 'scr_b')).toBe(true);
    expect(await harness.addMember('lobby', 'scr_b')).toBe(false);
    const first = triggerRoom('lobby');
    await harness.send('trigger', first);
    const remove = (screenId: string) =>
      database.transaction((tx) =>
        harness.commands.rooms.removeScreen(tx, room, harness.screens.get(screenId) ?? 0),
      );
    expect(await remove('scr_a')).toBe(true);
    expect(await remove('scr_a')).toBe(false);
    const second = triggerRoom('lobby');
    expect(await harness.send('trigger', second)).toMatchObject({ screens: 1 });
    expect(await inboxes()).toEqual({ scr_a: [first.id], scr_b: [first.id, second.id] });
  });

  it('[SC4] [BEY2] a deleted screen is in no room, shows nothing, and is passed over by a fan-out that waited for it', async () => {
    await harness.openRoom('lobby', ['scr_a', 'scr_b']);
    const { action: _action, ...fields } = triggerRoom('lobby', { url: '/menu' });
    await harness.send('navigate', fields);
    const streamId = harness.screens.get('scr_a') ?? 0;
    const started = await database.transaction(async (tx) => {
      await harness.commands.cancelInbox(tx, streamId, Date.now());
      // On PGlite it waits for the one connection, on PostgreSQL for the stream's lock.
      return [harness.send('trigger', triggerRoom('lobby'))];
    });
    expect(await started[0]).toMatchObject({ screens: 1 });
    expect(await members('lobby')).toEqual([{ name: 'scr_b' }]);
    const ended = 'select seq, status from deliveries where stream_id = $1';
    expect(await database.query(ended, [streamId])).toEqual([{ seq: 1, status: 'cancelled' }]);
    expect(await database.query('select stream_id from screen_displays')).toEqual([
      { stream_id: harness.screens.get('scr_b') },
    ]);
    await expect(harness.addMember('lobby', 'scr_a')).rejects.toMatchObject({ code: 'SCREEN_NOT_FOUND' });
    // As an older process beside this one deletes it, which knows of no rooms.
    await database.query("update streams set deleted_at = 1 where name = 'scr_b'");
    expect(await harness.send('trigger', triggerRoom('lobby'))).toMatchObject({ screens: 0 });
  });

  it('[MSG3] a closed room takes nothing; one made under its id goes on behind it, and old grants are worth nothing', async () => {
    const old = await harness.openRoom('lobby', ['scr_a']);
    await expect(harness.openRoom('lobby')).rejects.toMatchObject({ code: 'CONFLICT' });
    const first = triggerRoom('lobby');
    await harness.send('trigger', first);
    const close = (room: typeof old) =>
      database.transaction((tx) => harness.commands.rooms.close(tx, room, Date.now()));
    (await close(old))();
    expect(await members('lobby')).toEqual([]);
    await expect(harness.send('trigger', triggerRoom('lobby'))).rejects.toMatchObject({
      code: 'ROOM_CLOSED',
    });
    await expect(harness.addMember('lobby', 'scr_a')).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    expect(await harness.send('trigger', first)).toMatchObject({ seq: 1, duplicate: true, screens: 1 });
    const made = await harness.openRoom('lobby', ['scr_b']);
    expect(made).toEqual({ roomId: 'lobby', streamId: old.streamId, generation: old.generation + 1 });
    const row = 'select last_seq, floor_seq, deleted_at from streams where id = $1';
    expect(await database.query(row, [made.streamId])).toEqual([
      { last_seq: 1, floor_seq: 1, deleted_at: null },
    ]);
    // One who still has a grant of the old room, in the same batch as one of the new.
    const stale = await another({
      authorizeRoom: (_principal, roomId) =>
        harness.commands.rooms.grant({ ...old, roomId, mayCommand: true }),
    });
    await expect(stale.send('trigger', triggerRoom('lobby'))).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    await close(old);
    expect(await harness.send('trigger', triggerRoom('lobby'))).toMatchObject({ seq: 2, screens: 1 });
    expect(await holes()).toEqual([]);
  });

  it('[MSG3] who may not command a room is FORBIDDEN but may post, and a stranger finds no room', async () => {
    await harness.openRoom('lobby', ['scr_a']);
    const room = harness.rooms.get('lobby');
    const member = await another({
      authorizeRoom: async (_principal, roomId) =>
        room && roomId === 'lobby' ? harness.commands.rooms.grant({ ...room, mayCommand: false }) : undefined,
    });
    await expect(member.send('trigger', triggerRoom('lobby'))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(member.send('trigger', triggerRoom('other'))).rejects.toMatchObject({
      code: 'ROOM_NOT_FOUND',
    });
    expect(await member.post('lobby')).toMatchObject({ seq: 1 });
  });

  it('[MSG3] a room has at most 1,000 screens, and a fan-out to all of them is one command', async () => {
    const room = await harness.openRoom('lobby');
    await database.exec(
      `insert into streams (kind, name) select 'screen', 'scr_' || i from generate_series(1, 1000) i;
       insert into screen_sessions (screen_id, stream_id) select name, id from streams where kind = 'screen' and name ~ '\\d';
       insert into room_screens select ${room.streamId}, id, gen_random_uuid(), 0 from streams where name ~ '\\d';`,
    );
    await expect(harness.addMember('lobby', 'scr_a')).rejects.toMatchObject({ code: 'CONFLICT' });
    const commands = Array.from({ length: 40 }, (_, n) => triggerRoom('lobby', { data: { n } }));
    const answers = await Promise.all(commands.map((command) => harness.send('trigger', command)));
    expect(answers.map(({ seq, screens }) => [seq, screens])).toEqual(commands.map((_, n) => [n + 1, 1000]));
    expect(await database.query('select count(*) as n from inbox_references')).toEqual([{ n: 40_000 }]);
    expect(await holes()).toEqual([]);
    expect(
      Object.values(await inboxes()).every((ids) => ids.join() === commands.map(({ id }) => id).join()),
    ).toBe(true);
  }, 60_000);

  it('[DL39] a COMMIT whose answer is lost is no refusal: stored once, delivered, the dead ones left out', async () => {
    let losses = 2;
    const lossy: Database = Object.assign(Object.create(database), {
      async query(text: string, parameters?: readonly SqlValue[], options?: QueryOptions) {
        const rows = await database.query(text, parameters, options);
        if (!text.includes('accept_room_commands') || losses === 0) return rows;
        losses -= 1;
        throw new DatabaseError('commit-unknown', 'The answer was lost');
      },
    });
    const own = await another({ database: lossy, config: commandsConfig({ maxPendingPerScreen: 1 }) });
    await harness.openRoom('lobby', ['scr_a', 'scr_b']);
    for (const [roomId, room] of harness.rooms) own.rooms.set(roomId, room);
    await own.send('trigger', triggerTo('scr_b'));
    const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
    await connectScreen(own.commands, screen);
    const command = triggerRoom('lobby');
    expect(await own.send('trigger', command)).toMatchObject({ seq: 1, duplicate: false, screens: 2 });
    expect(losses).toBe(0);
    expect((await screen.received(1)).map(({ entry }) => entry.id)).toEqual([command.id]);
    expect(own.pushed.map(({ payload }) => [payload.screenId, payload.status])).toContainEqual([
      'scr_b',
      'dead',
    ]);
    expect(await holes()).toEqual([]);
  });

  it('[DL38] [DL39] a database that goes away between the parts of a batch keeps what was stored', async () => {
    let calls = 0;
    const failing: Database = Object.assign(Object.create(database), {
      query(text: string, parameters?: readonly SqlValue[], options?: QueryOptions) {
        if (text.includes('accept_room_commands') && ++calls === 2)
          return Promise.reject(new DatabaseError('connection', 'away'));
        return database.query(text, parameters, options);
      },
    });
    const own = await another({ database: failing });
    await harness.openRoom('lobby', ['scr_a']);
    for (const [roomId, room] of harness.rooms) own.rooms.set(roomId, room);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, () => own.send('trigger', triggerRoom('lobby'))),
    );
    const accepted = results.filter(({ status }) => status === 'fulfilled');
    expect(accepted).toHaveLength(16);
    expect(results.slice(16)).toMatchObject(
      Array.from({ length: 24 }, () => ({ status: 'rejected', reason: { code: 'UNAVAILABLE' } })),
    );
    expect(await database.query('select count(*) as n from inbox_references')).toEqual([{ n: 16 }]);
    expect(await own.send('trigger', triggerRoom('lobby'))).toMatchObject({ seq: 17 });
  });

  it('[DL3] [MSG3] random traffic of several processes to rooms and screens: no hole, no deadlock, each socket’s order kept', async () => {
    const rooms = { one: ['scr_a', 'scr_b', 'scr_c'], two: ['scr_c', 'scr_b'], three: FIVE };
    const target = fc.oneof(
      fc.constantFrom(...FIVE).map((screenId) => ({ screenId })),
      fc.constantFrom(...Object.keys(rooms)).map((roomId) => ({ roomId })),
    );
    const step = fc.record({ process: fc.nat(1), socket: fc.nat(2), target, posts: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), async (steps) => {
        await emptyLedger(database);
        for (const screen of FIVE) await harness.addScreen(screen);
        for (const [roomId, screens] of Object.entries(rooms)) await harness.openRoom(roomId, screens);
        const processes = [harness, await another()];
        const sent = steps.map(({ process, socket, target: to, posts }) => {
          const id: string = randomUUID();
          const socketId = `${process}-${socket}`;
          const own = processes[process] ?? harness;
          const answer =
            'roomId' in to && posts
              ? own.post(to.roomId, { id }, { socketId })
              : own.send('trigger', triggerTo('', { id, target: to }), { socketId });
          return { id, socketId, answer };
        });
        await Promise.all(sent.map(({ answer }) => answer));
        expect(await holes()).toEqual([]);
        const streams = [
          ...Object.values(await inboxes()),
          ...(
            await database.query<{ ids: string[] }>(
              `select array_agg(c.id::text order by seq) as ids from commands c join streams s on s.id = c.stream_id
               where s.kind = 'room' group by s.id`,
            )
          ).map(({ ids }) => ids),
        ];
        for (const ids of streams) {
          for (const socketId of new Set(sent.map((command) => command.socketId))) {
            const order = sent.filter((command) => command.socketId === socketId).map(({ id }) => id);
            const seen = ids.filter((id) => order.includes(id));
            expect(seen).toEqual(order.filter((id) => ids.includes(id)));
          }
        }
      }),
      { numRuns: 15 },
    );
  }, 120_000);
});
