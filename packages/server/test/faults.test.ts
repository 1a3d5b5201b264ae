import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { send, trigger, World } from '@bongsu/conformance';
import type { Accepted, Failure } from '@bongsu/protocol';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../src/chaos/processes.js';
import { ServerNode } from '../src/chaos/server-node.js';
import { type Clock, systemClock } from '../src/platform/clock.js';
import type { OpenedPglite } from '../src/platform/database/pglite.js';
import {
  type CommandsHarness,
  commandsHarness,
  connectScreen,
  FakeScreen,
  triggerTo,
} from './support/commands.js';
import { createPgliteFolder, openTestPglite } from './support/pglite-databases.js';
import { findPostgresToHurt, startPostgres, type ThrowAwayPostgres } from './support/postgres.js';
import { createPostgresDatabase } from './support/postgres-databases.js';
import { describeEachServer, makeStorage, type RunningServer, startOn } from './support/server.js';

/** How long the database is away. `npm run prove -- outage` does it for 30 s. */
const AWAY_MS = 2000;
/** Delivery goes on this soon after the database is back. */
const BACK_WITHIN_MS = 5000;

const HEALTHCHECK = fileURLToPath(new URL('../../../deploy/healthcheck.mjs', import.meta.url));

const executed = () => ({ status: 'executed' });
const pause = (ms: number) => new Promise<void>((resolve) => systemClock.after(ms, resolve));

const binaries = await findPostgresToHurt('A PostgreSQL that goes away');

