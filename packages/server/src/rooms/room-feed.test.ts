import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyLedger } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { FakeSocket, MemoryGroups } from '../../test/support/room-groups.js';
import { roomRow, seatIn } from '../../test/support/room-seats.js';
import { type RoomsHarness, roomsHarness, triggerRoom } from '../../test/support/rooms.js';
import type { Database } from '../platform/database/database.js';
import { silentLog } from '../platform/log.js';
import type { RoomRow } from './deps.js';
import { RoomFeed } from './room-feed.js';

describeEachDatabase('the feed of rooms', (open) => {
  let database: Database;
  let harness: RoomsHarness;
  let groups: MemoryGroups;
  let feed: RoomFeed;
  let room: RoomRow;
  /** Rooms in which something happened, each time. */
  let touched: string[];
  const clock = new ManualClock();

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    harness = roomsHarness(database);
    await harness.commands.start();
    room = roomRow(await harness.openRoom('lobby'));
    groups = new MemoryGroups();
    const { rooms: streams } = harness.commands;
    touched = [];
    const touch = ({ roomId }: RoomRow) => void touched.push(roomId);
    feed = new RoomFeed({ streams, groups, touch, clock, log: silentLog, graceMs: 15_000 });
  });
  afterEach(() => harness.commands.stop(AbortSignal.timeout(1000)));

  const socketOf = (socketId: string) => groups.connect(new FakeSocket(socketId));
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const close = async () => {
    const ended = await database.transaction((tx) => harness.commands.rooms.close(tx, room, Date.now()));
    ended();
  };

  it('[RM71] [MSG3] entries come after the position of the answer, once and in order, also in the middle of traffic', async () => {
    const sockets = range(1, 5).map((n) => socketOf(`s${n}`));
    const attached: ReturnType<RoomFeed['attach']>[] = [];
    let waiting = sockets.length;
    // Goes on until all sit, so that each has something to hear.
    let last = 0;
    while (waiting > 0) {
      const batch = Promise.all(range(last + 1, last + 20).map((n) => harness.post('lobby', { data: n })));
      last += 20;
      const socket = sockets[attached.length];
      if (socket) {
        const position = feed.attach(seatIn(room, `p${attached.length}`, socket.socketId));
        attached.push(position.finally(() => (waiting -= 1)));
      }
      await batch;
    }
    const positions = await Promise.all(attached);
    await harness.post('lobby');
    last += 1;
    const epoch = await harness.commands.currentEpoch();
    for (const [n, position] of positions.entries()) {
      const socket = sockets[n] as FakeSocket;
      await socket.reached(last);
      expect(position.epoch).toBe(epoch);
      expect(socket.seqs).toEqual(range(position.lastSeq + 1, last));
    }
    const { lastSeq } = await feed.attach(seatIn(room, 'late', socketOf('late').socketId));
    expect(lastSeq).toBe(last);
  });

  it('[RM71] entries look alike for all who are in the room, and the socket that sent one does not get it back', async () => {
    const [mine, other] = [socketOf('mine'), socketOf('other')];
    await feed.attach(seatIn(room, 'p1', 'mine'));
    await feed.attach(seatIn(room, 'p2', 'other'));
    const posted = await harness.post('lobby', { data: { text: 'hi' } }, { socketId: 'mine' });
    const shown = await harness.send('trigger', triggerRoom('lobby', { data: 1, displayIndex: 2 }), {
      socketId: 'other',
    });
    const base = {
      stream: 'room:lobby',
      epoch: posted.epoch,
      from: { userId: room.ownerId, username: 'Ada' },
    };
    expect(other.heard).toEqual([
      {
        event: 'message',
        payload: {
          ...base,
          id: posted.id,
          type: 'message',
          seq: 1,
          acceptedAt: posted.acceptedAt,
          data: { text: 'hi' },
        },
      },
    ]);
    expect(mine.heard).toEqual([
      {
        event: 'trigger',
        payload: {
          ...base,
          id: shown.id,
          type: 'trigger',
          seq: 2,
          acceptedAt: shown.acceptedAt,
          action: 'show',
          data: 1,
          displayIndex: 2,
        },
      },
    ]);
  });

  it('[RM71] a room is read along as long as a seat has its socket here', async () => {
    const [one, two] = [socketOf('s1'), socketOf('s2')];
    const seat = seatIn(room, 'p1', 's1');
    await Promise.all([feed.attach(seat), feed.attach(seatIn(room, 'p2', 's2'))]);
    expect(one.groups).toEqual(
      new Set([...['room', 'feed'].map((kind) => `${kind}:${room.streamId}:0`), 'seat:p1']),
    );
    expect(feed.size).toBe(1);
    feed.detach(seat);
    await harness.post('lobby');
    expect([one.seqs, two.seqs]).toEqual([[], [1]]);
    expect(touched).toEqual(['lobby']);
    expect(one.groups.size).toBe(0);
    expect(feed.size).toBe(1);
    feed.detach(seatIn(room, 'p2', 's2'));
    expect(feed.size).toBe(0);
    expect((await feed.attach(seat)).lastSeq).toBe(1);
    expect(feed.size).toBe(1);
  });

  it('[RM71] a newer socket of a seat takes over, and what the older one does late changes nothing', async () => {
    const [old, fresh] = [socketOf('old'), socketOf('fresh')];
    const seat = seatIn(room, 'p1', 'old');
    await feed.attach(seat);
    await feed.attach(seatIn(room, 'p1', 'fresh'));
    feed.detach(seat);
    await harness.post('lobby');
    expect([old.seqs, fresh.seqs]).toEqual([[], [1]]);
    expect(old.groups.size).toBe(0);
  });

  it('[RM71] a seat whose socket went while it was taken holds nothing', async () => {
    const socket = socketOf('s1');
    const seat = seatIn(room, 'p1', 's1');
    const attached = feed.attach(seat);
    feed.detach(seat);
    await attached;
    const lost = seatIn(room, 'p2', 's1');
    socket.isOpen = false;
    await feed.attach(lost);
    expect(feed.size).toBe(0);
    expect(socket.groups.size).toBe(0);
  });

  it('[RM71] a closed room is not read along, and its successor tells nothing to those who were in it', async () => {
    const socket = socketOf('s1');
    await feed.attach(seatIn(room, 'p1', 's1'));
    await close();
    expect(feed.size).toBe(0);
    await expect(feed.attach(seatIn(room, 'p2', 's1'))).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    expect(feed.size).toBe(0);
    const next = roomRow(await harness.openRoom('lobby'));
    await feed.attach(seatIn(next, 'p3', socketOf('s3').socketId));
    await harness.post('lobby');
    expect(socket.heard).toEqual([]);
  });

  it('[RM71] [MSG5] after a new epoch nobody hears what he does not know the place of', async () => {
    const [before, after] = [socketOf('before'), socketOf('after')];
    await feed.attach(seatIn(room, 'p1', 'before'));
    await database.query('update meta set epoch = gen_random_uuid()');
    await harness.post('lobby');
    const { epoch, lastSeq } = await feed.attach(seatIn(room, 'p2', 'after'));
    expect({ epoch, lastSeq }).toEqual({ epoch: await harness.commands.currentEpoch(), lastSeq: 1 });
    await harness.post('lobby');
    expect([before.seqs, after.seqs]).toEqual([[], [2]]);
  });
});
