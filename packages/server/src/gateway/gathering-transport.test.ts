import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket as NodeSocket } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { afterEach, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { gatherFrames } from './gathering-transport.js';

let end: () => void = () => undefined;
afterEach(() => end());

/** A raw websocket that has joined the namespace, its socket at the server, and the texts and chunks that come after that. */
async function connect(perMessageDeflate = false) {
  const http = createServer().listen(0, '127.0.0.1');
  const io = new Server(http, { perMessageDeflate });
  gatherFrames(io);
  end = () => void io.close();
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  const [[socket]] = await Promise.all([
    once(io, 'connection') as Promise<[Socket]>,
    once(client, 'message').then(() => client.send('40')),
  ]);
  await once(client, 'message');
  const texts: string[] = [];
  client.on('message', (data) => texts.push(String(data)));
  return { client, socket, texts };
}

const LENGTHS = [0, 1, 100, 125, 126, 127, 65_520, 65_535, 65_536, 70_000];

it.each([false, true])('[DL24] sends texts of every length in order (deflate: %s)', async (deflate) => {
  const { socket, texts, client } = await connect(deflate);
  const sent = LENGTHS.map((length) => `한${'x'.repeat(length)}`);
  for (const text of sent) socket.emit('text', text);
  while (texts.length < sent.length) await once(client, 'message');
  expect(texts).toEqual(sent.map((text) => `42${JSON.stringify(['text', text])}`));
});

it('[DL24] keeps the place of what is no text', async () => {
  const { socket, texts, client } = await connect();
  socket.emit('a', 1);
  socket.emit('b', Buffer.from([7]));
  socket.emit('c', 3);
  while (texts.length < 4) await once(client, 'message');
  expect(texts).toEqual(['42["a",1]', '451-["b",{"_placeholder":true,"num":0}]', '\x07', '42["c",3]']);
});

it('[PF1] writes what is sent in one turn at once', async () => {
  const { socket, texts, client } = await connect();
  const { transport } = socket.conn as unknown as { transport: { socket: { _socket: NodeSocket } } };
  const write = vi.spyOn(transport.socket._socket, 'write');
  for (let n = 0; n < 8; n += 1) socket.emit('n', n);
  while (texts.length < 8) await once(client, 'message');
  expect(write).toHaveBeenCalledTimes(1);
});

it.each(['close', 'disconnect'] as const)('[DL24] sends what was said before a %s', async (how) => {
  const { socket, texts, client } = await connect();
  socket.emit('a', 1);
  socket.emit('b', 2);
  if (how === 'close') socket.conn.close();
  else socket.disconnect(true);
  await once(client, 'close');
  expect(texts.slice(0, 2)).toEqual(['42["a",1]', '42["b",2]']);
});

it.each([false, true])(
  '[RM70] writes frames of broadcasts between others, in order (deflate: %s)',
  async (deflate) => {
    const { socket, texts, client } = await connect(deflate);
    const { nsp } = socket;
    const sent = LENGTHS.map((length) => `한${'x'.repeat(length)}`);
    nsp.emit('text', 'alone');
    while (texts.length < 1) await once(client, 'message');
    for (const text of sent) {
      nsp.emit('text', text);
      socket.emit('text', text);
    }
    while (texts.length < 1 + 2 * sent.length) await once(client, 'message');
    const expected = ['alone', ...sent.flatMap((text) => [text, text])];
    expect(texts).toEqual(expected.map((text) => `42${JSON.stringify(['text', text])}`));
  },
);
