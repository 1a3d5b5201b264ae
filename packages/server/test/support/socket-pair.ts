import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket as ServerSocket } from 'socket.io';
import { io } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { Connection } from '../../src/gateway/connection.js';
import { gatherFrames } from '../../src/gateway/gathering-transport.js';

/** A stock client, whose end of the TCP connection can be left unread, and the server's side of it. */
export async function connectPair() {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new Server(http, { transports: ['websocket'] });
  gatherFrames(server);
  const connected = once(server, 'connection') as Promise<[ServerSocket]>;
  const { port } = http.address() as AddressInfo;
  const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false });
  onTestFinished(() => {
    client.close();
    void server.close();
  });
  const [socket] = await connected;
  const transport = client.io.engine.transport as unknown as {
    ws: { _socket: { pause(): void; resume(): void } };
  };
  return {
    client,
    namespace: server.of('/'),
    connection: new Connection(socket, 0, () => {}),
    stopReading: () => transport.ws._socket.pause(),
    goOnReading: () => transport.ws._socket.resume(),
  };
}
