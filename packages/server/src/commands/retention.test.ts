import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsConfig,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  SENDER,
  triggerTo,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase, describePostgres } from '../../test/support/databases.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import { silentLog } from '../platform/log.js';
import { Metrics } from '../platform/metrics.js';
import { DeliveryLedger } from './delivery-ledger.js';
import { type PruneRooms, Retention } from './retention.js';
import { RetentionStore } from './retention-store.js';
import { statusOf } from './status.js';
import { StatusLedger } from './status-ledger.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = 1_800_000_000_000;

/** Waits end at once. */
const hastyClock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  after(_delayMs, task) {
    queueMicrotask(task);
    return () => {};
  },
  every: () => () => {},
};

let now = START;

function retentionOf(
  database: Database,
  config = {},
  metrics = new Metrics(),
  rooms: { pruneRooms?: PruneRooms } = {},
): Retention {
  return new Retention({
    ...rooms,
    config: commandsConfig(config),
    store: new RetentionStore(database),
    lock: database,
    clock: hastyClock,
    databaseClock: () => now,
    log: silentLog,
    metrics,
  });
}

interface Ended {
  seq: number;
  /** Null: pending. */
  at: number | null;
}

/** An inbox or a room with commands 1 to n; `ended` says when the delivery of each did. */
async function fill(database: Database, kind: 'screen' | 'room', name: string, ended: (number | null)[]) {
  const rows = ended.map((at, index): Ended => ({ seq: index + 1, at }));
  const [stream] = await database.query<{ id: number }>(
    'insert into streams (kind, name, last_seq) values ($1, $2, $3) returning id',
    [kind, name, ended.length],
  );
  const id = stream?.id ?? 0;
  if (kind === 'screen') {
    const pending = rows.find(({ at }) => at === null)?.seq ?? ended.length + 1;
    await database.query(
      'insert into screen_sessions (screen_id, stream_id, acked_seq) values ($1, $2, $3)',
      [name, id, pending - 1],
    );
  }
  await database.query(
    `insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at)
     select $1, seq, $2, gen_random_uuid(), 'trigger', 'x', '{"action":"show"}', $4, 9e15
     from unnest($3::bigint[]) as u(seq)`,
    [id, SENDER, rows.map(({ seq }) => seq), START - HOUR],
  );
  await end(
    database,
    id,
    rows.filter(({ at }) => at !== null),
  );
  return id;
}

async function end(database: Database, stream: number, ended: readonly Ended[]): Promise<void> {
  await database.query(
    `insert into deliveries (stream_id, seq, status, attempts, at)
     select $1, seq, 'executed', 1, at from unnest($2::bigint[], $3::bigint[]) as u(seq, at)`,
    [stream, ended.map(({ seq }) => seq), ended.map(({ at }) => at)],
  );
}

async function refer(database: Database, screen: number, seq: number, room: number, roomSeq: number) {
  await database.query(
    'insert into inbox_references (stream_id, seq, room_stream_id, room_seq) values ($1, $2, $3, $4)',
    [screen, seq, room, roomSeq],
  );
  await database.query('delete from commands where stream_id = $1 and seq = $2', [screen, seq]);
}

async function seqsOf(database: Database, table: 'commands' | 'deliveries' | 'inbox_references', id: number) {
  const rows = await database.query<{ seq: number }>(
    `select seq from ${table} where stream_id = $1 order by seq`,
    [id],
  );
  return rows.map(({ seq }) => seq);
}

async function floorOf(database: Database, id: number): Promise<number> {
  const [row] = await database.query<{ floor: number }>(
    'select floor_seq as floor from streams where id = $1',
    [id],
  );
  return row?.floor ?? -1;
}

const old = START - DAY;
const young = START - DAY + 1;

