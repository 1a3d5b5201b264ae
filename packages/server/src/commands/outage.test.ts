import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  SENDER,
  triggerTo,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type Database, DatabaseError, type DatabaseFault } from '../platform/database/database.js';
import { judgeDatabase } from '../platform/database/guarded-database.js';

/** A database that can be made to fail, or to hold what is asked of it. */
class Unsteady {
  fault: DatabaseFault | undefined;
  /** Statements that were asked while it was well. */
  statements = 0;
  /** What statements wait for. */
  gate: Promise<unknown> = Promise.resolve();

  of(database: Database): Database {
    const ask = async <T>(work: () => Promise<T>): Promise<T> => {
      await this.gate;
      if (this.fault) throw new DatabaseError(this.fault, 'made up');
      this.statements += 1;
      return work();
    };
    return {
      kind: database.kind,
      query: (text, parameters, options) => ask(() => database.query(text, parameters, options)),
      exec: (text) => ask(() => database.exec(text)),
      transaction: (work, options) => ask(() => database.transaction(work, options)),
      tryLock: (name, note) => database.tryLock(name, note),
      ping: (options) => ask(() => database.ping(options)),
      clockOffsetMs: () => database.clockOffsetMs(),
      measureClock: () => database.measureClock(),
      stats: () => database.stats(),
      close: () => database.close(),
    };
  }
}

describeEachDatabase('an outage of the database', (open) => {
  let database: Database;
  let unsteady: Unsteady;
  let harness: CommandsHarness;
  let nonces = 0;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    unsteady = new Unsteady();
    nonces = 0;
    const registerNonce = () => {
      nonces += 1;
      return true;
    };
    harness = commandsHarness(unsteady.of(database), { registerNonce });
    await harness.commands.start();
    await harness.addScreen('scr_a');
  });
  afterEach(async () => {
    unsteady.fault = undefined;
    await harness.commands.stop(AbortSignal.timeout(1000));
  });
  const send = (command: object = triggerTo('scr_a')) =>
    harness.send('trigger', command).then(
      () => 'accepted',
      (error: { code: string }) => error.code,
    );
  const stored = async () => {
    const rows = await database.query<{ id: string }>(
      'select id from commands where sender_id = $1 order by seq',
      [SENDER],
    );
    return rows.map(({ id }) => id);
  };
  const stateOf = async () => /breaker_state\{name="database"\} (\d)/.exec(await harness.metrics.text())?.[1];
  const openCircuit = async () => {
    unsteady.fault = 'connection';
    for (let n = 0; n < 5; n += 1) expect(await send()).toBe('UNAVAILABLE');
    expect(await stateOf()).toBe('2');
  };

  it('[DL72] [DL81] while its circuit is open, commands are refused at once, before anything is asked or stored', async () => {
    await openCircuit();
    unsteady.fault = undefined;
    const before = unsteady.statements;
    const command = triggerTo('scr_a', { nonce: 'n' });
    const error = await harness.send('trigger', command).catch((thrown: unknown) => thrown);
    expect(nonces).toBe(0);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(1000);
    expect(unsteady.statements).toBe(before);
    expect(await stored()).toEqual([]);
  });

  it('[DL73] [DL81] it recovers by itself, with nobody calling, and the same ids are accepted then', async () => {
    const command = triggerTo('scr_a');
    await openCircuit();
    expect(await send(command)).toBe('UNAVAILABLE');
    unsteady.fault = undefined;
    await expect.poll(stateOf, { timeout: 10_000 }).toBe('0');
    expect(await send(command)).toBe('accepted');
    expect(await stored()).toEqual([command.id]);
  });

  it('[DL81] receipts wait for it and are written when it is back', async () => {
    const screen = new FakeScreen('scr_a');
    await connectScreen(harness.commands, screen);
    expect(await send()).toBe('accepted');
    const [entry] = await screen.received(1);
    await openCircuit();
    entry?.receipt({ status: 'executed' });
    expect(await database.query('select 1 from deliveries')).toEqual([]);
    expect(harness.pushed).toEqual([]);
    unsteady.fault = undefined;
    await expect
      .poll(() => harness.pushed.map(({ payload }) => payload.status), { timeout: 10_000 })
      .toEqual(['executed']);
    expect(await database.query('select status from deliveries')).toEqual([{ status: 'executed' }]);
  });

  it.each<DatabaseFault>(['full', 'readonly'])('[DL72] %s is an answer: it opens nothing', async (fault) => {
    unsteady.fault = fault;
    for (let n = 0; n < 8; n += 1) expect(await send()).toBe('UNAVAILABLE');
    expect(await stateOf()).toBe('0');
    unsteady.fault = undefined;
    expect(await send()).toBe('accepted');
  });

  it('[DL39] a commit of unknown outcome stays one when the circuit opens meanwhile', async () => {
    const command = triggerTo('scr_a');
    unsteady.fault = 'commit-unknown';
    const answer = send(command);
    await expect.poll(stateOf, { timeout: 10_000 }).toBe('2');
    unsteady.fault = undefined;
    // It is submitted again until it is answered, not refused.
    expect(await answer).toBe('accepted');
    expect(await stored()).toEqual([command.id]);
  });

  it('[DL33] [DL81] overload is refused as BUSY before anything is stored, and loses no known id', async () => {
    const known = triggerTo('scr_a', { data: 'known' });
    expect(await send(known)).toBe('accepted');
    let release = () => {};
    unsteady.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const flood = Array.from({ length: 9000 }, (_, n) => triggerTo('scr_a', { data: n }));
    const answers = flood.map((command, n) =>
      harness.send('trigger', command, { socketId: `socket ${n}` }).then(
        () => 'accepted',
        (error: { code: string; retryAfterMs?: number }) => `${error.code} ${error.retryAfterMs}`,
      ),
    );
    expect(await send(known)).toBe('BUSY');
    release();
    const outcomes = await Promise.all(answers);
    expect(new Set(outcomes)).toEqual(new Set(['accepted', 'BUSY 250']));
    const accepted = flood.filter((_, n) => outcomes[n] === 'accepted').map(({ id }) => id);
    expect(await stored()).toEqual([known.id, ...accepted]);
    expect(await harness.send('trigger', known)).toMatchObject({ seq: 1, duplicate: true });
  }, 120_000);
});

it.each<[DatabaseFault, string]>([
  ['connection', 'failure'],
  ['commit-unknown', 'failure'],
  ['timeout', 'failure'],
  ['unique', 'answer'],
  ['deadlock', 'answer'],
  ['serialization', 'answer'],
  ['content', 'answer'],
  ['aborted', 'nothing'],
])('[DL72] %s is taken for: %s', (fault, verdict) => {
  expect(judgeDatabase(new DatabaseError(fault, 'made up'))).toBe(verdict);
  expect(judgeDatabase(new Error('a bug of ours'))).toBe('nothing');
});
