import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { type CommandsHarness, commandsHarness, emptyLedger, SENDER } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import type { Database } from '../platform/database/database.js';
import { encodeBatch, Ledger, type NewCommand } from './ledger.js';

const MAX_PENDING = 3;

/** The branches of the functions that accept, and of those that only processes of an earlier version still call. */
describeEachDatabase('the functions of the ledger', (open) => {
  let database: Database;
  let ledger: Ledger;
  let harness: CommandsHarness;
  let epoch: string;

  beforeAll(async () => {
    database = await open();
    ledger = new Ledger(database);
  });
  beforeEach(async () => {
    await emptyLedger(database);
    harness = commandsHarness(database);
    await harness.addScreen('scr_a');
    await harness.addScreen('scr_b');
    epoch = await ledger.epoch();
  });

  const command = (streamId: number, id: string = randomUUID()): NewCommand => ({
    streamId,
    generation: undefined,
    stream: '',
    socketId: undefined,
    senderId: SENDER,
    username: 'Ada',
    id,
    type: 'trigger',
    fingerprint: 'ab'.repeat(16),
    payload: '{"action":"show"}',
    fields: { action: 'show' },
    ttlMs: 1000,
    retries: undefined,
    notify: 'all',
  });
  const kinds = (outcomes: { kind: string; seq?: number }[]) =>
    outcomes.map(({ kind, seq }) => (kind === 'accepted' ? seq : kind));
  const accept = async (...commands: NewCommand[]) =>
    kinds(await ledger.accept(encodeBatch(commands, 5, MAX_PENDING)));
  const checked = (...commands: NewCommand[]) => ledger.acceptChecked(encodeBatch(commands, 6, MAX_PENDING));
  const lastSeqs = async () =>
    (await database.query<{ last_seq: number }>('select last_seq from streams order by id')).map(
      (row) => row.last_seq,
    );
  const erase = (stream: number) =>
    database.query('update streams set deleted_at = 1 where id = $1', [stream]);
  const cancelInbox = (stream: number) => database.query('select * from cancel_inbox($1, $2)', [stream, 7]);
  const session = async () => {
    const [row] = await database.query('select fence, acked_seq from screen_sessions where stream_id = 1');
    return row;
  };

  it('[DL33] [DL31] a batch takes what fits in each inbox and gives back the numbers of the rest', async () => {
    await erase(2);
    const batch = [1, 1, 2, 1, 1, 99].map((stream) => command(stream));
    expect(await accept(...batch)).toEqual([1, 2, 'deleted', 3, 'full', 'deleted']);
    expect(await lastSeqs()).toEqual([3, 0]);
    expect(await accept(command(1))).toEqual(['full']);
    await database.query('update screen_sessions set acked_seq = 2');
    expect(await accept(command(1), command(1), command(1))).toEqual([4, 5, 'full']);
    expect(await lastSeqs()).toEqual([5, 0]);
  });

  it('[DL33] an inbox without a session has no bound: nobody could ever settle anything in it', async () => {
    await database.query('delete from screen_sessions');
    expect(await accept(...Array.from({ length: 5 }, () => command(1)))).toEqual([1, 2, 3, 4, 5]);
  });

  it('[DL32] under a look: none known, some known, all known, known in another stream', async () => {
    const [one, two, three] = [command(1), command(1), command(1)];
    expect(kinds(await checked(one))).toEqual([1]);
    expect(await checked(one, two)).toMatchObject([
      { kind: 'known', stream: 'screen:scr_a', seq: 1, acceptedAt: 6, fingerprint: one.fingerprint },
      { kind: 'accepted', seq: 2 },
    ]);
    expect(kinds(await checked(two, one))).toEqual(['known', 'known']);
    expect(await checked(command(2, one.id), command(2))).toMatchObject([
      { kind: 'known', stream: 'screen:scr_a', seq: 1 },
      { kind: 'accepted', seq: 1 },
    ]);
    expect(kinds(await checked(one, three, command(1)))).toEqual(['known', 3, 'full']);
    await erase(1);
    expect(kinds(await checked(one, command(1), command(99)))).toEqual(['known', 'deleted', 'deleted']);
    expect(await lastSeqs()).toEqual([3, 1]);
  });

  it('[DL31] an inbox that is deleted, or never was, is not deleted again', async () => {
    await accept(command(1));
    expect(await cancelInbox(1)).toHaveLength(1);
    const after = await session();
    expect(after).toEqual({ fence: 1, acked_seq: 1 });
    expect(await cancelInbox(1)).toEqual([]);
    expect(await cancelInbox(99)).toEqual([]);
    expect(await session()).toEqual(after);
  });

  it('[DL34] what a process of an earlier version writes counts by fence and epoch, as ever', async () => {
    await accept(command(1), command(1));
    await database.query("update screen_sessions set fence = 4, node = 'old' where stream_id = 1");
    const settle = (fence: number, inEpoch: string, release: boolean, failed: number[]) =>
      database.query(
        `select * from settle(array['scr_a', 'scr_gone'], $1, $2, array[1, 0]::bigint[], $3, 7,
           array[1], array[1]::bigint[], array['executed'], array[1], array[null]::text[], array[null]::text[],
           $4, array_fill(2::bigint, array[cardinality($4::int[])]), $4,
           array_fill(0, array[cardinality($4::int[])]), array_fill('no'::text, array[cardinality($4::int[])]))`,
        [[fence, 1], [inEpoch, inEpoch], `{${release},false}`, failed],
      );
    const gone = { slot: 2, fence: null, instance_id: null };
    expect(await settle(3, epoch, false, [])).toEqual([{ slot: 1, fence: 4, instance_id: null }, gone]);
    expect(await settle(4, 'another', true, [1])).toEqual([{ slot: 1, fence: 4, instance_id: null }, gone]);
    expect(await database.query('select * from deliveries')).toEqual([]);
    expect(await database.query('select node, acked_seq from screen_sessions where stream_id = 1')).toEqual([
      { node: null, acked_seq: 0 },
    ]);
    for (let n = 0; n < 2; n += 1) expect(await settle(4, epoch, false, [1])).toEqual([gone]);
    expect(await database.query('select seq, status, at from deliveries')).toEqual([
      { seq: 1, status: 'executed', at: 7 },
    ]);
    expect(await database.query('select seq, n, last_error from attempts')).toEqual([
      { seq: 2, n: 1, last_error: 'no' },
    ]);
    expect(await session()).toEqual({ fence: 4, acked_seq: 1 });
    const read = await database.query(
      'select stream_id, seq, settled, failed from read_inboxes(array[1]::bigint[], array[0]::bigint[], 2)',
    );
    expect(read).toEqual([
      { stream_id: 1, seq: 1, settled: true, failed: 0 },
      { stream_id: 1, seq: 2, settled: false, failed: 1 },
    ]);
    expect(
      await database.query('select seq from read_inboxes(array[1, 2]::bigint[], array[1, 0]::bigint[], 1)'),
    ).toEqual([{ seq: 2 }]);
  });
});