describe.skipIf(!binaries)('a PostgreSQL that goes away', () => {
  let postgres: ThrowAwayPostgres;
  let server: RunningServer;
  let world: World;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    postgres = await startPostgres({ fsync: true });
    const database = await createPostgresDatabase(postgres.url, false);
    const folder = await makeStorage('embedded');
    remove = folder.remove;
    const settings = {
      ...folder.settings,
      DATABASE_URL: database.url,
      COMMAND_RATE_PER_MINUTE: '1000000',
    };
    server = await startOn({ settings, remove });
    world = new World({ url: server.url });
  });
  afterEach(async () => {
    world.sockets.closeAll();
    await server.stop();
    await postgres.remove();
    await remove();
  });

  const setUp = async () => {
    const owner = await world.person('owner');
    const device = await world.device(owner);
    const screen = await world.connectScreen(device, executed);
    const socket = await world.controller(owner);
    const accepted: string[] = [];
    const codes = new Set<string>();
    const one = async () => {
      const command = trigger(device.screen.screenId);
      const answer = (await socket.timeout(60_000).emitWithAck('trigger', command)) as
        | (Accepted & { success: true })
        | Failure;
      if (answer.success) accepted.push(command.id);
      else codes.add(answer.error.code);
      return answer;
    };
    return { screen, accepted, codes, one };
  };

  /** What `/health/live` and `/health/ready` answer. */
  const probes = async () => {
    const answers = ['live', 'ready'].map((name) => world.http.get(`/api/health/${name}`));
    return (await Promise.all(answers)).map(({ status }) => status);
  };

  /** The exit code of the image's HEALTHCHECK, which this machine need not have an image for. */
  const healthcheck = async () => {
    const { hostname, port } = new URL(server.url);
    const env = { HOST: hostname, PORT: port, PATH: process.env.PATH };
    const [code] = await once(spawn(process.execPath, [HEALTHCHECK], { env, stdio: 'ignore' }), 'exit');
    return code as number | null;
  };

  it.each<[string, () => Promise<void>, () => Promise<void>]>([
    ['is stopped at once and started again', () => postgres.stop('immediate'), () => postgres.start()],
    ['is frozen and thawed', () => postgres.freeze(), () => postgres.thaw()],
  ])(
    '[STB2] [DL81] [HT2] [ND44] which %s: UNAVAILABLE and not ready, but alive meanwhile, nothing accepted is lost, delivery goes on within 5 s',
    async (_, takeAway, bringBack) => {
      const { screen, accepted, codes, one } = await setUp();
      for (let n = 0; n < 20; n += 1) await one();
      const inFlight = Array.from({ length: 50 }, one);
      await takeAway();
      await Promise.race([Promise.all(inFlight), pause(AWAY_MS)]);
      // Until the circuit is open, what was sent may be of unknown outcome.
      await expect
        .poll(async () => one().then(() => codes.has('UNAVAILABLE')), { timeout: 60_000, interval: 100 })
        .toBe(true);
      expect([...codes].filter((code) => !['UNAVAILABLE', 'INDETERMINATE'].includes(code))).toEqual([]);
      expect(await probes()).toEqual([200, 503]);
      expect(await healthcheck()).toBe(1);
      await pause(AWAY_MS);
      await bringBack();
      const back = systemClock.monotonic();
      await expect.poll(async () => (await one()).success, { timeout: 30_000, interval: 50 }).toBe(true);
      const last = accepted.at(-1) ?? '';
      await expect.poll(() => screen.ids.includes(last), { timeout: 30_000, interval: 20 }).toBe(true);
      expect(systemClock.monotonic() - back).toBeLessThan(BACK_WITHIN_MS);
      expect(await probes()).toEqual([200, 200]);
      expect(await healthcheck()).toBe(0);
      await Promise.all(inFlight);
      await expect
        .poll(() => accepted.filter((id) => !screen.ids.includes(id)), { timeout: 30_000 })
        .toEqual([]);
    },
    180_000,
  );

  it('[STB2] [DL39] whose backends are killed in the middle of batches loses nothing and runs nothing twice', async () => {
    const { screen, accepted, codes, one } = await setUp();
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    const sending = (async () => {
      for (let n = 0; n < 40; n += 1) await Promise.all(Array.from({ length: 20 }, one));
    })();
    for (let n = 0; n < 8; n += 1) {
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where pid <> pg_backend_pid() and application_name like 'bongsu%' and query like '%accept_commands%'`,
      );
      await pause(100);
    }
    await sending;
    await client.end();
    expect([...codes].filter((code) => !['UNAVAILABLE', 'INDETERMINATE'].includes(code))).toEqual([]);
    await expect
      .poll(() => accepted.filter((id) => !screen.ids.includes(id)), { timeout: 60_000 })
      .toEqual([]);
    expect(new Set(screen.ids).size).toBe(screen.ids.length);
  }, 180_000);
});

describe("PGlite's worker is killed", () => {
  let folder: string;
  let opened: OpenedPglite;
  let harness: CommandsHarness;

  beforeEach(async () => {
    folder = await createPgliteFolder(true);
    opened = await openTestPglite(folder);
    harness = commandsHarness(opened.database);
    await harness.commands.start();
  });
  afterEach(async () => {
    await harness.commands.stop(AbortSignal.timeout(1000));
    await opened.database.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('[DL39] [DL81] in the middle of batches: it is back within 5 s, nothing accepted is lost or run twice', async () => {
    await harness.addScreen('scr_a');
    const screen = new FakeScreen('scr_a', { answer: executed });
    await connectScreen(harness.commands, screen);
    const accepted: string[] = [];
    const codes = new Set<string>();
    const one = async () => {
      const command = triggerTo('scr_a');
      await harness.send('trigger', command).then(
        () => accepted.push(command.id),
        (error: { code: string }) => codes.add(error.code),
      );
    };
    await Promise.all(Array.from({ length: 100 }, one));
    const inFlight = Array.from({ length: 200 }, one);
    await opened.killWorker();
    const killed = systemClock.monotonic();
    const before = accepted.length;
    await expect
      .poll(async () => one().then(() => accepted.length), { timeout: 30_000, interval: 50 })
      .toBeGreaterThan(before);
    expect(systemClock.monotonic() - killed).toBeLessThan(BACK_WITHIN_MS);
    await Promise.all(inFlight);
    expect([...codes].filter((code) => !['UNAVAILABLE', 'INDETERMINATE'].includes(code))).toEqual([]);
    const ids = () => screen.sent.map(({ entry }) => entry.id);
    await expect.poll(() => accepted.filter((id) => !ids().includes(id)), { timeout: 30_000 }).toEqual([]);
    expect(new Set(ids()).size).toBe(ids().length);
  }, 120_000);
});

describe("a server whose PGlite's worker is killed", () => {
  it('[DL81] [DL39] serves its connected screen again within 5 s: nothing accepted is lost or run twice', async () => {
    const folder = await createPgliteFolder(true);
    const environment = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
    const node = new ServerNode({ port: await freePort(), settings: { DATA_DIR: folder }, environment });
    onTestFinished(async () => {
      await node.kill();
      await rm(folder, { recursive: true, force: true });
    });
    await node.start();
    const world = new World({ url: node.url });
    onTestFinished(() => world.sockets.closeAll());
    const owner = await world.person('owner');
    const device = await world.device(owner);
    const screen = await world.connectScreen(device, executed);
    const socket = await world.controller(owner);
    const accepted: string[] = [];
    const one = async () => {
      const command = trigger(device.screenId);
      const answer = (await socket.timeout(60_000).emitWithAck('trigger', command)) as { success: boolean };
      if (answer.success) accepted.push(command.id);
      return command.id;
    };
    await Promise.all(Array.from({ length: 50 }, one));
    const inFlight = Array.from({ length: 100 }, one);
    node.killPglite();
    const killed = systemClock.monotonic();
    await expect.poll(() => node.output, { timeout: 10_000, interval: 5 }).toContain("PGlite's thread died");
    // Sent after the death: only its successor can have stored them.
    const sent: string[] = [];
    const isServed = async () => {
      sent.push(await one());
      return sent.some((id) => screen.ids.includes(id));
    };
    await expect.poll(isServed, { timeout: 30_000, interval: 20 }).toBe(true);
    expect(systemClock.monotonic() - killed).toBeLessThan(BACK_WITHIN_MS);
    await Promise.all(inFlight);
    await expect
      .poll(() => accepted.filter((id) => !screen.ids.includes(id)), { timeout: 30_000 })
      .toEqual([]);
    expect(new Set(screen.ids).size).toBe(screen.ids.length);
  }, 120_000);
});

describeEachServer('clocks', (start) => {
  const MINUTES_10 = 600_000;
  /** A machine whose wall clock is wrong, and may be set while it runs. */
  const wrongClock = (offMs: number): Clock & { offMs: number } => {
    const clock = { ...systemClock, offMs, now: () => systemClock.now() + clock.offMs };
    return clock;
  };

  it.each([
    ['behind', -MINUTES_10],
    ['ahead', MINUTES_10],
  ])(
    "[DL9] a node's clock 10 min %s, or set while it runs, refuses nothing and delivers",
    async (_, offMs) => {
      const clock = wrongClock(offMs);
      const { url } = await start({ overrides: { clock } });
      const world = new World({ url });
      const owner = await world.person('owner');
      const device = await world.device(owner);
      const screen = await world.connectScreen(device, executed);
      const socket = await world.controller(owner);
      for (const setTo of [offMs, 0, -offMs]) {
        clock.offMs = setTo;
        const answer = await send(socket, 'trigger', trigger(device.screen.screenId, { ttlMs: 60_000 }));
        expect(answer).toMatchObject({ success: true });
      }
      await screen.received(3);
      const again = await world.logIn(owner);
      await world.controller(again);
      world.sockets.closeAll();
    },
  );

  it("[DL9] a controller's clock 10 min off is told the time, and is accepted by it", async () => {
    const { url } = await start();
    const world = new World({ url });
    const owner = await world.person('owner');
    const device = await world.device(owner);
    const socket = await world.controller(owner);
    for (const offMs of [-MINUTES_10, MINUTES_10]) {
      const command = trigger(device.screen.screenId, { timestamp: Date.now() + offMs });
      const refused = (await send(socket, 'trigger', command)) as Failure;
      const { serverTime } = refused.error.details as { serverTime: number };
      const answer = await send(socket, 'trigger', { ...command, timestamp: serverTime });
      expect(answer).toMatchObject({ success: true, duplicate: false });
    }
    world.sockets.closeAll();
  });
});
