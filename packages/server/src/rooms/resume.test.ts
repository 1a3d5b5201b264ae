import type { Scope } from '@bongsu/protocol';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyLedger, userPrincipal } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { FakeSocket, MemoryGroups } from '../../test/support/room-groups.js';
import { roomRow, seatIn } from '../../test/support/room-seats.js';
import { type RoomsHarness, roomsHarness } from '../../test/support/rooms.js';
import type { RoomCommands } from '../commands/index.js';
import type { Database } from '../platform/database/database.js';
import { silentLog } from '../platform/log.js';
import type { RoomRole } from '../platform/rights.js';
import { resume } from './resume.js';
import { RoomFeed } from './room-feed.js';

const GRACE_MS = 15_000;

describeEachDatabase('rooms of a socket that comes back', (open) => {
  let database: Database;
  let harness: RoomsHarness;
  let clock: ManualClock;
  let groups: MemoryGroups;
  let feed: RoomFeed;
  let epoch: string;
  /** What the caller is to each room. */
  let roles: Map<string, RoomRole>;
  const harnesses: RoomsHarness[] = [];
  let sockets = 0;

  const start = async (overrides: Parameters<typeof roomsHarness>[1] = {}) => {
    const made = roomsHarness(database, overrides);
    harnesses.push(made);
    await made.commands.start();
    return made;
  };
  const feedOf = (streams: Pick<RoomCommands, 'grant' | 'subscribe' | 'resume' | 'missed'>) =>
    new RoomFeed({ streams, groups, touch() {}, clock, log: silentLog, graceMs: GRACE_MS });
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    clock = new ManualClock();
    harness = await start({ clock });
    groups = new MemoryGroups();
    roles = new Map();
    await openRoom('lobby');
    feed = feedOf(harness.commands.rooms);
    epoch = await harness.commands.currentEpoch();
  });
  afterEach(async () => {
    for (const made of harnesses.splice(0)) await made.commands.stop(AbortSignal.timeout(1000));
  });

  const openRoom = async (roomId: string, role: RoomRole = 'member') => {
    await harness.openRoom(roomId);
    roles.set(roomId, role);
  };
  const rowOf = (roomId: string) => {
    const room = harness.rooms.get(roomId);
    if (!room) throw new Error(`No room ${roomId}`);
    return roomRow(room);
  };
  const newSocket = (principal = userPrincipal()) => {
    sockets += 1;
    return groups.connect(new FakeSocket(`socket-${sockets}`, principal));
  };
  const seatOf = (socket: FakeSocket, roomId = 'lobby') =>
    seatIn(rowOf(roomId), `p-${socket.socketId}`, socket.socketId);
  const deps = () => ({
    feed,
    databaseClock: () => Date.now(),
    access: {
      expect() {},
      role: (_user: unknown, roomId: string) => {
        const role = roles.get(roomId);
        return role && { room: rowOf(roomId), role };
      },
    },
  });
  const come = (socket: FakeSocket, streams: Record<string, number>, of = epoch) =>
    resume(deps(), socket, { epoch: of, streams });
  const post = async (count: number, by = harness, roomId = 'lobby') => {
    for (let i = 0; i < count; i += 50)
      await Promise.all(Array.from({ length: Math.min(50, count - i) }, () => by.post(roomId)));
  };
  const range = (from: number, to: number) =>
    Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

  it('[RM72] [SIG8] what was missed follows, in order and in pages, then what comes live', async () => {
    await post(650);
    const socket = newSocket();
    const { streams, deliver } = await come(socket, { 'room:lobby': 20 });
    expect(streams).toEqual({ 'room:lobby': { lastSeq: 650, recovered: true } });
    expect(socket.heard).toEqual([]);
    deliver();
    await socket.reached(650);
    await post(1);
    expect(socket.seqs).toEqual(range(21, 651));
    expect(socket.heard[0]).toMatchObject({ event: 'message', payload: { epoch, stream: 'room:lobby' } });
  });

  it('[RM72] [RM73] with entries accepted all the while, each comes once and in order, whenever the seat is taken', async () => {
    const plan = fc.record({
      before: fc.nat(330),
      behind: fc.nat(330),
      during: fc.integer({ min: 1, max: 60 }),
      joinAfter: fc.nat(60),
      after: fc.nat(5),
    });
    let last = 0;
    await fc.assert(
      fc.asyncProperty(plan, async ({ before, behind, during, joinAfter, after }) => {
        await post(before);
        last += before;
        const from = Math.max(0, last - behind);
        const socket = newSocket();
        const coming = come(socket, { 'room:lobby': from });
        const traffic = (async () => {
          for (let i = 0; i < during; i += 1) {
            await harness.post('lobby');
            if (i !== joinAfter) continue;
            // What a client sends before `ready` waits for it.
            await coming;
            await feed.attach(seatOf(socket));
          }
        })();
        (await coming).deliver();
        await traffic;
        last += during;
        const { lastSeq } = await feed.attach(seatOf(socket));
        expect(lastSeq).toBe(last);
        await post(after);
        last += after;
        if (last > from) await socket.reached(last);
        expect(socket.seqs).toEqual(range(from + 1, last));
        feed.detach(seatOf(socket));
        // What the catch-up holds goes with its last page, which may be read still.
        await expect.poll(() => feed.size).toBe(0);
      }),
      { numRuns: 15, seed: 33, endOnFailure: true },
    );
  });

  it('[RM73] a seat that is taken while the missed is read waits for it, and a socket that leaves hears no more', async () => {
    await post(10);
    const socket = newSocket();
    const { deliver } = await come(socket, { 'room:lobby': 0 });
    await feed.attach(seatOf(socket));
    clock.advance(GRACE_MS);
    // Its own ack tells it.
    await harness.post('lobby', {}, { socketId: socket.socketId });
    await post(1);
    expect(socket.heard).toEqual([]);
    deliver();
    await socket.reached(12);
    expect(socket.seqs).toEqual([...range(1, 10), 12]);
    feed.detach(seatOf(socket));
    await post(1);
    expect(socket.seqs).toEqual([...range(1, 10), 12]);
    const fickle = newSocket();
    const back = await come(fickle, { 'room:lobby': 0 });
    await feed.attach(seatOf(fickle));
    feed.detach(seatOf(fickle));
    back.deliver();
    await post(1);
    expect(fickle.heard).toEqual([]);
    expect([feed.size, clock.pendingAt(clock.now() + GRACE_MS)]).toEqual([0, false]);
  });

  it('[RM74] an offset of another epoch, past the end or below the floor is told, and what comes next follows', async () => {
    await post(10);
    await openRoom('young');
    await database.query("update streams set floor_seq = 4 where name = 'lobby'");
    const [old, behind] = [newSocket(), newSocket()];
    const other = await come(old, { 'room:lobby': 5 }, 'other');
    expect(other.streams).toEqual({ 'room:lobby': { lastSeq: 10, recovered: false, reason: 'epoch' } });
    const mixed = await come(behind, { 'room:lobby': 3, 'room:young': 1 });
    expect(mixed.streams).toEqual({
      'room:lobby': { lastSeq: 10, recovered: false, reason: 'floor' },
      'room:young': { lastSeq: 0, recovered: false, reason: 'ahead' },
    });
    other.deliver();
    mixed.deliver();
    await post(1);
    await Promise.all([old.reached(11), behind.reached(11)]);
    expect([old.seqs, behind.seqs]).toEqual([[11], [11]]);
  });

  it('[RM75] only rooms that one is in are told of, each asked for anew', async () => {
    await openRoom('mine', 'owner');
    await openRoom('administered', 'admin');
    await openRoom('foreign');
    await openRoom('closed');
    await openRoom('left');
    roles.delete('foreign');
    const left = rowOf('left');
    const closing = rowOf('closed');
    const ended = await database.transaction((tx) => harness.commands.rooms.close(tx, closing, Date.now()));
    ended();
    const socket = newSocket();
    const names = ['lobby', 'mine', 'administered', 'foreign', 'closed', 'unknown', 'left'];
    roles.delete('left');
    const { streams, deliver } = await come(
      socket,
      Object.fromEntries(names.map((name) => [`room:${name}`, 0])),
    );
    expect(Object.keys(streams)).toEqual(['room:lobby', 'room:mine']);
    deliver();
    await harness.post('foreign');
    await harness.post('left');
    await harness.post('administered');
    await harness.post('mine');
    await socket.reached(1);
    expect(socket.heard.map(({ payload }) => payload.stream)).toEqual(['room:mine']);
    expect(left.roomId).toBe('left');
  });

  it('[RM75] [SEC3] an API key without rooms:read, and somebody without a second factor, come back to no room', async () => {
    const key = (...scopes: Scope[]) => ({
      ...userPrincipal(),
      apiKey: { id: 'k', scopes: new Set(scopes) },
    });
    const ask = async (principal: ReturnType<typeof userPrincipal>) =>
      Object.keys((await come(newSocket(principal), { 'room:lobby': 0 })).streams);
    expect(await ask(key('rooms:write'))).toEqual([]);
    expect(await ask({ ...userPrincipal(), lacksFactor: true })).toEqual([]);
    expect(await ask(key('rooms:read'))).toEqual(['room:lobby']);
  });

  it('[RM76] who came back and takes no seat within the grace hears nothing more; whoever took one does', async () => {
    const [idle, back] = [newSocket(), newSocket()];
    for (const socket of [idle, back]) (await come(socket, { 'room:lobby': 0 })).deliver();
    await feed.attach(seatOf(back));
    clock.advance(GRACE_MS - 1);
    await post(1);
    await Promise.all([idle.reached(1), back.reached(1)]);
    clock.advance(1);
    await post(1);
    await back.reached(2);
    expect(idle.seqs).toEqual([1]);
    expect((await feed.attach(seatOf(idle))).lastSeq).toBe(2);
    await post(1);
    expect(idle.seqs).toEqual([1, 3]);
  });

  it('[RM76] [RM78] a join says whether its socket still hears the room', async () => {
    const [first, back, late, left] = [newSocket(), newSocket(), newSocket(), newSocket()];
    const resumed = async (socket: FakeSocket) => (await feed.attach(seatOf(socket))).resumed;
    expect(await resumed(first)).toBe(false);
    for (const socket of [back, late, left]) (await come(socket, { 'room:lobby': 0 })).deliver();
    expect([await resumed(back), await resumed(left)]).toEqual([true, true]);
    clock.advance(GRACE_MS);
    feed.detach(seatOf(left));
    expect([await resumed(back), await resumed(late), await resumed(left)]).toEqual([true, false, false]);
  });

  it('[RM76] who is turned away hears nothing more, and others do', async () => {
    const [kicked, other] = [newSocket(userPrincipal('u1')), newSocket(userPrincipal('u2'))];
    for (const socket of [kicked, other]) (await come(socket, { 'room:lobby': 0 })).deliver();
    await post(1);
    await Promise.all([kicked.reached(1), other.reached(1)]);
    feed.turnAway('lobby', 'u1');
    await post(1);
    await other.reached(2);
    expect(kicked.seqs).toEqual([1]);
  });

  it('[RM73] a process that knows less than the socket repeats nothing', async () => {
    await feed.attach(seatOf(newSocket()));
    const other = await start();
    other.rooms.set('lobby', rowOf('lobby'));
    await post(3, other);
    const socket = newSocket();
    const { streams, deliver } = await come(socket, { 'room:lobby': 2 });
    expect(streams).toEqual({ 'room:lobby': { lastSeq: 2, recovered: true } });
    deliver();
    await post(1);
    await socket.reached(4);
    expect(socket.seqs).toEqual([3, 4]);
  });

  it('[RM79] twenty rooms are asked for at once', async () => {
    const names = range(1, 20).map((n) => `room-${n}`);
    for (const name of names) await openRoom(name);
    let asked = 0;
    let release: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { rooms } = harness.commands;
    feed = feedOf({
      grant: rooms.grant,
      subscribe: rooms.subscribe,
      missed: rooms.missed,
      async resume(...args) {
        asked += 1;
        if (asked === 20) release();
        await all;
        return rooms.resume(...args);
      },
    });
    const { streams } = await come(newSocket(), Object.fromEntries(names.map((name) => [`room:${name}`, 0])));
    expect(Object.keys(streams)).toHaveLength(20);
  });

  it('[RM79] where one room cannot be read the socket comes back later, and nothing is held for it', async () => {
    await openRoom('broken');
    const { rooms } = harness.commands;
    let calls = 0;
    feed = feedOf({
      grant: rooms.grant,
      subscribe: rooms.subscribe,
      missed: rooms.missed,
      async resume(...args) {
        calls += 1;
        if (calls === 2) throw Object.assign(new Error('made up'), { code: 'UNAVAILABLE' });
        return rooms.resume(...args);
      },
    });
    const coming = come(newSocket(), { 'room:lobby': 0, 'room:broken': 0 });
    await expect(coming).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([feed.size, clock.pendingAt(clock.now() + GRACE_MS)]).toEqual([0, false]);
  });

  it('[RM79] a socket that goes while its rooms are asked for, or while it hears what it missed, holds nothing', async () => {
    await post(5);
    const gone = newSocket();
    const asking = come(gone, { 'room:lobby': 0 });
    gone.isOpen = false;
    feed.disconnected(gone.socketId);
    (await asking).deliver();
    expect(feed.size).toBe(0);
    const going = newSocket();
    const { deliver } = await come(going, { 'room:lobby': 0 });
    deliver();
    going.isOpen = false;
    feed.disconnected(going.socketId);
    expect(feed.size).toBe(0);
    await post(1);
    expect([gone.heard, going.heard]).toEqual([[], []]);
  });

  it('[RM81] what is pruned while it is read ends the socket, which comes back and is told', async () => {
    await post(650);
    const socket = newSocket();
    const { rooms } = harness.commands;
    feed = feedOf({
      ...{ grant: rooms.grant, subscribe: rooms.subscribe, resume: rooms.resume },
      async missed(...args) {
        const page = await rooms.missed(...args);
        await database.query("update streams set floor_seq = 500 where name = 'lobby'");
        return page;
      },
    });
    const { deliver } = await come(socket, { 'room:lobby': 0 });
    deliver();
    await socket.dropped();
    expect(socket.seqs).toEqual(range(1, 300));
    const again = newSocket();
    expect((await come(again, { 'room:lobby': 300 })).streams).toEqual({
      'room:lobby': { lastSeq: 650, recovered: false, reason: 'floor' },
    });
  });

  it('[RM81] [SIG10] for a socket that does not read nothing is read, and it hears the rest after', async () => {
    await post(301);
    const socket = newSocket();
    socket.unread = 1024 * 1024;
    let reads = 0;
    const { rooms } = harness.commands;
    feed = feedOf({
      ...{ grant: rooms.grant, subscribe: rooms.subscribe, resume: rooms.resume },
      missed(...args) {
        reads += 1;
        return rooms.missed(...args);
      },
    });
    const { deliver } = await come(socket, { 'room:lobby': 0 });
    deliver();
    await expect.poll(() => clock.pendingAt(clock.now() + 20)).toBe(true);
    clock.advance(20);
    await expect.poll(() => clock.pendingAt(clock.now() + 20)).toBe(true);
    await post(1);
    expect([socket.seqs, reads]).toEqual([[], 0]);
    socket.unread = 0;
    clock.advance(20);
    await socket.reached(302);
    expect(socket.seqs).toEqual(range(1, 302));
  });

  it('[RM81] however much comes meanwhile, the socket hears it all in the end', async () => {
    const socket = newSocket();
    const { deliver } = await come(socket, { 'room:lobby': 0 });
    await post(2001);
    deliver();
    await socket.reached(2001);
    expect([socket.seqs, socket.drops]).toEqual([range(1, 2001), 0]);
  });

  it('[RM81] more than can be kept while a page is read is read as well, and one does not get back what one sent', async () => {
    await post(1);
    const socket = newSocket();
    const { rooms } = harness.commands;
    let reads = 0;
    feed = feedOf({
      ...{ grant: rooms.grant, subscribe: rooms.subscribe, resume: rooms.resume },
      async missed(...args) {
        const page = await rooms.missed(...args);
        reads += 1;
        if (reads === 1) {
          await harness.post('lobby', {}, { socketId: socket.socketId });
          await post(200);
        }
        if (reads === 2) await post(20);
        return page;
      },
    });
    (await come(socket, { 'room:lobby': 0 })).deliver();
    await socket.reached(222);
    await post(1);
    expect(socket.seqs).toEqual([1, ...range(3, 223)]);
    expect(reads).toBe(2);
  });

  it('[RM81] a socket that sends without reading is ended, and may come back', async () => {
    const socket = newSocket();
    socket.unread = 1024 * 1024;
    await post(1);
    (await come(socket, { 'room:lobby': 0 })).deliver();
    for (let i = 0; i < 2001; i += 50)
      await Promise.all(
        range(1, Math.min(50, 2001 - i)).map(() => harness.post('lobby', {}, { socketId: socket.socketId })),
      );
    expect(socket.drops).toBe(1);
  });

  it('[RM82] of many rooms one page is read at a time, when its turn comes, and what fits is sent', async () => {
    const names = range(1, 3).map((n) => `room-${n}`);
    for (const name of names) await openRoom(name);
    const data = 'x'.repeat(15 * 1024);
    for (const name of names) for (let n = 0; n < 40; n += 1) await harness.post(name, { data });
    const { rooms } = harness.commands;
    const socket = newSocket();
    let [reading, most, afterResume] = [0, 0, -1];
    feed = feedOf({
      ...{ grant: rooms.grant, subscribe: rooms.subscribe, resume: rooms.resume },
      async missed(...args) {
        reading += 1;
        most = Math.max(most, reading);
        const page = await rooms.missed(...args);
        reading -= 1;
        return page;
      },
    });
    const { deliver } = await come(socket, Object.fromEntries(names.map((name) => [`room:${name}`, 0])));
    afterResume = most;
    // Each entry waits to be read until time passes.
    let mostUnread = 0;
    const hear = socket.hear.bind(socket);
    socket.hear = (event, payload) => {
      socket.unread += JSON.stringify(payload).length;
      mostUnread = Math.max(mostUnread, socket.unread);
      hear(event, payload);
    };
    deliver();
    await expect
      .poll(() => {
        socket.unread = 0;
        clock.advance(20);
        return socket.heard.length;
      })
      .toBe(120);
    expect([afterResume, most]).toEqual([0, 1]);
    expect(mostUnread).toBeLessThan(600 * 1024);
    for (const name of names)
      expect(
        socket.heard
          .filter(({ payload }) => payload.stream === `room:${name}`)
          .map(({ payload }) => payload.seq),
      ).toEqual(range(1, 40));
  });

  it('[RM77] who is put out of the room while it is asked for hears nothing of it', async () => {
    await post(3);
    const socket = newSocket();
    const { rooms } = harness.commands;
    feed = feedOf({
      ...{ grant: rooms.grant, subscribe: rooms.subscribe, missed: rooms.missed },
      async resume(...args) {
        const answer = await rooms.resume(...args);
        roles.delete('lobby');
        feed.turnAway('lobby', socket.principal.userId);
        return answer;
      },
    });
    const { streams, deliver } = await come(socket, { 'room:lobby': 0 });
    expect(streams).toEqual({});
    deliver();
    await post(1);
    expect([socket.heard, feed.size]).toEqual([[], 0]);
  });
});
