import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Server as SocketServer } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { admission, createAdmit } from './admission.js';

const ORIGIN = 'https://console.example.com';
let server: Server;
let io: SocketServer;
let phase: 'starting' | 'ready' | 'draining';
let isOverloaded: boolean;
let isCutOff: boolean;

beforeEach(async () => {
  phase = 'ready';
  isOverloaded = false;
  isCutOff = false;
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const policy = {
    phase: () => phase,
    allowsOrigin: (origin: string) => origin === ORIGIN,
    isForbiddenPlain: () => false,
    isOverloaded: () => isOverloaded,
    isCutOff: () => isCutOff,
  };
  io = new SocketServer(server, { allowRequest: admission(createAdmit(policy)) });
});
afterEach(() => io.close());

const port = () => (server.address() as AddressInfo).port;

/** What a websocket upgrade is answered, to the end of the connection when it was refused. */
async function upgrade(headers: string[] = []): Promise<string> {
  const socket = connect(port(), '127.0.0.1');
  const lines = [
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
    `Host: 127.0.0.1:${port()}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  let text = '';
  for await (const chunk of socket) {
    text += chunk;
    if (text.startsWith('HTTP/1.1 101')) break;
  }
  socket.destroy();
  return text;
}

const poll = (headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${port()}/socket.io/?EIO=4&transport=polling`, { headers });

describe('admission', () => {
  it('[ND88] while this process alone has lost the database a new connection gets 503', async () => {
    isCutOff = true;
    expect(await upgrade()).toMatch(/^HTTP\/1\.1 503 /);
    expect((await poll()).status).toBe(503);
    isCutOff = false;
    expect(await upgrade()).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('[SIG10] while draining a new connection gets 503 and when to come back, on both transports', async () => {
    phase = 'draining';
    const websocket = await upgrade();
    expect(websocket).toMatch(/^HTTP\/1\.1 503 /);
    expect(websocket).toMatch(/\r\nRetry-After: 1\r\n/);
    const polling = await poll();
    expect([polling.status, polling.headers.get('retry-after')]).toEqual([503, '1']);
    phase = 'ready';
    expect(await upgrade()).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('[ND77] whoever comes while the server starts hears that, and not that it goes away', async () => {
    const saying = async () => ((await (await poll()).json()) as { message: string }).message;
    phase = 'starting';
    expect(await saying()).toBe('This server is starting.');
    phase = 'draining';
    expect(await saying()).toBe('This server is going away.');
  });

  it('[ND47] while too many come in at once one more gets 503 and when to come back', async () => {
    isOverloaded = true;
    expect(await upgrade()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n/);
    isOverloaded = false;
    expect(await upgrade()).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('[SIG10] a connection that was open already may go on polling while others are refused', async () => {
    const { sid } = JSON.parse((await (await poll()).text()).slice(1)) as { sid: string };
    phase = 'draining';
    const url = `http://127.0.0.1:${port()}/socket.io/?EIO=4&transport=polling&sid=${sid}`;
    expect((await fetch(url, { method: 'POST', body: '1' })).status).toBe(200);
  });

  it.each(['https://evil.example.com', 'null', 'http://127.0.0.1:1', `${ORIGIN}.evil.example.com`])(
    '[SEC4] a page of %s opens no connection',
    async (origin) => {
      expect(await upgrade([`Origin: ${origin}`])).toMatch(/^HTTP\/1\.1 403 /);
      expect((await poll({ origin })).status).toBe(403);
    },
  );

  it('[SEC4] a listed page, a page of this host and no page at all do', async () => {
    for (const headers of [[`Origin: ${ORIGIN}`], [`Origin: http://127.0.0.1:${port()}`], []])
      expect(await upgrade(headers)).toMatch(/^HTTP\/1\.1 101 /);
  });
});
