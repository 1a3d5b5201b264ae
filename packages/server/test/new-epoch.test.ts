import { nextEvent, trigger, World } from '@bongsu/conformance';
import type { Ready, SessionClosing } from '@bongsu/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openPostgres } from '../src/platform/database/postgres.js';
import { describePostgres } from './support/databases.js';
import { testDeps } from './support/deps.js';
import { postgresConfig } from './support/postgres-databases.js';
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
