import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send, trigger, World } from '@bongsu/conformance';
import type { Accepted, Failure, Health } from '@bongsu/protocol';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ALGORITHM } from './support/algorithm.js';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { findPostgresToHurt, startPostgres, type ThrowAwayPostgres } from './support/postgres.js';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from './support/redis.js';
import { makeStorage, type RunningServer, startOn } from './support/server.js';

const binaries = await findPostgresToHurt('A PostgreSQL that is full or read-only');

/** Few enough to use up, and more than two nodes have that do nothing; three of them are for a DBA. */
const MAX_CONNECTIONS = 24;

describe.skipIf(!binaries)('several nodes on a PostgreSQL', () =>
  describeWithRedis('that refuses', () => {
    let postgres: ThrowAwayPostgres;
    let redis: ThrowAwayRedis;
    let settings: Record<string, string>;
    let removeFolder: () => Promise<void>;
    const servers: RunningServer[] = [];
    let a: World;
    let b: World;

    beforeAll(async () => {
      [postgres, redis] = await Promise.all([
        startPostgres({ settings: { max_connections: String(MAX_CONNECTIONS), synchronous_commit: 'on' } }),
        startRedis(),
      ]);
      // No superuser, who may have the last three connections as well.
      await asAdmin('create role bongsu login');
    });
    afterAll(async () => {
      await redis?.remove();
      await postgres?.remove();
    });
    beforeEach(async () => {
      const folder = await makeStorage('embedded');
      removeFolder = folder.remove;
      await asAdmin('create database bongsu owner bongsu');
      const url = new URL(postgres.url);
      Object.assign(url, { username: 'bongsu', pathname: '/bongsu' });
      settings = {
        ...folder.settings,
        DATABASE_URL: url.href,
        REDIS_URL: redis.url,
        COMMAND_RATE_PER_MINUTE: '1000000',
      };
      for (const NODE_NAME of ['node-a', 'node-b'])
        servers.push(await startOn({ settings, remove: async () => {} }, { settings: { NODE_NAME } }));
      [a, b] = servers.map(({ url }) => new World({ url })) as [World, World];
    });
    afterEach(async () => {
      for (const world of [a, b]) world?.sockets.closeAll();
      for (const server of servers.splice(0).reverse()) await server.stop();
      await asAdmin('drop database bongsu with (force)');
      await removeFolder();
    });

    const asAdmin = async (...statements: string[]) => {
      const admin = new pg.Client({ connectionString: postgres.url });
      await admin.connect();
      try {
        for (const statement of statements) await admin.query(statement);
      } finally {
        await admin.end();
      }
    };
    /** A name that no replica has stands for one that is away. */
    const setReplica = (name: '' | 'away') =>
      asAdmin(`alter system set synchronous_standby_names = '${name}'`, 'select pg_reload_conf()');
    const runs = async (condition: string) => {
      const admin = new pg.Client({ connectionString: postgres.url });
      await admin.connect();
      const { rows } = await admin
        .query(
          `select from pg_stat_activity where pid <> pg_backend_pid() and state = 'active' and ${condition}`,
        )
        .finally(() => admin.end());
      return rows.length > 0;
    };
    const setReadOnly = (value: 'on' | 'off') =>
      asAdmin(`alter system set default_transaction_read_only = ${value}`, 'select pg_reload_conf()');

    /** A further node, as a process of its own. */
    const runThird = async () => {
      const folder = await mkdtemp(join(tmpdir(), 'bongsu-third-'));
      const processes = new BongsuProcesses(folder);
      onTestFinished(async () => {
        await processes.killAll();
        await rm(folder, { recursive: true, force: true });
      });
      return processes.run(['serve'], { ...settings, NODE_NAME: 'node-c', JWT_ALG: ALGORITHM });
    };

    /** A controller at the first node, and a screen at the second one. */
    const setUp = async () => {
      const owner = await a.person('owner');
      const device = await a.device(owner);
      const screen = await b.connectScreen(device, () => ({ status: 'executed' }));
      const socket = await a.controller(owner);
      const accepted: string[] = [];
      const refusals: Failure['error'][] = [];
      const one = async () => {
        const command = trigger(device.screen.screenId);
        const answer = (await send(socket, 'trigger', command)) as (Accepted & { success: true }) | Failure;
        if (answer.success) accepted.push(command.id);
        else refusals.push(answer.error);
        return answer.success;
      };
      return { owner, device, screen, accepted, refusals, one };
    };
    const health = async ({ http }: World) => (await http.get('/api/health')).body as Health;
    const ready = () =>
      Promise.all([a, b].map(async ({ http }) => (await http.get('/api/health/ready')).status));

    it('[DEP1] nothing, but may lose what it committed: a server that starts says by which settings', async () => {
      for (const server of servers.splice(0).reverse()) await server.stop();
      const server = await runThird();
      await server.shows(/"level":"warn".*PostgreSQL runs with fsync=off/);
      await server.shows('is ready');
    });

    it('[ND33] any more: nothing is accepted, both nodes are not ready, nothing accepted is lost, and all goes on by itself', async () => {
      const { owner, screen, accepted, refusals, one } = await setUp();
      for (let n = 0; n < 20; n += 1) await one();
      const inFlight = Array.from({ length: 100 }, one);
      await setReadOnly('on');
      onTestFinished(() => setReadOnly('off'));
      await Promise.all(inFlight);
      await expect.poll(one).toBe(false);
      await expect.poll(ready).toEqual([503, 503]);
      expect((await health(a)).checks.database).toEqual({
        status: 'unavailable',
        message: 'The database is read-only (a standby?).',
      });
      const made = await a.http.post('/api/screens', { name: 'Foyer' }, owner.accessToken);
      expect([made.status, made.body]).toMatchObject([
        503,
        { error: { code: 'UNAVAILABLE', retryable: true } },
      ]);
      for (let n = 0; n < 20; n += 1) expect(await one()).toBe(false);
      await setReadOnly('off');
      await expect.poll(one).toBe(true);
      await expect.poll(ready).toEqual([200, 200]);
      for (const { code, retryable, retryAfterMs } of refusals)
        expect([code, retryable, retryAfterMs]).toEqual(['UNAVAILABLE', true, expect.any(Number)]);
      await expect.poll(() => [...new Set(screen.ids)].sort()).toEqual([...accepted].sort());
      expect(screen.ids).toHaveLength(accepted.length);
    }, 60_000);

    it('[ND83] to commit alone: nothing is acknowledged that its synchronous replica does not have, and all is when it comes back', async () => {
      const { owner, device, screen } = await setUp();
      const socket = await a.controller(owner);
      await setReplica('away');
      onTestFinished(() => setReplica(''));
      // What comes while the setting is on its way may still be committed by the old one.
      await expect.poll(() => runs("wait_event = 'SyncRep'")).toBe(true);
      const answers: unknown[] = [];
      const commands = Array.from({ length: 5 }, () => trigger(device.screen.screenId));
      const answered = commands.map(async (command) => {
        answers.push(await socket.emitWithAck('trigger', command));
      });
      // Past its deadline: submitted again, it waits for what its first submission holds.
      await expect.poll(() => runs("query like '%accept_commands_checked%'")).toBe(true);
      expect(answers).toEqual([]);
      await setReplica('');
      await Promise.all(answered);
      expect(answers).toEqual(commands.map(() => expect.objectContaining({ success: true })));
      await expect.poll(() => [...screen.ids].sort()).toEqual(commands.map(({ id }) => id).sort());
    }, 60_000);

    it('[ND34] any further connection: nodes that run go on with those they have, and one that starts says so and waits', async () => {
      const { owner, screen, accepted, refusals, one } = await setUp();
      const taken = await takeAll(settings.DATABASE_URL ?? '');
      onTestFinished(() => Promise.all(taken.splice(0).map((client) => client.end())).then(() => {}));
      const third = await runThird();
      await third.shows(/too many clients|remaining connection slots/);
      // More at once than the node has connections.
      await Promise.all(Array.from({ length: 300 }, one));
      const lists = Array.from({ length: 100 }, () => a.http.get('/api/screens', owner.accessToken));
      const reads = await Promise.all(lists);
      expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([200]));
      expect(refusals).toEqual([]);
      await expect.poll(() => screen.ids.length).toBe(accepted.length);
      for (const client of taken.splice(0)) await client.end();
      await third.shows('is ready');
    }, 60_000);
  }),
);

/** All connections that are left to others than a DBA. */
async function takeAll(connectionString: string): Promise<pg.Client[]> {
  const taken: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString });
    client.on('error', () => {});
    try {
      await client.connect();
      taken.push(client);
    } catch {
      return taken;
    }
  }
}
