import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { connectScreen, emptyLedger, FakeScreen, SENDER } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { Reader, type RoomsHarness, roomsHarness, triggerRoom } from '../../test/support/rooms.js';
import type { Database } from '../platform/database/database.js';
import type { CommandsDeps, RoomEntry, RoomGrant } from './index.js';

describeEachDatabase('room streams', (open) => {
  let database: Database;
  let harness: RoomsHarness;
  let clock: ManualClock;
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
    clock = new ManualClock();
    harness = await start({ clock });
    await harness.openRoom('lobby');
  });
  afterEach(async () => {
    for (const made of harnesses.splice(0)) await made.commands.stop(AbortSignal.timeout(1000));
  });
  const subscribe = async (grant: RoomGrant = harness.grant('lobby')) => {
    const reader = new Reader();
    return { reader, ...(await harness.commands.rooms.subscribe(grant, reader)) };
  };
  /** Another process, which reaches nobody by the bus. */
  const another = async (overrides: Partial<CommandsDeps> = {}) => {
    const made = await start(overrides);
    for (const [roomId, room] of harness.rooms) made.rooms.set(roomId, room);
    return made;
  };
  const postMany = async (count: number, by = harness) => {
    for (let i = 0; i < count; i += 50)
      await Promise.all(
        Array.from({ length: Math.min(50, count - i) }, (_, n) => by.post('lobby', { data: i + n })),
      );
  };
  const resume = async (from: { epoch?: string; seq: number }) => {
    const epoch = await harness.commands.currentEpoch();
    return harness.commands.rooms.resume(harness.grant('lobby'), { epoch, ...from });
  };
  const missedAfter = async (seq: number) => {
    const epoch = await harness.commands.currentEpoch();
    return harness.commands.rooms.missed(harness.grant('lobby'), { epoch, seq });
  };
  /** All pages after `seq`. */
  const missed = async (seq: number): Promise<RoomEntry[][]> => {
    const page = await missedAfter(seq);
    const last = page.at(-1);
    return last ? [page, ...(await missed(last.seq))] : [];
  };

  it('[MSG6] [ND58] where the streams of many rooms stand is read by few statements, for each room its own', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `room-${n}`);
    for (const name of names) await harness.openRoom(name);
    await harness.post('room-7', { data: 1 });
    const closed = harness.grant('room-9');
    await database.query("update streams set deleted_at = 1 where name = 'room-9'");
    const epoch = await harness.commands.currentEpoch();
    const query = vi.spyOn(database, 'query');
    const resumes = names.map((name) =>
      harness.commands.rooms.resume(name === 'room-9' ? closed : harness.grant(name), { epoch, seq: 0 }),
    );
    const answers = await Promise.allSettled(resumes);
    const reads = query.mock.calls.filter(([text]) => text.includes('read_room('));
    query.mockRestore();
    expect(reads.length).toBeLessThanOrEqual(3);
    answers.forEach((answer, place) => {
      if (place === 9) expect(answer).toMatchObject({ reason: { code: 'ROOM_CLOSED' } });
      else expect(answer).toMatchObject({ value: { recovered: true, lastSeq: place === 7 ? 1 : 0 } });
    });
  });

  it('[MSG3] a subscriber gets each entry after its position once and in order, the same object for all', async () => {
    await postMany(3);
    const first = await subscribe();
    expect(first).toMatchObject({ lastSeq: 3, epoch: await harness.commands.currentEpoch() });
    const posted = await harness.post('lobby', { data: { text: 'hi' } }, { socketId: 'mine' });
    const second = await subscribe();
    expect(second.lastSeq).toBe(4);
    await harness.send('trigger', triggerRoom('lobby', { data: 1 }));
    first.unsubscribe();
    await postMany(1);
    expect(first.reader.entries).toMatchObject([
      {
        stream: 'room:lobby',
        seq: 4,
        id: posted.id,
        type: 'message',
        fields: { data: { text: 'hi' } },
        acceptedAt: posted.acceptedAt,
        sender: { userId: SENDER, username: 'Ada' },
        socketId: 'mine',
      },
      { seq: 5, type: 'trigger', fields: { action: 'show', data: 1 } },
    ]);
    expect(second.reader.seqs).toEqual([5, 6]);
    expect(second.reader.entries[0]).toBe(first.reader.entries[1]);
  });

  it('[MSG3] nothing is missed or repeated by who subscribes in the middle of traffic', async () => {
    const traffic = Promise.all(Array.from({ length: 200 }, (_, n) => harness.post('lobby', { data: n })));
    const subscriptions = await Promise.all(Array.from({ length: 5 }, () => subscribe()));
    await traffic;
    for (const { reader, lastSeq } of subscriptions) {
      await reader.received(200 - lastSeq);
      expect(reader.seqs).toEqual(Array.from({ length: 200 - lastSeq }, (_, i) => lastSeq + i + 1));
    }
  });

  it('[MSG3] what other processes commit is found by comparing heads, and read in order, 300 at a time', async () => {
    const { reader } = await subscribe();
    const other = await another();
    await postMany(301, other);
    expect(reader.seqs).toEqual([]);
    clock.advance(5000);
    const entries = await reader.received(301);
    expect(reader.seqs).toEqual(Array.from({ length: 301 }, (_, i) => i + 1));
    expect(entries[0]).toMatchObject({ fields: { data: 0 }, sender: { userId: SENDER, username: 'Ada' } });
    // A hint past a gap: the rest is read.
    await postMany(2, other);
    await harness.post('lobby');
    await reader.received(304);
    expect(reader.seqs.slice(301)).toEqual([302, 303, 304]);
  });

  it('[MSG3] what was missed comes in pages of at most 300', async () => {
    await postMany(700);
    expect(await resume({ seq: 20 })).toEqual({
      recovered: true,
      lastSeq: 700,
      epoch: await harness.commands.currentEpoch(),
    });
    const pages = await missed(20);
    expect(pages.map((page) => page.length)).toEqual([300, 300, 80]);
    expect(pages.flat().map(({ seq }) => seq)).toEqual(Array.from({ length: 680 }, (_, i) => i + 21));
    expect(await missed(700)).toEqual([]);
  });

  it('[RM82] a page of what was missed ends with the entry that passes 256 KiB, and has one at least', async () => {
    const data = 'x'.repeat(15 * 1024);
    for (let n = 0; n < 40; n += 1) await harness.post('lobby', { data });
    const pages = await missed(0);
    expect(pages.map((page) => page.length)).toEqual([18, 18, 4]);
    expect(pages.flat().map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(pages[2]?.at(-1)?.fields).toEqual({ data });
  });

  it('[MSG3] an offset of another epoch, past the end or below the floor is not recovered, and says why', async () => {
    await postMany(10);
    await database.query("update streams set floor_seq = 4 where name = 'lobby'");
    expect(await resume({ seq: 5, epoch: 'other' })).toMatchObject({
      recovered: false,
      reason: 'epoch',
      lastSeq: 10,
    });
    expect(await resume({ seq: 11 })).toMatchObject({ recovered: false, reason: 'ahead', lastSeq: 10 });
    expect(await resume({ seq: 3 })).toMatchObject({ recovered: false, reason: 'floor', lastSeq: 10 });
    expect(await resume({ seq: 4 })).toMatchObject({ recovered: true });
    expect((await missed(4)).flat().map(({ seq }) => seq)).toEqual([5, 6, 7, 8, 9, 10]);
  });

  it('[MSG3] what is pruned while it is read is told, not left out', async () => {
    await postMany(650);
    expect(await missedAfter(0)).toHaveLength(300);
    await database.query("update streams set floor_seq = 500 where name = 'lobby'");
    await expect(missedAfter(300)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  });

  it('[MSG3] history comes in pages after a seq, never below the floor, of at most 300', async () => {
    await postMany(310);
    await database.query("update streams set floor_seq = 2 where name = 'lobby'");
    const page = (after: number, limit: number) =>
      harness.commands.rooms.page(harness.grant('lobby'), after, limit);
    expect(await page(0, 2)).toMatchObject({ entries: [{ seq: 3 }, { seq: 4 }], lastSeq: 310, floorSeq: 2 });
    expect((await page(5, 5000)).entries).toHaveLength(300);
    expect((await page(5, 0)).entries).toHaveLength(1);
    expect((await page(310, 10)).entries).toEqual([]);
  });

  it('[MSG3] nobody reads without a grant, whatever looks like one', async () => {
    const fake = { roomId: 'lobby', streamId: 1, generation: 0, mayCommand: true } as unknown as RoomGrant;
    const refused = { code: 'FORBIDDEN' };
    const { rooms } = harness.commands;
    await expect(rooms.subscribe(fake, new Reader())).rejects.toMatchObject(refused);
    await expect(rooms.resume(fake, { epoch: '', seq: 0 })).rejects.toMatchObject(refused);
    await expect(rooms.missed(fake, { epoch: '', seq: 0 })).rejects.toMatchObject(refused);
    await expect(rooms.page(fake, 0, 10)).rejects.toMatchObject(refused);
    await expect(rooms.page(null as unknown as RoomGrant, 0, 10)).rejects.toMatchObject(refused);
  });

  it('[MSG3] a closed room ends its subscriptions, here at once and elsewhere soon; its successor shows nothing old', async () => {
    await postMany(3);
    const room = harness.rooms.get('lobby');
    if (!room) throw new Error('no room');
    const old = harness.grant('lobby');
    const here = await subscribe();
    const other = await another({ clock });
    const there = new Reader();
    await other.commands.rooms.subscribe(old, there);
    const done = await database.transaction((tx) => harness.commands.rooms.close(tx, room, Date.now()));
    done();
    expect(here.reader.endings).toEqual(['closed']);
    await expect(harness.commands.rooms.page(old, 0, 10)).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    await harness.openRoom('lobby');
    clock.advance(5000);
    await expect.poll(() => there.endings).toEqual(['closed']);
    await postMany(2);
    expect([here.reader.seqs, there.seqs]).toEqual([[], []]);
    await expect(subscribe(old)).rejects.toMatchObject({ code: 'ROOM_CLOSED' });
    const fresh = await harness.commands.rooms.page(harness.grant('lobby'), 0, 10);
    expect(fresh.entries.map(({ seq }) => seq)).toEqual([4, 5]);
    expect(await resume({ seq: 2 })).toMatchObject({ recovered: false, reason: 'floor' });
    expect(await resume({ seq: 3 })).toMatchObject({ recovered: true });
  });

  it('[MSG5] a new epoch ends all subscriptions: positions mean nothing any more', async () => {
    const { reader } = await subscribe();
    await database.query('update meta set epoch = gen_random_uuid()');
    await harness.post('lobby');
    expect(reader.endings).toEqual(['epoch']);
    const again = await subscribe();
    expect(again.epoch).toBe(await harness.commands.currentEpoch());
    await harness.post('lobby');
    expect(again.reader.seqs).toEqual([2]);
  });

  it('[MSG3] a subscriber that throws, or a screen that is a member, takes nothing from the others', async () => {
    await harness.addScreen('scr_a');
    await harness.addMember('lobby', 'scr_a');
    const screen = new FakeScreen('scr_a');
    await connectScreen(harness.commands, screen);
    const faulty = {
      entry: () => {
        throw new Error('made up');
      },
      ended() {},
    };
    await harness.commands.rooms.subscribe(harness.grant('lobby'), faulty);
    const { reader } = await subscribe();
    expect(await harness.send('trigger', triggerRoom('lobby'))).toMatchObject({ seq: 1, screens: 1 });
    expect(reader.seqs).toEqual([1]);
    expect(await screen.received(1)).toMatchObject([{ entry: { stream: 'screen:scr_a' } }]);
  });

  it('[SCL3] a recovery reads as many pages of the database from a log of 100,000 as from one of 1,000', async () => {
    const fill = (from: number, to: number) =>
      database.exec(
        `insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at)
         select s.id, n, gen_random_uuid(), gen_random_uuid(), 'message', '', '{"data":1}', 0, 0
         from streams s, generate_series(${from}, ${to}) n where s.name = 'lobby';
         update streams set last_seq = ${to} where name = 'lobby'`,
      );
    const buffers = async (after: number) => {
      const rows = await database.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
        'explain (analyze, buffers, timing off, format json) select * from read_room($1, 0, $2, 300)',
        [harness.rooms.get('lobby')?.streamId ?? 0, after],
      );
      const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
      expect(plan['Actual Rows']).toBe(100);
      return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
    };
    await fill(1, 1000);
    await database.exec('analyze commands');
    await buffers(900);
    const small = await buffers(900);
    await fill(1001, 100_000);
    await buffers(99_900);
    const large = await buffers(99_900);
    expect(large).toBeLessThanOrEqual(small + 20);
  }, 60_000);
});
