import { type Account, nextEvent, send, trigger, World } from '@bongsu/conformance';
import type { Accepted, Ready, SessionClosing } from '@bongsu/protocol';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { openPostgres } from '../src/platform/database/postgres.js';
import { runInProcess } from './support/command-line.js';
import { describePostgres } from './support/databases.js';
import { testDeps } from './support/deps.js';
import { copyPostgresDatabase, postgresConfig } from './support/postgres-databases.js';
import { makeStorage, type RunningServer, type Storage, startOn } from './support/server.js';

/** What a failover or a restore beneath a running server does. Embedded, the epoch changes between two servers only. */
describePostgres('a new epoch beneath a running server', () => {
  let storage: Storage;
  let server: RunningServer;
  let world: World;
  beforeEach(async () => {
    storage = await makeStorage('postgres');
    server = await startOn(storage);
    world = new World({ url: server.url });
  });
  afterEach(async () => {
    world.sockets.closeAll();
    await server.stop();
    await storage.remove();
  });

  const renewEpoch = async () => {
    const database = await openPostgres(postgresConfig(storage.settings.DATABASE_URL ?? ''), testDeps());
    await database.query('update meta set epoch = gen_random_uuid()');
    await database.close();
  };

  it('[DL88] closes every socket, of users too, so that each comes back to a ready of that epoch', async () => {
    const owner = await world.person('owner');
    const device = await world.device(owner);
    const options = { reconnection: true, reconnectionDelay: 10 };
    const idle = await world.sockets.connect({ token: owner.accessToken }, undefined, options);
    const screen = await world.sockets.connect({ token: device.accessToken }, undefined, options);
    const sender = await world.controller(owner);
    const closings = [idle, screen].map(({ socket }) => nextEvent<SessionClosing>(socket, 'session-closing'));
    const readies = [idle, screen].map(({ socket }) => nextEvent<Ready>(socket, 'ready'));
    await renewEpoch();
    sender.emit('trigger', trigger(device.screenId));
    for (const closing of await Promise.all(closings))
      expect(closing).toMatchObject({ code: 'DRAINING', reconnect: true });
    const epochs = new Set((await Promise.all(readies)).map(({ epoch }) => epoch));
    expect(epochs.size).toBe(1);
    expect(epochs).not.toContain(idle.ready.epoch);
  });
});

describePostgres('a copy that was put back into the same PostgreSQL', (_, serverUrl) => {
  it('[ND80] has a new epoch after `bongsu restored`: an offset of before runs ahead of no command', async () => {
    const storage = await makeStorage('postgres');
    onTestFinished(storage.remove);
    const original = await startOn(storage);
    const before = new World({ url: original.url });
    const owner = await before.person('owner');
    const device = await before.device(owner);
    const [{ epoch }] = await sendMany(before, owner, device.screenId, 1);
    before.sockets.closeAll();
    await original.stop();
    const copy = await copyPostgresDatabase(serverUrl, storage.settings.DATABASE_URL ?? '');
    onTestFinished(copy.drop);

    const settings = { ...storage.settings, DATABASE_URL: copy.url };
    const restored = await runInProcess(['restored', '--json'], settings);
    expect(restored).toMatchObject({ code: 0, err: '' });
    const server = await startOn({ settings, remove: async () => {} });
    onTestFinished(server.stop);
    const after = new World({ url: server.url });
    onTestFinished(() => after.sockets.closeAll());
    await sendMany(after, owner, device.screenId, 3);
    // What it did between the copy and its end, as the screen has it.
    const stream = `screen:${device.screenId}`;
    const screen = await after.connectScreen(device, undefined, {
      resume: { epoch, streams: { [stream]: 3 } },
    });
    expect(screen.ready.epoch).toBe(JSON.parse(restored.out).epoch);
    expect(screen.ready.streams[stream]).toMatchObject({ recovered: false, reason: 'epoch', acked: 0 });
    await screen.received(4);
  });
});

async function sendMany(world: World, account: Account, screenId: string, count: number) {
  const socket = await world.controller(account);
  const answers = await Promise.all(
    Array.from({ length: count }, () => send(socket, 'trigger', trigger(screenId))),
  );
  return answers as [Accepted, ...Accepted[]];
}
