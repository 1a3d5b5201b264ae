import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RoomEvent } from '@bongsu/protocol';
import { Server, type Socket } from 'socket.io';
import { type Socket as Client, io as connectClient } from 'socket.io-client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { gatherFrames } from './gathering-transport.js';
import { NamespaceGroups } from './socket-groups.js';

interface Pair {
  socket: Socket;
  client: Client;
  /** What the client heard, in order. */
  heard: unknown[][];
}

let server: Server;
let groups: NamespaceGroups;
let url: string;
const pairs: Pair[] = [];

beforeEach(async () => {
  const http = createServer().listen(0, '127.0.0.1');
  server = new Server(http, { serveClient: false });
  gatherFrames(server);
  groups = new NamespaceGroups();
  groups.bind(server.of('/'));
  await once(http, 'listening');
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const { client } of pairs.splice(0)) client.disconnect();
  await server.close();
});

async function connect(transport = 'websocket'): Promise<Pair> {
  const client = connectClient(url, { forceNew: true, reconnection: false, transports: [transport] });
  const [socket] = (await once(server, 'connection')) as [Socket];
  if (!client.connected) await new Promise<void>((resolve) => client.once('connect', resolve));
  const pair: Pair = { socket, client, heard: [] };
  client.onAny((...args) => pair.heard.push(args));
  pairs.push(pair);
  return pair;
}

async function connectMany(count: number): Promise<Pair[]> {
  const made: Pair[] = [];
  for (let i = 0; i < count; i += 1) made.push(await connect(i % 3 === 2 ? 'polling' : 'websocket'));
  return made;
}

const who = (userId: string): RoomEvent => ({ roomId: 'lobby', participantId: 'p', userId, username: 'Ada' });

/** After it everything that was emitted before has come. */
async function flush(): Promise<void> {
  await Promise.all(
    pairs
      .filter(({ socket }) => socket.connected)
      .map(({ socket }) => new Promise<void>((resolve) => socket.emit('flush', resolve))),
  );
}
const answerFlush = ({ client }: Pair) => client.on('flush', (ack: () => void) => ack());
const namesOf = ({ heard }: Pair) =>
  heard.filter(([event]) => event !== 'flush').map(([, payload]) => (payload as RoomEvent).userId);

it('[RM70] a group hears what is said to it in order, without the one that is left out, and nobody else does', async () => {
  const all = await connectMany(4);
  all.forEach(answerFlush);
  const [a, b, c, outsider] = all as [Pair, Pair, Pair, Pair];
  for (const { socket } of [a, b, c]) expect(groups.join(socket.id, 'room:1:0')).toBe(true);
  groups.emitHere('room:1:0', 'user-joined', who('1'));
  groups.emitTo(b.socket.id, 'user-joined', who('2'));
  groups.emitHere('room:1:0', 'user-joined', who('3'), a.socket.id);
  groups.emitHere('room:1:0', 'user-joined', who('4'), b.socket.id);
  groups.leave(c.socket.id, 'room:1:0');
  groups.emitHere('room:1:0', 'user-joined', who('5'));
  await flush();
  expect(namesOf(a)).toEqual(['1', '4', '5']);
  expect(namesOf(b)).toEqual(['1', '2', '3', '5']);
  expect(namesOf(c)).toEqual(['1', '3', '4']);
  expect(namesOf(outsider)).toEqual([]);
});

it('[RM70] a group may be called as a socket is, and reaches only who joined it', async () => {
  const all = await connectMany(2);
  all.forEach(answerFlush);
  const [a, b] = all as [Pair, Pair];
  groups.join(a.socket.id, b.socket.id);
  groups.emitHere(b.socket.id, 'user-joined', who('1'));
  await flush();
  expect(namesOf(a)).toEqual(['1']);
  expect(namesOf(b)).toEqual([]);
});

it('[RM70] a socket that is gone joins nothing, and leaves its groups when it ends', async () => {
  const [a] = (await connectMany(1)) as [Pair];
  groups.join(a.socket.id, 'room:1:0');
  const gone = once(a.socket, 'disconnect');
  a.client.disconnect();
  await gone;
  expect(groups.join(a.socket.id, 'room:1:0')).toBe(false);
  expect(groups.join('unknown', 'room:1:0')).toBe(false);
  expect(server.of('/').adapter.rooms.size).toBe(0);
  expect(new NamespaceGroups().join(a.socket.id, 'room:1:0')).toBe(false);
});

it('[RM70] [SCL3] a broadcast to ten sockets is encoded as often as one to one', async () => {
  const all = await connectMany(10);
  all.forEach(answerFlush);
  const encodings = (group: string) => {
    let reads = 0;
    const payload = Object.defineProperty(who('x'), 'username', {
      enumerable: true,
      get: () => {
        reads += 1;
        return 'Ada';
      },
    });
    groups.emitHere(group, 'user-joined', payload);
    return reads;
  };
  groups.join((all[0] as Pair).socket.id, 'one');
  for (const { socket } of all) groups.join(socket.id, 'ten');
  const forOne = encodings('one');
  expect(forOne).toBeGreaterThan(0);
  expect(encodings('ten')).toBe(forOne);
  // What each socket is sent besides goes out in the same turn, and in order.
  for (const { socket } of all) groups.emitTo(socket.id, 'user-joined', who('after'));
  await flush();
  for (const pair of all.slice(1)) expect(namesOf(pair)).toEqual(['x', 'after']);
});
