import { once } from 'node:events';
import { trigger, World } from '@bongsu/conformance';
import type { Entry } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { describeEachServer, makeStorage } from './support/server.js';

const DAY_MS = 24 * 3_600_000;
/** The shortest that there are. */
const SHORT = { HEARTBEAT_INTERVAL_MS: '1000', HEARTBEAT_TIMEOUT_MS: '500' };

/** A screen's bare WebSocket. It answers no ping of Engine.IO, as a machine that lost its network does. */
class DumbScreen {
  readonly #socket: WebSocket;
  readonly #packets: string[] = [];
  readonly closed: Promise<unknown>;

  constructor(url: string, token: string) {
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    this.closed = once(this.#socket, 'close');
    this.#socket.on('message', (data) => {
      const packet = String(data);
      this.#packets.push(packet);
      if (packet.startsWith('0')) this.#socket.send(`40${JSON.stringify({ token })}`);
    });
  }

  /** The first entry sent, with the id of the ack that it asks for. */
  async entry(): Promise<{ entry: Entry; ackId: number }> {
    for (;;) {
      for (const packet of this.#packets) {
        const [, ackId, text] = /^42(\d+)(\[.*)$/s.exec(packet) ?? [];
        if (ackId !== undefined && text !== undefined)
          return { ackId: Number(ackId), entry: (JSON.parse(text) as [string, Entry])[1] };
      }
      await once(this.#socket, 'message');
    }
  }

  end(): void {
    this.#socket.terminate();
  }
}

describeEachServer('bare sockets', (start, profile) => {
  it('[STB3] [DL17] a screen that answers no pings is dropped, and its entry goes to its next connection', async () => {
    const { url } = await start({ settings: SHORT });
    const world = new World({ url });
    const owner = await world.person('owner');
    const device = await world.device(owner);
    const controller = await world.controller(owner);
    const dumb = new DumbScreen(url, device.accessToken);
    const command = trigger(device.screenId);
    await controller.emitWithAck('trigger', command);
    expect((await dumb.entry()).entry).toMatchObject({ id: command.id, attempt: 1 });
    await dumb.closed;
    const next = await world.connectScreen(device);
    expect((await next.received(1))[0]).toMatchObject({ id: command.id, seq: 1, attempt: 2 });
    world.sockets.closeAll();
  });

  it('[DL20] a process begins its ack ids at a random place, of at most 45 bits', async () => {
    const storage = await makeStorage(profile);
    const seen: number[] = [];
    for (let n = 0; n < 2; n += 1) {
      const server = await start({}, storage);
      const world = new World({ url: server.url });
      const owner = await world.signUp();
      const device = await world.device(owner);
      const controller = await world.controller(owner);
      const screen = new DumbScreen(server.url, device.accessToken);
      await controller.emitWithAck('trigger', trigger(device.screenId));
      seen.push((await screen.entry()).ackId);
      screen.end();
      world.sockets.closeAll();
      await server.stop();
    }
    await storage.remove();
    // That a number is below a million comes once in thirty million runs.
    for (const id of seen) expect(id).toBeGreaterThan(1_000_000);
    for (const id of seen) expect(id).toBeLessThan(2 ** 45 + 1000);
    expect(seen[0]).not.toBe(seen[1]);
  });

  it('[DL42] [ER10] a ttlMs of exactly the retention is accepted, a millisecond more is VALIDATION_ERROR', async () => {
    const { url } = await start({ settings: { COMMAND_RETENTION_HOURS: '24' } });
    const world = new World({ url });
    const owner = await world.person('owner');
    const { screenId } = await world.createScreen(owner);
    const controller = await world.controller(owner);
    const send = (ttlMs: number) => controller.emitWithAck('trigger', trigger(screenId, { ttlMs }));
    expect(await send(DAY_MS)).toMatchObject({ success: true, seq: 1 });
    expect(await send(DAY_MS + 1)).toMatchObject({
      success: false,
      error: { code: 'VALIDATION_ERROR', details: [{ path: 'ttlMs' }] },
    });
    world.sockets.closeAll();
  });
});