describeEachDatabase('retention', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    now = START;
  });

  it('[DL82] a command goes when its delivery ended COMMAND_RETENTION_HOURS ago, and not a millisecond earlier', async () => {
    const id = await fill(database, 'screen', 'scr_a', [old, old, young]);
    const retention = retentionOf(database);
    expect(await retention.run()).toMatchObject({ command: 2, delivery: 2 });
    expect(await seqsOf(database, 'commands', id)).toEqual([3]);
    expect(await seqsOf(database, 'deliveries', id)).toEqual([3]);
    expect(await floorOf(database, id)).toBe(2);
    now += 1;
    expect(await retention.run()).toMatchObject({ command: 1, delivery: 1 });
    expect(await retention.run()).toMatchObject({ command: 0, delivery: 0 });
  });

  it('[DL83] nothing that is pending goes, however old, nor what follows it in its inbox', async () => {
    const id = await fill(database, 'screen', 'scr_a', [old, null, old]);
    // Not even if acked_seq were wrong.
    await database.query('update screen_sessions set acked_seq = 3');
    expect(await retentionOf(database).run()).toMatchObject({ command: 1 });
    expect(await seqsOf(database, 'commands', id)).toEqual([2, 3]);
  });

  it('[DL83] the floor does not overtake acked_seq', async () => {
    const id = await fill(database, 'screen', 'scr_a', [old, old]);
    await database.query('update screen_sessions set acked_seq = 1');
    expect(await retentionOf(database).run()).toMatchObject({ command: 1 });
    expect(await floorOf(database, id)).toBe(1);
  });

  it('[DL83] a command below the floor stays while its outcome is not known to be old', async () => {
    const id = await fill(database, 'screen', 'scr_a', [old, null, young]);
    await database.query('update streams set floor_seq = 3 where id = $1', [id]);
    await retentionOf(database).run();
    expect(await seqsOf(database, 'commands', id)).toEqual([2, 3]);
  });

  it('[DL82] an inbox longer than a statement goes in several, and a run that was cut short is finished by the next', async () => {
    const long = await fill(database, 'screen', 'scr_a', Array(1203).fill(old));
    const short = await fill(database, 'screen', 'scr_b', [old, young]);
    await database.query('update streams set floor_seq = 700 where id = $1', [long]);
    expect(await retentionOf(database).run()).toMatchObject({ command: 1204, delivery: 1204 });
    expect(await floorOf(database, long)).toBe(1203);
    expect(await seqsOf(database, 'commands', short)).toEqual([2]);
  });

  it('[DL82] the inbox of a deleted screen goes like any other', async () => {
    const id = await fill(database, 'screen', 'scr_a', [null, null]);
    await database.query('select * from cancel_inbox($1, $2)', [id, old]);
    expect(await retentionOf(database).run()).toMatchObject({ command: 2, delivery: 2 });
  });

  it('[DL85] the history of a room goes by age and by length, whichever comes first', async () => {
    const aged = await fill(database, 'room', 'by-age', [null, null]);
    const long = await fill(database, 'room', 'by-length', Array(12).fill(null));
    await database.query('update commands set accepted_at = $2 where stream_id = $1', [
      aged,
      START - 31 * DAY,
    ]);
    await database.query('update commands set accepted_at = $2 where stream_id = $1', [
      long,
      START - 2 * DAY,
    ]);
    expect(await retentionOf(database, { roomHistoryMax: 10 }).run()).toMatchObject({ command: 4 });
    expect(await seqsOf(database, 'commands', aged)).toEqual([]);
    expect(await floorOf(database, aged)).toBe(2);
    expect((await seqsOf(database, 'commands', long))[0]).toBe(3);
    expect(await floorOf(database, long)).toBe(2);
  });

  it('[DL85] what the history of a room lets go of stays known for COMMAND_RETENTION_HOURS', async () => {
    const id = await fill(database, 'room', 'busy', Array(12).fill(null));
    const retention = retentionOf(database, { roomHistoryMax: 10 });
    await retention.run();
    expect(await floorOf(database, id)).toBe(2);
    expect(await seqsOf(database, 'commands', id)).toHaveLength(12);
    now += DAY;
    expect(await retention.run()).toMatchObject({ command: 2 });
  });

  it('[DL85] a long history that aged goes in several statements', async () => {
    const id = await fill(database, 'room', 'aged', Array(700).fill(null));
    await database.query('update commands set accepted_at = $2 where stream_id = $1', [id, START - 31 * DAY]);
    await database.query('update commands set accepted_at = $2 where stream_id = $1 and seq = 650', [
      id,
      START,
    ]);
    expect(await retentionOf(database).run()).toMatchObject({ command: 649 });
    expect(await floorOf(database, id)).toBe(649);
  });

  it('[DL85] a room command stays in every inbox until its last delivery has ended that long ago, then all go at once', async () => {
    const room = await fill(database, 'room', 'lobby', [null, null]);
    await database.query('update commands set accepted_at = $2 where stream_id = $1', [
      room,
      START - 31 * DAY,
    ]);
    const done = await fill(database, 'screen', 'scr_a', [old, old]);
    const late = await fill(database, 'screen', 'scr_b', [old, young]);
    for (const screen of [done, late])
      for (const seq of [1, 2]) await refer(database, screen, seq, room, seq);
    const retention = retentionOf(database);
    expect(await retention.run()).toMatchObject({ reference: 2, delivery: 2, command: 1 });
    expect(await seqsOf(database, 'inbox_references', done)).toEqual([2]);
    expect(await seqsOf(database, 'deliveries', done)).toEqual([2]);
    expect(await seqsOf(database, 'commands', room)).toEqual([2]);
    now += 1;
    expect(await retention.run()).toMatchObject({ reference: 2, delivery: 2, command: 1 });
  });

  it('[DL85] a room command that screens are done with stays in the history', async () => {
    const room = await fill(database, 'room', 'lobby', [null]);
    const screen = await fill(database, 'screen', 'scr_a', [old]);
    await refer(database, screen, 1, room, 1);
    expect(await retentionOf(database).run()).toMatchObject({ reference: 1, delivery: 1, command: 0 });
    expect(await seqsOf(database, 'commands', room)).toEqual([1]);
  });

  it('[DL85] fan-outs beyond a statement go in several', async () => {
    const room = await fill(database, 'room', 'lobby', Array(300).fill(null));
    const screen = await fill(database, 'screen', 'scr_a', Array(300).fill(old));
    await database.query('delete from commands where stream_id = $1', [screen]);
    await database.query(
      'insert into inbox_references select $1, seq, $2, seq from generate_series(1, 300) as g(seq)',
      [screen, room],
    );
    const other = await fill(database, 'room', 'other', [null]);
    await database.query('update streams set last_seq = 301 where id = $1', [screen]);
    await database.query('update screen_sessions set acked_seq = 301');
    await database.query('insert into inbox_references values ($1, 301, $2, 1)', [screen, other]);
    await end(database, screen, [{ seq: 301, at: old }]);
    expect(await retentionOf(database).run()).toMatchObject({ reference: 301, delivery: 301 });
  });

  it('[DL86] a dead letter is a copy: it outlives its command and goes after DEAD_LETTER_DAYS', async () => {
    const id = await fill(database, 'screen', 'scr_a', [old]);
    await database.query(
      `insert into dead_letters (id, screen_id, stream_id, seq, command_id, sender_id, type, payload, reason, attempts, at, first_id)
       select gen_random_uuid(), 'scr_a', stream_id, seq, id, sender_id, type, payload, 'exhausted', 4, $2, id
       from commands where stream_id = $1`,
      [id, old],
    );
    const retention = retentionOf(database);
    await retention.run();
    expect(await seqsOf(database, 'commands', id)).toEqual([]);
    expect(await database.query('select payload from dead_letters')).toEqual([
      { payload: '{"action":"show"}' },
    ]);
    now = old + 30 * DAY - 1;
    expect(await retention.run()).toMatchObject({ dead_letter: 0 });
    now += 1;
    expect(await retention.run()).toMatchObject({ dead_letter: 1 });
  });

  it('[MSG1] keys of operations go when their time is over', async () => {
    await database.query(
      `insert into idempotency (scope, key, fingerprint, expires_at)
       select 'screens', g::text, 'x', $1::bigint + g % 2 from generate_series(1, 600) g`,
      [START],
    );
    const retention = retentionOf(database);
    expect(await retention.run()).toMatchObject({ idempotency_key: 300 });
    expect(await retention.run()).toMatchObject({ idempotency_key: 0 });
  });

  it('[MSG2] removes exactly the leading entries of each inbox that all ended long enough ago', async () => {
    const inbox = fc.array(fc.constantFrom(old - 5, old, young, null), { maxLength: 12, size: 'max' });
    await fc.assert(
      fc.asyncProperty(fc.array(inbox, { minLength: 1, maxLength: 4, size: 'max' }), async (inboxes) => {
        await emptyLedger(database);
        const ids = [];
        for (const [n, ended] of inboxes.entries())
          ids.push(await fill(database, 'screen', `scr_${n}`, ended));
        await retentionOf(database).run();
        for (const [n, ended] of inboxes.entries()) {
          const kept = ended.findIndex((at) => at === null || at > old);
          const floor = kept === -1 ? ended.length : kept;
          const rest = ended.map((_, index) => index + 1).slice(floor);
          const outcomes = rest.filter((seq) => ended[seq - 1] !== null);
          const [left] = await database.query(
            `select floor_seq as floor,
               array(select seq from commands where stream_id = s.id order by seq) as rest,
               array(select seq from deliveries where stream_id = s.id order by seq) as outcomes
             from streams s where id = $1`,
            [ids[n] ?? 0],
          );
          expect(left).toEqual({ floor, rest, outcomes });
        }
      }),
      { numRuns: 20 },
    );
  });

  it('[MSG2] one run at a time: another finds the lock taken and leaves it', async () => {
    await fill(database, 'screen', 'scr_a', [old]);
    const held = await database.tryLock('retention');
    expect(await retentionOf(database).run()).toBeUndefined();
    await held?.release();
    expect(await retentionOf(database).run()).toMatchObject({ command: 1 });
  });

  it('[BEY7] [RM41] what was in rooms goes after ROOM_HISTORY_DAYS, so many rows a statement', async () => {
    const left = { participant: 300, room: 40 };
    const asked: [string, number][] = [];
    const pruneRooms: PruneRooms = async (kind, rows, until) => {
      asked.push([kind, until]);
      const gone = Math.min(left[kind], rows);
      left[kind] -= gone;
      return gone;
    };
    const retention = retentionOf(database, { roomHistoryMs: 7 * DAY }, new Metrics(), { pruneRooms });
    expect(await retention.run()).toMatchObject({ participant: 300, room: 40 });
    expect(asked.map(([kind]) => kind)).toEqual(['participant', 'participant', 'participant', 'room']);
    expect(new Set(asked.map(([, until]) => until))).toEqual(new Set([now - 7 * DAY]));
  });

  it('[BEY7] counts what it removed', async () => {
    const metrics = new Metrics();
    await fill(database, 'screen', 'scr_a', [old, old]);
    await retentionOf(database, {}, metrics).run();
    expect(await metrics.text()).toContain('bongsu_retention_removed_total{kind="command"} 2');
  });
});

