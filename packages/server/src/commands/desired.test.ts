import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { commandsConfig, emptyLedger } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomsHarness, roomsHarness } from '../../test/support/rooms.js';
import type { Database } from '../platform/database/database.js';

describeEachDatabase('what screens should show', (open) => {
  let database: Database;
  let harness: RoomsHarness;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    harness = roomsHarness(database, { config: commandsConfig({ maxPendingPerScreen: 1000 }) });
    await harness.commands.start();
    for (const screen of ['scr_a', 'scr_b']) await harness.addScreen(screen);
    await harness.openRoom('lobby', ['scr_a', 'scr_b']);
  });
  afterEach(() => harness.commands.stop(AbortSignal.timeout(1000)));

  const navigate = (target: object, url: string, displayIndex?: number, id: string = randomUUID()) =>
    harness.send('navigate', {
      id,
      timestamp: Date.now(),
      target,
      url,
      ...(displayIndex === undefined ? {} : { displayIndex }),
    });
  const desired = async () => {
    const rows = await database.query<{ name: string; display_index: number; desired_url: string }>(
      `select s.name, d.display_index, d.desired_url from screen_displays d join streams s on s.id = d.stream_id`,
    );
    return Object.fromEntries(rows.map((row) => [`${row.name} ${row.display_index}`, row.desired_url]));
  };
  const A = { screenId: 'scr_a' };
  const LOBBY = { roomId: 'lobby' };

  it('[BEY2] the latest navigate of each display is desired, with its time, seq and id; triggers change nothing', async () => {
    await navigate(A, '/old');
    const latest = await navigate(A, '/new', 0);
    await navigate(A, 'https://example.org/?q={"a"}', 3);
    await harness.send('trigger', {
      id: randomUUID(),
      timestamp: Date.now(),
      target: A,
      action: 'show',
      data: 'navigate',
    });
    expect(await desired()).toEqual({ 'scr_a 0': '/new', 'scr_a 3': 'https://example.org/?q={"a"}' });
    const rows = await database.query(
      'select desired_at, desired_seq, desired_id, reported_url from screen_displays where display_index = 0',
    );
    expect(rows).toEqual([
      { desired_at: latest.acceptedAt, desired_seq: latest.seq, desired_id: latest.id, reported_url: null },
    ]);
  });

  it('[BEY2] a navigate to a room is desired of every member, also of one whose inbox is full', async () => {
    await navigate(A, '/own');
    await database.query("update screen_sessions set acked_seq = acked_seq - 2000 where screen_id = 'scr_b'");
    await navigate(LOBBY, '/all', 1);
    const last = await navigate(LOBBY, '/both');
    expect(await desired()).toEqual({
      'scr_a 0': '/both',
      'scr_a 1': '/all',
      'scr_b 0': '/both',
      'scr_b 1': '/all',
    });
    const rows = await database.query(
      `select s.name, d.desired_seq, d.desired_id from screen_displays d join streams s on s.id = d.stream_id
       where display_index = 0 order by s.name`,
    );
    expect(rows).toEqual([
      { name: 'scr_a', desired_seq: 3, desired_id: last.id },
      { name: 'scr_b', desired_seq: 2, desired_id: last.id },
    ]);
  });

  it('[BEY2] a batch that is looked through again, and one that is refused, leave what is desired right', async () => {
    const id = randomUUID();
    await navigate(A, '/first', undefined, id);
    const other = roomsHarness(database);
    for (const [screenId, streamId] of harness.screens) other.screens.set(screenId, streamId);
    // The same id from another process, with a new navigate in the same batch: 23505, then the checked twin.
    const again = { id, timestamp: Date.now(), target: A, url: '/first' };
    const fresh = { id: randomUUID(), timestamp: Date.now(), target: A, url: '/second' };
    const answers = await Promise.all([other.send('navigate', fresh), other.send('navigate', again)]);
    expect(answers.map(({ duplicate }) => duplicate)).toEqual([false, true]);
    expect(await desired()).toEqual({ 'scr_a 0': '/second' });
    await other.send('navigate', { ...again, timestamp: Date.now() });
    expect(await desired()).toEqual({ 'scr_a 0': '/second' });
    await database.query("update streams set deleted_at = 1 where name = 'scr_a'");
    const refused = { id: randomUUID(), timestamp: Date.now(), target: A, url: '/third' };
    await expect(other.send('navigate', refused)).rejects.toMatchObject({ code: 'SCREEN_NOT_FOUND' });
    expect(await desired()).toEqual({ 'scr_a 0': '/second' });
  });

  it('[BEY2] whatever comes at once, what is desired is the navigate with the highest seq', async () => {
    const step = fc.record({
      target: fc.constantFrom(A, { screenId: 'scr_b' }, LOBBY),
      displayIndex: fc.option(fc.nat(2), { nil: undefined }),
      socketId: fc.constantFrom('one', 'two', 'three'),
      isTrigger: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        await Promise.all(
          steps.map(({ target, displayIndex, socketId, isTrigger }) => {
            const id = randomUUID();
            const display = displayIndex === undefined ? {} : { displayIndex };
            const common = { id, timestamp: Date.now(), target, ...display };
            return isTrigger
              ? harness.send('trigger', { ...common, action: 'show' }, { socketId })
              : harness.send('navigate', { ...common, url: `/${id}` }, { socketId });
          }),
        );
        const wrong = await database.query(
          `with entries as (
             select stream_id, seq, type, payload from commands
             union all select r.stream_id, r.seq, c.type, c.payload from inbox_references r
               join commands c on c.stream_id = r.room_stream_id and c.seq = r.room_seq
           ), latest as (
             select distinct on (e.stream_id, display) e.stream_id, coalesce((e.payload::jsonb ->> 'displayIndex')::int, 0) as display,
               e.seq, e.payload::jsonb ->> 'url' as url
             from entries e join streams s on s.id = e.stream_id and s.kind = 'screen'
             where e.type = 'navigate' order by e.stream_id, display, e.seq desc
           )
           select * from latest l full join screen_displays d on d.stream_id = l.stream_id and d.display_index = l.display
           where d.desired_seq is distinct from l.seq or d.desired_url is distinct from l.url`,
        );
        expect(wrong).toEqual([]);
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
