import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { commandsHarness, emptyLedger, triggerTo } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import type { Database } from '../platform/database/database.js';
import { AwayLedger } from './away-ledger.js';
import { DeliveryLedger, type Settlement } from './delivery-ledger.js';

describeEachDatabase('the ledger of deliveries', (open) => {
  let database: Database;
  let ledger: DeliveryLedger;
  let epoch: string;
  const node = { name: 'test:1', incarnation: randomUUID() };

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    ledger = new DeliveryLedger(database, true);
    const harness = commandsHarness(database);
    for (const screenId of ['scr_a', 'scr_b']) await harness.addScreen(screenId);
    for (let n = 0; n < 3; n += 1) await harness.send('trigger', triggerTo('scr_a'));
    await harness.send('trigger', triggerTo('scr_b', { data: 'x'.repeat(1000) }));
    await harness.send('trigger', triggerTo('scr_b', { retries: 7 }));
    const fences = await ledger.takeFences(
      ['scr_a', 'scr_b'].map((screenId) => ({ screenId, instanceId: undefined, connectedAt: 1 })),
      node,
    );
    epoch = fences[0]?.epoch ?? '';
  });

  const settlement = (fields: Partial<Settlement>): Settlement => ({
    screenId: 'scr_a',
    fence: 1,
    epoch,
    ackedSeq: 0,
    release: false,
    ended: [],
    failed: [],
    reported: [],
    ...fields,
  });
  const ended = (seq: number, status: 'executed' | 'dead' = 'executed') => ({
    seq,
    status,
    attempts: 1,
    error: null,
    reason: status === 'dead' ? ('lost' as const) : null,
  });
  const count = async (table: string) => (await database.query(`select from ${table}`)).length;

  it('[DL34] writes for those that hold their fence, and names the others; repeating it changes nothing', async () => {
    const batch = [
      settlement({ ackedSeq: 2, ended: [ended(1), ended(2, 'dead')] }),
      settlement({ screenId: 'scr_b', fence: 9, ackedSeq: 1, ended: [ended(1)], release: true }),
      settlement({ screenId: 'scr_gone', ended: [ended(1)] }),
      settlement({
        screenId: 'scr_b',
        epoch: 'other',
        ackedSeq: 2,
        ended: [ended(2)],
        failed: [{ seq: 1, failed: 1, lost: 0, nextAt: 5, error: 'no' }],
        reported: [{ displayIndex: 0, url: '/x', at: 1 }],
      }),
    ];
    for (let n = 0; n < 2; n += 1) {
      expect([...(await ledger.settle(batch, 1000 + n))]).toEqual([
        [1, { fence: 1, instanceId: null }],
        [2, { fence: null, instanceId: null }],
        [3, { fence: 1, instanceId: null }],
      ]);
    }
    expect(await database.query('select stream_id, seq, status, at from deliveries order by seq')).toEqual([
      { stream_id: 1, seq: 1, status: 'executed', at: 1000 },
      { stream_id: 1, seq: 2, status: 'dead', at: 1000 },
    ]);
    expect(await database.query('select acked_seq, node from screen_sessions order by screen_id')).toEqual([
      { acked_seq: 2, node: 'test:1' },
      { acked_seq: 0, node: 'test:1' },
    ]);
    expect(await count('dead_letters')).toBe(1);
    expect(await count('hook_outbox')).toBe(2);
    expect(await count('attempts')).toBe(0);
    expect(await count('screen_displays')).toBe(0);
  });

  it('[DL34] a release frees the screen, in another epoch nothing does, and acked never falls', async () => {
    const session = async () => {
      const [row] = await database.query(
        'select acked_seq, node, fence from screen_sessions where stream_id = 1',
      );
      return row;
    };
    await ledger.settle([settlement({ ackedSeq: 2 })], 1);
    // The number may be the fence of another connection by now.
    await ledger.settle([settlement({ epoch: 'other', ackedSeq: 3, release: true })], 1);
    expect(await session()).toEqual({ acked_seq: 2, node: 'test:1', fence: 1 });
    await ledger.settle([settlement({ ackedSeq: 1, release: true })], 1);
    expect(await session()).toEqual({ acked_seq: 2, node: null, fence: 1 });
  });

  it('[DL45] attempts only grow, keep their time and words where none are given, and go with their entry', async () => {
    const attempt = {
      seq: 1,
      failed: 2,
      lost: 1,
      nextAt: 500 as number | null,
      error: 'no' as string | null,
    };
    await ledger.settle([settlement({ failed: [attempt] })], 1);
    await ledger.settle(
      [settlement({ failed: [{ ...attempt, failed: 1, lost: 3, nextAt: null, error: null }] })],
      1,
    );
    expect(await database.query('select * from attempts')).toEqual([
      { stream_id: 1, seq: 1, n: 2, lost: 3, next_at: 500, last_error: 'no' },
    ]);
    const [read] = await ledger.readInboxes([
      { streamId: 1, stream: 'screen:scr_a', after: 0, limit: 1, bytes: 1 },
    ]);
    expect(read).toMatchObject({ seq: 1, failed: 2, lost: 3, nextAt: 500, lastError: 'no', settled: false });
    await ledger.settle([settlement({ ended: [ended(1)], ackedSeq: 1 })], 1);
    expect(await count('attempts')).toBe(0);
  });

  it('[DL54] of what a display reported the latest stays, within a batch and over batches', async () => {
    const report = (url: string, at: number) => ({ displayIndex: 0, url, at });
    const shown = async () => {
      const [row] = await database.query<{ reported_url: string }>(
        'select reported_url from screen_displays',
      );
      return row?.reported_url;
    };
    await ledger.settle([settlement({ reported: [report('/b', 20), report('/a', 10)] })], 1);
    expect(await shown()).toBe('/b');
    await ledger.settle([settlement({ reported: [report('/old', 19)] })], 1);
    expect(await shown()).toBe('/b');
    await ledger.settle([settlement({ reported: [report('/c', 20)] })], 1);
    expect(await shown()).toBe('/c');
  });

  it('[DL41] [DL57] reads up to a number of entries and of bytes, at least one, of each inbox', async () => {
    await ledger.settle([settlement({ ended: [ended(2)] })], 1);
    const read = async (limit: number, bytes: number) => {
      const entries = await ledger.readInboxes([
        { streamId: 1, stream: 'screen:scr_a', after: 1, limit, bytes },
        { streamId: 2, stream: 'screen:scr_b', after: 0, limit, bytes },
      ]);
      return entries.map(({ stream, seq, settled, retries }) => [stream.at(-1), seq, settled, retries]);
    };
    expect(await read(9, 9999)).toEqual([
      ['a', 2, true, undefined],
      ['a', 3, false, undefined],
      ['b', 1, false, undefined],
      ['b', 2, false, 7],
    ]);
    expect(await read(1, 9999)).toHaveLength(2);
    expect(await read(9, 500)).toEqual([
      ['a', 2, true, undefined],
      ['a', 3, false, undefined],
      ['b', 1, false, undefined],
    ]);
  });

  it('[DL50] cancels what this process held and left, and knows no entry of an unknown screen', async () => {
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      node.name,
      node.incarnation,
      9_000_000_000_000,
    ]);
    const away = new AwayLedger(database, false);
    expect((await away.cancel('scr_a', 3, 5, randomUUID())).outcome).toBe('elsewhere');
    // The connection opened after this was asked for.
    expect((await away.cancel('scr_a', 3, 1, node.incarnation)).outcome).toBe('elsewhere');
    expect((await away.cancel('scr_a', 3, 5, node.incarnation)).outcome).toBe('cancelled');
    expect((await away.cancel('scr_none', 1, 5, node.incarnation)).outcome).toBe('ended');
    expect(await database.query('select acked_seq, fence from screen_sessions where stream_id = 1')).toEqual([
      { acked_seq: 0, fence: 2 },
    ]);
    const unknown = await away.sweep([{ screenId: 'scr_none', after: 0 }], 10, 5, node.incarnation);
    expect(unknown).toEqual({ ended: [], looks: [] });
    expect(await away.liveNodes(randomUUID(), 5)).toEqual([node.incarnation]);
    expect(await away.liveNodes(node.incarnation, 5)).toEqual([]);
  });

  it('[DL56] leaves a screen alone whose process lost its name to another, for as long as it may believe in its lease', async () => {
    await database.exec('delete from nodes');
    await database.query(
      'insert into ended_nodes (incarnation, lived_until, lease_until) values ($1,$2,$3)',
      [node.incarnation, 4, 10],
    );
    const away = new AwayLedger(database, false);
    expect((await away.cancel('scr_a', 3, 9, randomUUID())).outcome).toBe('elsewhere');
    expect((await away.cancel('scr_a', 3, 10, randomUUID())).outcome).toBe('cancelled');
  });
});
