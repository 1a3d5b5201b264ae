import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import {
  commandsConfig,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
} from '../../test/support/commands.js';
import { describePostgres } from '../../test/support/databases.js';
import { plantLetter } from '../../test/support/letters.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from '../../test/support/redis.js';
import { type OpenedEphemeral, openRedisEphemeral } from '../../test/support/redis-ephemeral.js';
import type { Database } from '../platform/database/database.js';
import { silentLog } from '../platform/log.js';
import { DeadLetterMirror } from './dead-letter-mirror.js';
import { MirrorStore } from './mirror-store.js';

const answerAsTold = (entry: { [field: string]: unknown }) => entry.data;

describeWithRedis('the mirror of dead letters', () => {
  describePostgres('', (open) => {
    let database: Database;
    let redis: ThrowAwayRedis;
    let opened: OpenedEphemeral;
    let clock: ManualClock;
    let mirrors: DeadLetterMirror[];

    beforeAll(async () => {
      database = await open();
      redis = await startRedis();
    });
    afterAll(() => redis.remove());
    beforeEach(async () => {
      await emptyLedger(database);
      await redis.command('flushall');
      opened = await openRedisEphemeral(redis.server);
      clock = new ManualClock();
      mirrors = [];
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      for (const mirror of mirrors) await mirror.stop();
      await opened.close();
    });

    function newMirror(): DeadLetterMirror {
      const mirror = new DeadLetterMirror({
        store: new MirrorStore(database),
        mirror: opened.ephemeral.mirror('dlq'),
        clock,
        log: silentLog,
      });
      mirrors.push(mirror);
      mirror.start();
      return mirror;
    }

    /** The ids in a screen's stream, in its order. */
    async function stream(screenId: string): Promise<string[]> {
      const entries = (await redis.command('xrange', `bongsu:dlq:{${screenId}}`, '-', '+')) as [
        string,
        string[],
      ][];
      return entries.map(([, fields]) => fields[fields.indexOf('id') + 1] as string);
    }
    const plant = async (screenId: string) => (await plantLetter(database, screenId)).id;

    it('[MSG2] [ND59] every letter that waits is in the stream of its screen once, however many nodes mirror', async () => {
      const [a, b, c] = [await plant('scr_a'), await plant('scr_a'), await plant('scr_b')];
      newMirror();
      newMirror();
      await expect.poll(() => stream('scr_a')).toEqual([a, b]);
      await expect.poll(() => stream('scr_b')).toEqual([c]);
      const later = await plant('scr_a');
      clock.advance(5000);
      await expect.poll(() => stream('scr_a')).toEqual([a, b, later]);
      const [[, fields]] = (await redis.command('xrange', 'bongsu:dlq:{scr_b}', '-', '+')) as [
        [string, string[]],
      ];
      expect(fields).toEqual(
        expect.arrayContaining([
          'commandId',
          'senderId',
          'payload',
          '{"action":"show"}',
          'reason',
          'rejected',
        ]),
      );
    });

    it('[MSG2] [ND59] all are there again after FLUSHALL, and after a restart that kept nothing', async () => {
      const [a, b] = [await plant('scr_a'), await plant('scr_a')];
      newMirror();
      await expect.poll(() => stream('scr_a')).toEqual([a, b]);
      await redis.command('flushall');
      clock.advance(5000);
      await expect.poll(() => stream('scr_a')).toEqual([a, b]);
      await redis.stop('kill');
      await redis.start();
      await expect.poll(() => stream('scr_a')).toEqual([a, b]);
    });

    it('[MSG2] [ND59] one that was requeued or thrown away leaves, and one that was lost alone comes back', async () => {
      const mirror = newMirror();
      const { commands, addScreen } = commandsHarness(database, {
        config: commandsConfig({}),
        letterMirror: opened.ephemeral.mirror('dlq'),
      });
      await commands.start();
      await addScreen('scr_a');
      const [requeued, removed, stays] = [await plant('scr_a'), await plant('scr_a'), await plant('scr_a')];
      clock.advance(5000);
      await expect.poll(() => stream('scr_a')).toEqual([requeued, removed, stays]);
      await commands.deadLetters.requeue(requeued);
      await commands.deadLetters.remove(removed);
      await expect.poll(() => stream('scr_a')).toEqual([stays]);
      await commands.stop(AbortSignal.timeout(1000));
      // Behind everybody's back: what retention removes, and what a failover lost.
      const gone = await plant('scr_a');
      clock.advance(5000);
      await expect.poll(() => stream('scr_a')).toEqual([stays, gone]);
      await database.query('delete from dead_letters where id = $1', [gone]);
      await opened.ephemeral.mirror('dlq').remove('scr_a', [stays]);
      await mirror.compare();
      expect(await stream('scr_a')).toEqual([stays]);
    });

    it('[MSG2] [ND59] a letter is told of when it is written; what was executed is no reason to look', async () => {
      const letterMirror = opened.ephemeral.mirror('dlq');
      const looks = vi.spyOn(letterMirror, 'isLost');
      // Nobody looks because time has passed.
      const { commands, addScreen, send, statusOf } = commandsHarness(database, { letterMirror, clock });
      await commands.start();
      await addScreen('scr_a');
      await connectScreen(commands, new FakeScreen('scr_a', { answer: answerAsTold }));
      await expect.poll(() => looks.mock.results.length).toBeGreaterThan(0);
      await Promise.all(looks.mock.results.map(({ value }) => value));
      const looksBefore = looks.mock.calls.length;
      const command = (answer: object) =>
        send('trigger', {
          ...{ id: randomUUID(), target: { screenId: 'scr_a' }, timestamp: Date.now(), retries: 0 },
          ...{ action: 'show', data: answer },
        });
      const done = await Promise.all(Array.from({ length: 20 }, () => command({ status: 'executed' })));
      await expect
        .poll(async () => (await statusOf(...done.map(({ id }) => id))).map(({ status }) => status))
        .toEqual(done.map(() => 'executed'));
      expect(looks.mock.calls.length).toBe(looksBefore);
      await command({ status: 'failed', error: 'no power' });
      await expect.poll(() => stream('scr_a')).toHaveLength(1);
      await commands.stop(AbortSignal.timeout(1000));
    });

    it('[MSG2] [ND59] of several nodes one compares each minute, and a stop waits for it', async () => {
      await plant('scr_a');
      const compares = vi.spyOn(MirrorStore.prototype, 'mirrored');
      const ends = vi.spyOn(MirrorStore.prototype, 'stillWaiting');
      const both = [newMirror(), newMirror()];
      await expect.poll(() => stream('scr_a')).toHaveLength(1);
      clock.advance(60_000);
      for (const mirror of both) await mirror.stop();
      expect(compares).toHaveBeenCalledTimes(1);
      expect(ends).toHaveBeenCalledTimes(1);
    });

    it('[MSG2] [ND59] comparing twice at once is done one after the other', async () => {
      let [underWay, most] = [0, 0];
      const compares = vi.spyOn(MirrorStore.prototype, 'mirrored').mockImplementation(async () => {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise(setImmediate);
        underWay -= 1;
        return new Map();
      });
      const mirror = newMirror();
      await Promise.all([mirror.compare(), mirror.compare(), mirror.compare()]);
      expect([most, compares.mock.calls.length]).toEqual([1, 2]);
    });

    it('[MSG2] [ND59] a long stream is compared page by page', async () => {
      const first = await plant('scr_a');
      await database.query(
        `insert into dead_letters (id, screen_id, stream_id, seq, command_id, sender_id, type, payload, reason, attempts, at, first_id)
         select gen_random_uuid(), screen_id, stream_id, seq + n, command_id, sender_id, type, payload, reason, attempts, at + n, first_id
         from dead_letters, generate_series(1, 1500) n`,
      );
      const mirror = newMirror();
      await expect.poll(() => redis.command('xlen', 'bongsu:dlq:{scr_a}')).toBe(1501);
      await database.query(
        'delete from dead_letters where id in (select id from dead_letters order by at desc limit 700)',
      );
      await opened.ephemeral.mirror('dlq').remove('scr_a', [first]);
      const asked = vi.spyOn(MirrorStore.prototype, 'stillWaiting');
      await mirror.compare();
      expect((await stream('scr_a')).length).toBe(801);
      expect(Math.max(...asked.mock.calls.map(([ids]) => ids.length))).toBeLessThan(1000);
    });

    it('[MSG2] [ND59] without Redis letters wait in the table, and are told once it is there', async () => {
      newMirror();
      await redis.stop('kill');
      const id = await plant('scr_a');
      clock.advance(5000);
      await redis.start();
      await expect
        .poll(() => {
          clock.advance(5000);
          return stream('scr_a');
        })
        .toEqual([id]);
    });
  });
});
