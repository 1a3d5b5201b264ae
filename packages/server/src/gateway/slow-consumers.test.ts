import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket as ServerSocket } from 'socket.io';
import { io } from 'socket.io-client';
import { afterEach, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { Connection } from './connection.js';
import { gatherFrames } from './gathering-transport.js';
import { SlowConsumers } from './slow-consumers.js';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A stock client, whose end of the TCP connection can be left unread, and the server's side of it. */
async function connectPair() {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new Server(http, { transports: ['websocket'] });
  gatherFrames(server);
  const connected = once(server, 'connection') as Promise<[ServerSocket]>;
  const { port } = http.address() as AddressInfo;
  const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false });
  cleanUps.push(
    () => client.close(),
    () => void server.close(),
  );
  const [socket] = await connected;
  const transport = client.io.engine.transport as unknown as { ws: { _socket: { pause(): void } } };
  return {
    client,
    connection: new Connection(socket, () => {}),
    stopReading: () => transport.ws._socket.pause(),
  };
}

it('[SK20] ends a socket whose peer does not read, after two looks, and leaves the others', async () => {
  const [slow, brisk] = await Promise.all([connectPair(), connectPair()]);
  const clock = new ManualClock();
  let ended = 0;
  const watch = new SlowConsumers({
    clock,
    consumers: () => [slow.connection, brisk.connection],
    onEnded: () => {
      ended += 1;
    },
  });
  watch.start();
  slow.stopReading();
  const text = 'x'.repeat(64 * 1024);
  const last = new Promise<void>((resolve) => brisk.client.on('last', resolve));
  for (const { connection } of [slow, brisk]) {
    // More than the kernel's buffers of both ends take.
    for (let n = 0; n < 400; n += 1) connection.emit('text', { text });
    connection.emit('last', {});
  }
  await last;
  expect(slow.connection.queuedBytes()).toBeGreaterThan(1024 * 1024);
  expect(brisk.connection.queuedBytes()).toBe(0);
  await clock.advance(1000);
  expect(slow.connection.isConnected).toBe(true);
  await clock.advance(1000);
  expect([slow.connection.isConnected, brisk.connection.isConnected, ended]).toEqual([false, true, 1]);
  watch.stop();
});