describeEachDatabase('retention of commands that were sent', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  let clock: ManualClock;
  let told: () => void;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    now = Date.now();
    clock = new ManualClock();
    const push = { toUser: (_user: string, event: string) => event === 'command-status' && told() };
    harness = commandsHarness(database, { clock, databaseClock: () => now, push });
    await harness.commands.start();
    await harness.addScreen('scr_a');
  });
  afterAll(() => harness.commands.stop(AbortSignal.timeout(1000)));

  const execute = async (count: number) => {
    const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
    const sent = [];
    for (let n = 0; n < count; n += 1) {
      const command = triggerTo('scr_a', { timestamp: now });
      sent.push({ command, answer: await harness.send('trigger', command) });
    }
    let left = count;
    const executed = new Promise<void>((resolve) => {
      told = () => {
        left -= 1;
        if (left === 0) resolve();
      };
    });
    const { detach } = await connectScreen(harness.commands, screen);
    await executed;
    detach();
    return sent;
  };

  it('[DL82] an id is known for the whole retention; after it the status is unknown and the first timestamp too old', async () => {
    const [sent] = await execute(1);
    if (!sent) throw new Error('nothing was sent');
    const retention = retentionOf(database);
    now += DAY - 1;
    await retention.run();
    expect(await harness.send('trigger', sent.command)).toEqual({ ...sent.answer, duplicate: true });
    now += 1;
    await retention.run();
    await expect(harness.send('trigger', sent.command)).rejects.toMatchObject({ code: 'REQUEST_EXPIRED' });
    const deps = { ledger: new StatusLedger(database), authorize: () => undefined };
    expect(await statusOf(deps, userPrincipal(), [sent.command.id])).toEqual([
      { id: sent.command.id, status: 'unknown' },
    ]);
  });

  it('[DL84] a resume offset below the floor of an inbox is recovered: all down there has ended', async () => {
    const [, second] = await execute(3);
    now += DAY;
    expect(await retentionOf(database).run()).toMatchObject({ command: 3 });
    const screen = new FakeScreen('scr_a', {
      resume: { epoch: second?.answer.epoch ?? '', seq: 1 },
      answer: () => ({ status: 'executed' }),
    });
    const next = await harness.send('trigger', triggerTo('scr_a', { timestamp: now }));
    told = () => {};
    const { ready, detach } = await connectScreen(harness.commands, screen);
    expect(ready.state).toMatchObject({ lastSeq: 4, acked: 3, recovered: true });
    const [entry] = await screen.received(1);
    expect(entry?.entry.seq).toBe(next.seq);
    expect(next.seq).toBe(4);
    detach();
  });
});

