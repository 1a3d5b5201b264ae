import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commandsHarness } from '../../test/support/commands.js';
import { describePostgres } from '../../test/support/databases.js';
import { testDeps } from '../../test/support/deps.js';
import { fastClock } from '../../test/support/fast-clock.js';
import { plantLetter } from '../../test/support/letters.js';
import {
  createPostgresDatabase,
  type FreshDatabase,
  postgresConfig,
} from '../../test/support/postgres-databases.js';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.js';
import { type Database, DatabaseError, type DatabaseFault } from '../platform/database/database.js';
import { openPostgres } from '../platform/database/postgres.js';
import type { DeadLetterStore, LetterRow, RequeueOutcome } from './dead-letter-store.js';
import { requeueLetters } from './letter-requeue.js';

describePostgres('requeueing through a network that fails', (_open, serverUrl) => {
  let fresh: FreshDatabase;
  let proxy: TcpProxy;
  let database: Database;
  beforeAll(async () => {
    fresh = await createPostgresDatabase(serverUrl, true);
    const { hostname, port } = new URL(fresh.url);
    proxy = await startTcpProxy(Number(port), hostname);
    database = await openPostgres(postgresConfig(proxy.url(fresh.url)), testDeps());
  });
  afterAll(async () => {
    await database.close();
    await proxy.close();
    await fresh.drop();
  });

  it.each([{ forward: true }, { forward: false }])(
    '[DL64] a COMMIT without an answer is asked again and makes one command, whether it was done or not ($forward)',
    async ({ forward }) => {
      const { commands, addScreen } = commandsHarness(database);
      await addScreen(`scr_${forward}`);
      const { id, commandId } = await plantLetter(database, `scr_${forward}`);
      proxy.cutAfter('requeue_dead_letters', { forward });
      const accepted = await commands.deadLetters.requeue(id);
      expect(accepted).toMatchObject({ seq: 1, duplicate: false });
      const made = await database.query('select id, seq from commands where requeue_of = $1', [commandId]);
      expect(made).toEqual([{ id: accepted.id, seq: 1 }]);
    },
  );

  it('[DL64] those that wait for each other read what the first one wrote', async () => {
    const { commands, addScreen } = commandsHarness(database);
    const streamId = await addScreen('scr_crowd');
    const { id, commandId } = await plantLetter(database, 'scr_crowd');
    let requeues: Promise<unknown>[] = [];
    await database.transaction(async (tx) => {
      await tx.query('update streams set last_seq = last_seq where id = $1', [streamId]);
      requeues = Array.from({ length: 20 }, () => commands.deadLetters.requeue(id).catch(({ code }) => code));
      const waiting = async () => {
        // Within a transaction the view stands still.
        await tx.query('select pg_stat_clear_snapshot()');
        return tx.query(
          `select 1 from pg_stat_activity
           where wait_event_type = 'Lock' and datname = current_database() and query like '%requeue_dead_letters(%'`,
        );
      };
      await expect.poll(async () => (await waiting()).length, { timeout: 10_000 }).toBeGreaterThan(1);
    });
    const answers = await Promise.all(requeues);
    expect(answers.filter((answer) => answer === 'CONFLICT')).toHaveLength(19);
    expect(await database.query('select seq from commands where requeue_of = $1', [commandId])).toEqual([
      { seq: 1 },
    ]);
  });
});

const letter: LetterRow = {
  id: randomUUID(),
  screenId: 'scr_a',
  commandId: randomUUID(),
  senderId: randomUUID(),
  type: 'trigger',
  payload: '{"action":"show"}',
  reason: 'lost',
  error: null,
  attempts: 1,
  at: 1,
  requeuedAs: null,
};

/** Answers each try by the next of `answers`, the last one for ever. */
function tries(...answers: (DatabaseFault | RequeueOutcome['outcome'] | Error)[]) {
  const asked: string[] = [];
  const store = {
    requeue: async (requests: { commandId: string }[]) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)];
      asked.push(...requests.map(({ commandId }) => commandId));
      if (answer instanceof Error) throw answer;
      if (answer === 'unknown' || answer === 'requeued') return [{ outcome: answer }];
      throw new DatabaseError(answer as DatabaseFault, 'planted');
    },
  } as unknown as DeadLetterStore;
  const deps = { store, clock: fastClock(100), now: () => 1, ttlMs: 1, maxPending: 1 };
  return { asked, run: () => requeueLetters(deps, [letter]) };
}

it.each<[DatabaseFault[], string]>([
  [['connection'], 'UNAVAILABLE'],
  [['full'], 'UNAVAILABLE'],
  [['deadlock'], 'UNAVAILABLE'],
  [['commit-unknown'], 'INDETERMINATE'],
  [['commit-unknown', 'connection'], 'INDETERMINATE'],
])('[DL64] a database that answers %j to the end is %s', async (faults, code) => {
  await expect(tries(...faults).run()).rejects.toMatchObject({ code });
});

it.each<DatabaseFault[][]>([
  [['deadlock']],
  [['serialization', 'deadlock']],
  [['commit-unknown', 'connection']],
])('[DL64] after %j the same command ids are tried again', async (faults) => {
  const { asked, run } = tries(...faults, 'requeued');
  expect(await run()).toEqual([{ outcome: 'requeued' }]);
  expect(asked).toHaveLength(faults.length + 1);
  expect(new Set(asked).size).toBe(1);
});

it('[DL64] a letter removed after a COMMIT without an answer is INDETERMINATE, and a fault of ours is passed on', async () => {
  await expect(tries('commit-unknown', 'unknown').run()).rejects.toMatchObject({ code: 'INDETERMINATE' });
  expect(await tries('unknown').run()).toEqual([{ outcome: 'unknown' }]);
  await expect(tries(new TypeError('ours')).run()).rejects.toBeInstanceOf(TypeError);
});
