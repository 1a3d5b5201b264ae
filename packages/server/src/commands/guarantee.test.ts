import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import {
  type CommandsHarness,
  commandsConfig,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  triggerTo,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { emptyTables } from '../../test/support/empty-tables.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import type { Database } from '../platform/database/database.js';

const executed = () => ({ status: 'executed' });
const failed = () => ({ status: 'failed', error: 'no power' });
const PATIENT = { timeout: 10_000 };

describeEachDatabase('the guarantee', (open) => {
  let database: Database;
  let clock: ManualClock;
  let harness: CommandsHarness;
  const harnesses: CommandsHarness[] = [];

  const start = async (overrides = {}) => {
    const made = commandsHarness(database, {
      clock,
      databaseClock: clock.now,
      random: () => 0,
      ...overrides,
    });
    made.screens.set('scr_a', 1);
    await made.commands.start();
    harnesses.push(made);
    return made;
  };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    await emptyTables(database, 'nodes');
    clock = new ManualClock(Date.now());
    harness = await start();
    await harness.addScreen('scr_a');
  });
  afterEach(async () => {
    for (const made of harnesses.splice(0)) await made.commands.stop(AbortSignal.timeout(1000));
  });

  const trigger = (fields: object = {}) => {
    const command = triggerTo('scr_a', fields);
    return harness.send('trigger', command).then(() => command.id);
  };
  const navigate = (url: string, fields: object = {}) => {
    const { action: _action, ...command } = triggerTo('scr_a', { url, ...fields });
    return harness.send('navigate', command).then(() => command.id);
  };
  const connect = async (options: ConstructorParameters<typeof FakeScreen>[1] = {}, made = harness) => {
    const screen = new FakeScreen('scr_a', options);
    const attached = await connectScreen(made.commands, screen);
    return { screen, ...attached };
  };
  const deliveries = () =>
    database.query('select seq, status, attempts, error, reason from deliveries order by seq');
  const acked = (seq: number) =>
    vi.waitFor(
      async () =>
        expect(
          await database.query("select acked_seq from screen_sessions where screen_id = 'scr_a'"),
        ).toEqual([{ acked_seq: seq }]),
      PATIENT,
    );
  const told = (made = harness) =>
    made.pushed.map(({ payload: { id, status, attempt, reason } }) => ({ id, status, attempt, reason }));
  const released = () =>
    vi.waitFor(
      async () =>
        expect(await database.query("select node from screen_sessions where screen_id = 'scr_a'")).toEqual([
          { node: null },
        ]),
      PATIENT,
    );

  it('[DL43] [DL44] a window is filled, and after a failure all later ones follow its next send', async () => {
    for (let n = 0; n < 4; n += 1) await trigger();
    const { screen } = await connect({ window: 3 });
    await screen.received(3);
    expect(screen.sent.map(({ entry }) => [entry.seq, entry.prev])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
    screen.sent[1]?.receipt(failed());
    screen.sent[2]?.receipt(executed());
    screen.sent[0]?.receipt(executed());
    await acked(1);
    screen.answer = executed;
    await vi.waitFor(() => expect(harness.pushed).toHaveLength(2), PATIENT);
    clock.advance(1000);
    await screen.received(6);
    expect(screen.sent.slice(3).map(({ entry }) => [entry.seq, entry.prev, entry.attempt])).toEqual([
      [2, 0, 2],
      [3, 2, 1],
      [4, 3, 1],
    ]);
    await acked(4);
  });

  it('[DL45] [MSG2] after its retries an entry is a dead letter, in one transaction, and the next one comes', async () => {
    const own = await start({
      config: commandsConfig({ maxRetries: 1, hook: { url: 'http://h', secret: 's' } }),
    });
    const id = await trigger({ data: { a: 1 } });
    await trigger();
    const { screen } = await connect({ answer: ({ seq }) => (seq === 1 ? failed() : executed()) }, own);
    await vi.waitFor(() => expect(own.pushed).toHaveLength(1), PATIENT);
    clock.advance(1000);
    await acked(2);
    expect(screen.sent.map(({ entry }) => [entry.seq, entry.attempt])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
    expect(await deliveries()).toEqual([
      { seq: 1, status: 'dead', attempts: 2, error: 'no power', reason: 'exhausted' },
      { seq: 2, status: 'executed', attempts: 1, error: null, reason: null },
    ]);
    expect(
      await database.query(
        `select screen_id, seq, command_id, type, payload, reason, error, attempts, first_id, requeued_as
         from dead_letters`,
      ),
    ).toEqual([
      {
        screen_id: 'scr_a',
        seq: 1,
        command_id: id,
        type: 'trigger',
        payload: '{"action":"show","data":{"a":1}}',
        reason: 'exhausted',
        error: 'no power',
        attempts: 2,
        first_id: id,
        requeued_as: null,
      },
    ]);
    expect(await database.query('select * from attempts')).toEqual([]);
    const events = await database.query<{ kind: string; body: string; id: string }>(
      'select kind, body, id from hook_outbox order by kind',
    );
    expect(events.map(({ kind, body }) => [kind, JSON.parse(body).event])).toMatchObject([
      [
        'dead',
        {
          id: events[0]?.id,
          type: 'dead',
          commandId: id,
          commandType: 'trigger',
          screenId: 'scr_a',
          attempts: 2,
          reason: 'exhausted',
          error: 'no power',
        },
      ],
      ['executed', { type: 'executed', attempts: 1 }],
    ]);
    await vi.waitFor(() => expect(told(own)).toHaveLength(3), PATIENT);
    expect(told(own)[1]).toEqual({ id, status: 'dead', attempt: 2, reason: 'exhausted' });
    expect(await own.metrics.text()).toContain('bongsu_dead_letters_total{reason="exhausted"} 1');
  });

  it('[DL45] [STB1] a retry survives a restart: it is sent when it is due, not before', async () => {
    await trigger();
    const first = await connect({ answer: failed });
    await vi.waitFor(() => expect(harness.pushed).toHaveLength(1), PATIENT);
    const nextAt = harness.pushed[0]?.payload.nextAt as number;
    expect(await database.query('select n, next_at, last_error from attempts')).toEqual([
      { n: 1, next_at: nextAt, last_error: 'no power' },
    ]);
    const [view] = await harness.statusOf(harness.pushed[0]?.payload.id ?? '');
    expect(view).toMatchObject({ deliveries: [{ status: 'retrying', nextAt }] });
    const successor = await start();
    const { screen } = await connect({ answer: executed }, successor);
    // By then the page was read: the entry waits for its time alone.
    await vi.waitFor(() => expect(clock.pendingAt(nextAt)).toBe(true), PATIENT);
    expect(screen.sent).toEqual([]);
    clock.advance(nextAt - clock.now());
    await screen.received(1);
    await acked(1);
    first.detach();
  });

  it('[DL46] [DL20] retryable:false ends it at once; garbage is a failed attempt', async () => {
    const rejected = await trigger();
    const garbled = await trigger({ retries: 0 });
    await connect({
      answer: ({ seq }) => (seq === 1 ? { ...failed(), retryable: false } : 'done'),
    });
    await acked(2);
    expect(await deliveries()).toMatchObject([
      { status: 'dead', attempts: 1, error: 'no power', reason: 'rejected' },
      { status: 'dead', attempts: 1, error: 'The receipt was not valid.', reason: 'exhausted' },
    ]);
    await vi.waitFor(() => expect(told().map(({ id }) => id)).toEqual([rejected, garbled]), PATIENT);
  });

  it('[DL47] superseded before it is sent, committed first, and told', async () => {
    const older = await navigate('/a');
    const other = await navigate('/b', { displayIndex: 1 });
    const newer = await navigate('/c');
    const { screen } = await connect({ answer: executed });
    await acked(3);
    expect(screen.sent.map(({ entry }) => entry.id)).toEqual([other, newer]);
    await vi.waitFor(() => expect(told()).toHaveLength(3), PATIENT);
    expect(told()[0]).toMatchObject({ id: older, status: 'superseded', attempt: 0 });
  });

  it('[DL54] [BEY2] an executed navigate is what its display reports, the latest wins', async () => {
    const { screen } = await connect({ answer: executed, window: 4 });
    await navigate('/a');
    await navigate('/b');
    await navigate('/c', { displayIndex: 2 });
    await screen.received(3);
    await acked(3);
    expect(
      await database.query(
        'select display_index, reported_url, reported_at from screen_displays order by display_index',
      ),
    ).toEqual([
      { display_index: 0, reported_url: '/b', reported_at: clock.now() },
      { display_index: 2, reported_url: '/c', reported_at: clock.now() },
    ]);
  });

  it('[DL48] silence ends the oldest after its whole time, when its screen can be heard, and not before', async () => {
    await trigger({ retries: 1 });
    await trigger();
    const { screen } = await connect();
    await screen.received(1);
    clock.advance(9_999);
    expect(screen.isListenedFor).toBe(false);
    clock.advance(1);
    expect(screen.isListenedFor).toBe(true);
    clock.advance(3_600_000);
    expect(screen.sent).toHaveLength(1);
    screen.answer = executed;
    screen.packet();
    await acked(2);
    expect(await deliveries()).toMatchObject([
      { status: 'dead', reason: 'no-receipt', attempts: 1 },
      { status: 'executed' },
    ]);
    screen.sent[0]?.receipt(executed());
    expect(await deliveries()).toMatchObject([{ status: 'dead' }, { status: 'executed' }]);
  });

  it("[DL48] a screen's own ackTimeoutMs counts; a receipt in time stops the clock", async () => {
    await trigger();
    await trigger();
    const { screen } = await connect({ ackTimeoutMs: 600_000 });
    await screen.received(1);
    clock.advance(599_999);
    screen.sent[0]?.receipt(executed());
    await screen.received(2);
    clock.advance(599_999);
    expect(screen.isListenedFor).toBe(false);
    clock.advance(1);
    expect(screen.isListenedFor).toBe(true);
    screen.sent[1]?.receipt(executed());
    expect(screen.isListenedFor).toBe(false);
    await acked(2);
  });

  it('[DL48] [DL20] an entry whose callback a stray receipt used up is ended by silence', async () => {
    await trigger();
    const { screen } = await connect({ ackTimeoutMs: 1000, answer: () => ({ ...executed(), seq: 9 }) });
    await screen.received(1);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
    screen.packet();
    await acked(1);
    expect(await deliveries()).toMatchObject([{ status: 'dead', reason: 'no-receipt' }]);
  });

  it('[DL49] [BEY1] the entry that was first in flight at ten disconnects is lost, and the next one comes', async () => {
    const poison = await trigger();
    await trigger();
    for (let n = 1; n <= 10; n += 1) {
      const { screen, detach } = await connect({ window: 2 });
      await screen.received(2);
      detach();
      await released();
    }
    expect(await deliveries()).toEqual([
      { seq: 1, status: 'dead', attempts: 10, error: null, reason: 'lost' },
    ]);
    expect(told()).toEqual([{ id: poison, status: 'dead', attempt: 10, reason: 'lost' }]);
    await connect({ answer: executed });
    await acked(2);
  });

  it('[DL49] connections that a newer one or the server ended do not count', async () => {
    await trigger();
    const instanceId = randomUUID();
    const older = await connect({ instanceId });
    await older.screen.received(1);
    const newer = await connect({ instanceId });
    older.detach();
    await newer.screen.received(1);
    expect(newer.screen.sent[0]?.entry.attempt).toBe(1);
    newer.detach('TOKEN_EXPIRED');
    const last = await connect({ instanceId });
    await last.screen.received(1);
    expect(last.screen.sent[0]?.entry.attempt).toBe(1);
    await harness.commands.stop(AbortSignal.timeout(1000));
    last.detach();
    const successor = await start();
    const { screen } = await connect({}, successor);
    expect((await screen.received(1))[0]?.entry.attempt).toBe(1);
  });

  it('[DL50] cancels what waits here and what was not read yet, and says what is in flight or over', async () => {
    for (let n = 0; n < 100; n += 1) await trigger();
    const { screen } = await connect();
    await screen.received(1);
    const cancel = (seq: number) => harness.commands.cancel('scr_a', 1, seq);
    expect(await cancel(1)).toBe('in-flight');
    const answers = await Promise.all([2, 90, 100, 2].map(cancel));
    // Of two at once for the same entry one is too late, whichever it is.
    expect([...answers].sort()).toEqual(['cancelled', 'cancelled', 'cancelled', 'ended']);
    expect(await cancel(101)).toBe('ended');
    screen.answer = executed;
    screen.sent[0]?.receipt(executed());
    await screen.received(97);
    await acked(100);
    expect(screen.sent.map(({ entry }) => entry.seq)).not.toContain(90);
    expect(await cancel(1)).toBe('ended');
    expect(told().filter(({ status }) => status === 'cancelled')).toHaveLength(3);
  });

  it('[DL50] cancels for a screen that is away, over its fence, and not where another process holds it', async () => {
    const ids = [await trigger(), await trigger()];
    const cancel = (seq: number) => harness.commands.cancel('scr_a', 1, seq);
    expect(await cancel(2)).toBe('cancelled');
    expect(await cancel(2)).toBe('ended');
    expect(await cancel(9)).toBe('ended');
    expect(told()).toEqual([{ id: ids[1], status: 'cancelled', attempt: 0, reason: undefined }]);
    const node = { name: 'other:1', incarnation: randomUUID() };
    const other = await start({ node });
    const { screen } = await connect({}, other);
    await screen.received(1);
    await database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      node.name,
      node.incarnation,
      clock.now() + 1,
    ]);
    expect(await cancel(1)).toBe('elsewhere');
    clock.advance(1);
    expect(await cancel(1)).toBe('cancelled');
    screen.sent[0]?.receipt(executed());
    await screen.closed();
    expect(await deliveries()).toMatchObject([{ status: 'cancelled' }, { status: 'cancelled' }]);
    await acked(2);
  });

  it('[DL50] a screen that is just coming or going is waited for', async () => {
    await trigger();
    await trigger();
    const screen = new FakeScreen('scr_a');
    const attachment = harness.commands.attachScreen(screen);
    const early = harness.commands.cancel('scr_a', 1, 2);
    await attachment.ready;
    expect(await early).toBe('cancelled');
    attachment.open();
    await screen.received(1);
    attachment.detach();
    expect(await harness.commands.cancel('scr_a', 1, 1)).toBe('cancelled');
    await acked(2);
  });

  it('[DL50] [DL55] [BEY2] cancelling what a display should show gives it back to the one before', async () => {
    await navigate('/old');
    await navigate('/elsewhere', { displayIndex: 1 });
    await navigate('/gone');
    await navigate('/new');
    const desired = async () => {
      const [row] = await database.query<{ desired_url: string; desired_seq: number }>(
        'select desired_url, desired_seq from screen_displays where display_index = 0',
      );
      return row;
    };
    const cancel = (seq: number) => harness.commands.cancel('scr_a', 1, seq);
    await cancel(3);
    expect(await desired()).toEqual({ desired_url: '/new', desired_seq: 4 });
    await cancel(4);
    expect(await desired()).toEqual({ desired_url: '/old', desired_seq: 1 });
    await cancel(1);
    expect(await desired()).toEqual({ desired_url: null, desired_seq: null });
  });

  it('[DL51] sends nothing while its lease is over, and goes on when the fences were compared', async () => {
    const lease = { since: 0 as number | undefined };
    const own = await start({ lease: { leaseSince: () => lease.since, renewedAt: () => 0 } });
    const { screen } = await connect({ answer: executed }, own);
    lease.since = undefined;
    await trigger();
    await own.send('trigger', triggerTo('scr_a'));
    expect(screen.sent).toEqual([]);
    lease.since = clock.now();
    await vi.waitFor(() => {
      clock.advance(500);
      expect(screen.sent).toHaveLength(2);
    }, PATIENT);
    await acked(2);
  });

  it('[DL53] what a room sent comes out of its stream, once stored, also as a dead letter', async () => {
    await database.exec(`
      insert into streams (kind, name, last_seq) values ('room', 'r', 1);
      insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at, retries, notify, requeue_of)
      values (2, 1, '${randomUUID()}', '${randomUUID()}', 'trigger', '\\x00', '{"action":"room"}', 1, 9000000000000, 0, 'all', '00000000-0000-7000-8000-000000000001');
      insert into inbox_references values (1, 1, 2, 1);
      update streams set last_seq = 1 where id = 1;
    `);
    await trigger();
    const { screen } = await connect({ answer: ({ seq }) => (seq === 1 ? failed() : executed()) });
    await acked(2);
    expect(screen.sent.map(({ entry }) => [entry.seq, entry.stream, entry.action])).toEqual([
      [1, 'screen:scr_a', 'room'],
      [2, 'screen:scr_a', 'show'],
    ]);
    expect(screen.sent[0]?.entry.requeueOf).toBe('00000000-0000-7000-8000-000000000001');
    expect(await database.query('select payload, first_id, stream_id, seq from dead_letters')).toEqual([
      {
        payload: '{"action":"room"}',
        first_id: '00000000-0000-7000-8000-000000000001',
        stream_id: 1,
        seq: 1,
      },
    ]);
  });

  it('[DL57] [SCL3] thousands that wait cost pages, not a query each', async () => {
    await database.exec(`
      insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at)
      select 1, n, gen_random_uuid(), gen_random_uuid(), 'trigger', '\\x00', '{}', 1, 9000000000000
      from generate_series(1, 3000) n;
      update streams set last_seq = 3000 where id = 1;
    `);
    const queries = vi.spyOn(database, 'query');
    const { screen } = await connect({ answer: executed, window: 32 });
    await screen.received(3000);
    const reads = queries.mock.calls.filter(([text]) => text.includes('read_entries'));
    queries.mockRestore();
    expect(reads.length).toBeLessThanOrEqual(3000 / 64);
    await acked(3000);
    expect(screen.sent.map(({ entry }) => entry.seq)).toEqual(Array.from({ length: 3000 }, (_, n) => n + 1));
  });
});