describePostgres('retention beside accepting', (open) => {
  it('[MSG2] accepting, connecting, receipts and reading wait for no lock of a removal under way', async () => {
    const database = await open();
    now = Date.now();
    const harness = commandsHarness(database);
    await harness.commands.start();
    const id = await harness.addScreen('scr_a');
    const seqs = [1, 2, 3];
    await database.query('update streams set last_seq = 3');
    await database.query('update screen_sessions set acked_seq = 3');
    await database.query(
      `insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at)
       select $1, seq, $2, gen_random_uuid(), 'trigger', 'x', '{}', 0, 0 from unnest($3::bigint[]) as u(seq)`,
      [id, randomUUID(), seqs],
    );
    await end(
      database,
      id,
      seqs.map((seq) => ({ seq, at: 1 })),
    );
    const ledger = new DeliveryLedger(database);
    await database.query('update streams set floor_seq = 3');
    await database.transaction(async (tx) => {
      const store = new RetentionStore(tx as Database);
      expect(await store.pruneInboxes([id], 250, now)).toEqual({ commands: 3, deliveries: 3 });
      await store.pruneDeadLetters(250, now);
      // Its locks are held until the end of this block; whoever wanted one would wait for it, and the test for ever.
      const first = triggerTo('scr_a');
      const answer = await harness.send('trigger', first);
      expect(answer.seq).toBe(4);
      expect(await harness.send('trigger', first)).toMatchObject({ duplicate: true });
      const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
      const { detach } = await connectScreen(harness.commands, screen);
      await screen.received(1);
      detach();
      await ledger.readHeads([id]);
    });
    await harness.commands.stop(AbortSignal.timeout(1000));
  });

  it('[MSG2] a floor whose stream is being written is left for the next run, not waited for', async () => {
    const database = await open();
    now = START;
    const busy = await fill(database, 'screen', 'scr_a', [old]);
    const idle = await fill(database, 'screen', 'scr_b', [old]);
    await database.transaction(async (tx) => {
      await tx.query('select from streams where id = $1 for no key update', [busy]);
      expect(await retentionOf(database).run()).toMatchObject({ command: 1 });
    });
    expect([await floorOf(database, busy), await floorOf(database, idle)]).toEqual([0, 1]);
    expect(await retentionOf(database).run()).toMatchObject({ command: 1 });
  });
});

