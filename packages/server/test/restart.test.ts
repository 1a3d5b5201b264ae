import { once } from 'node:events';
import { type Device, trigger, World } from '@bongsu/conformance';
import type { Accepted, CommandOrUnknown } from '@bongsu/protocol';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { makeStorage, type Storage } from './support/server.js';

describe.each(['embedded', 'postgres'] as const)('after kill -9 (%s)', (profile) => {
  const absent = profile === 'postgres' && inject('postgresUrl') === '';
  let storage: Storage;
  let processes: BongsuProcesses;
  const worlds: World[] = [];

  beforeEach(async () => {
    storage = await makeStorage(profile);
    processes = new BongsuProcesses(storage.settings.DATA_DIR ?? '');
  });
  afterEach(async () => {
    for (const world of worlds.splice(0)) world.sockets.closeAll();
    await processes.killAll();
    await storage.remove();
  });

  async function serve() {
    const { child, shows } = processes.run(['serve'], { ...storage.settings, NODE_NAME: 'survivor' });
    const line = await shows(/is ready: +http:\S+/);
    const world = new World({ url: line.slice(line.indexOf('http')) });
    worlds.push(world);
    return {
      world,
      async kill() {
        child.kill('SIGKILL');
        await once(child, 'close');
      },
    };
  }

  it.skipIf(absent)(
    '[SCL3] a user socket gets back its login and the states of its commands, a screen its place',
    async () => {
      const before = await serve();
      const owner = await before.world.person('owner');
      const device: Device = await before.world.device(owner);
      const { screenId } = device;
      const controller = await before.world.sockets.connect({ token: owner.accessToken });
      const ids: string[] = [];
      const send = async (count: number) => {
        for (let n = 0; n < count; n += 1) {
          const command = trigger(screenId);
          ids.push(command.id);
          const answer = await controller.socket.emitWithAck('trigger', command);
          expect((answer as Accepted & { success: boolean }).success).toBe(true);
        }
      };
      const screen = await before.world.connectScreen(device);
      const executed = new Promise((resolve) => {
        controller.socket.on('command-status', ({ id }) => id === ids[2] && resolve(id));
      });
      await send(3);
      await executed;
      screen.socket.disconnect();
      await send(2);
      await before.kill();

      const { world } = await serve();
      // The tokens of before, and nothing else: what a client keeps in memory while it reconnects.
      const back = await world.sockets.connect({ token: owner.accessToken });
      const { userId, sessionId } = controller.ready;
      expect(back.ready).toMatchObject({ userId, sessionId });
      const { items } = (await back.socket.emitWithAck('status', { ids })) as { items: CommandOrUnknown[] };
      expect(items.map(({ status }) => status)).toEqual([
        'executed',
        'executed',
        'executed',
        'accepted',
        'accepted',
      ]);
      const stream = `screen:${screenId}`;
      const resume = { epoch: screen.ready.epoch, streams: { [stream]: 3 } };
      const again = await world.connectScreen(device, undefined, { resume });
      const sameEpoch = again.ready.epoch === screen.ready.epoch;
      expect(again.ready.streams[stream]).toMatchObject({ lastSeq: 5, recovered: sameEpoch });
      expect((await again.received(2)).map(({ id }) => id)).toEqual(ids.slice(3));
    },
  );
});
