import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startUdpProxy, type UdpProxy } from './support/udp-proxy.js';

const HOST = '127.0.0.1';
const sockets: Socket[] = [];

async function open(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, HOST);
  sockets.push(socket);
  await once(socket, 'listening');
  return socket;
}

/** What comes next, and from whom. */
async function next(socket: Socket): Promise<{ text: string; port: number }> {
  const [datagram, { port }] = (await once(socket, 'message')) as [Buffer, RemoteInfo];
  return { text: datagram.toString(), port };
}

describe('the UDP proxy of the tests of calls', () => {
  let server: Socket;
  let proxy: UdpProxy;
  /** Sends through the proxy; answers what the server got, and from which port. */
  const reach = async (client: Socket, text: string) => {
    const arrival = next(server);
    client.send(text, proxy.port, HOST);
    return arrival;
  };

  beforeEach(async () => {
    server = await open();
    proxy = await startUdpProxy(server.address().port);
  });
  afterEach(async () => {
    await proxy.close();
    for (const socket of sockets.splice(0)) socket.close();
  });

  it('[BEY4] each client has a port of its own at the server, and answers go to whom they are for', async () => {
    const [one, two] = [await open(), await open()];
    const first = await reach(one, 'one');
    const second = await reach(two, 'two');
    expect([first.text, second.text]).toEqual(['one', 'two']);
    expect(second.port).not.toBe(first.port);
    const answers = Promise.all([next(one), next(two)]);
    server.send('to two', second.port, HOST);
    server.send('to one', first.port, HOST);
    expect(await answers).toEqual([
      { text: 'to one', port: proxy.port },
      { text: 'to two', port: proxy.port },
    ]);
    expect((await reach(one, 'again')).port).toBe(first.port);
    expect(proxy.passed()).toBe(5);
    expect(proxy.dropped()).toBe(0);
  });

  it('[BEY4] while it is cut nothing passes either way; mended, all does, under the same ports', async () => {
    const client = await open();
    const { port } = await reach(client, 'before');
    proxy.cut();
    const arrivals = [next(server), next(client)];
    let dropped = proxy.nextDrop();
    client.send('lost', proxy.port, HOST);
    await dropped;
    dropped = proxy.nextDrop();
    server.send('lost too', port, HOST);
    await dropped;
    expect(proxy.dropped()).toBe(2);
    proxy.mend();
    client.send('after', proxy.port, HOST);
    server.send('after too', port, HOST);
    expect(await Promise.all(arrivals)).toEqual([
      { text: 'after', port },
      { text: 'after too', port: proxy.port },
    ]);
  });
});