it('[MSG2] runs again and again at uneven times, and not after it was stopped', async () => {
  const clock = new ManualClock();
  const asked: number[] = [];
  let answered: () => void = () => {};
  const retention = new Retention({
    config: commandsConfig(),
    store: {} as RetentionStore,
    lock: {
      tryLock: async () => {
        asked.push(clock.now() - START);
        setImmediate(() => answered());
        return undefined;
      },
    },
    clock,
    databaseClock: clock.now,
    log: silentLog,
    metrics: new Metrics(),
    random: () => 0.25,
  });
  retention.start();
  for (let n = 0; n < 3; n += 1) {
    const run = new Promise<void>((resolve) => {
      answered = resolve;
    });
    clock.advance(225_000);
    await run;
  }
  expect(asked).toEqual([225_000, 450_000, 675_000]);
  await retention.stop();
  clock.advance(DAY);
  expect(asked).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

it('[MSG2] a run that failed is followed by the next', async () => {
  const clock = new ManualClock();
  const second = new Promise<void>((resolve) => {
    let tries = 0;
    const retention = new Retention({
      config: commandsConfig(),
      store: {} as RetentionStore,
      lock: {
        tryLock: async () => {
          tries += 1;
          if (tries === 2) resolve();
          else setImmediate(() => clock.advance(450_000));
          throw new Error('the database is away');
        },
      },
      clock,
      databaseClock: clock.now,
      log: silentLog,
      metrics: new Metrics(),
    });
    retention.start();
    clock.advance(450_000);
  });
  await second;
});
