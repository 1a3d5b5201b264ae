import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BongsuProcesses } from './support/bongsu-processes.js';

/** More than Node's own queue of 511, fewer than any Linux of today allows. */
const CROWD = 1000;

let folder: string;
let processes: BongsuProcesses;
let sockets: Socket[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bongsu-queue-'));
  processes = new BongsuProcesses(folder);
  await processes.prepareData();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await processes.killAll();
  await rm(folder, { recursive: true, force: true });
});

it.runIf(process.platform === 'linux')(
  '[ND85] a thousand who come while it is busy wait their turn, and none is left to try again',
  async () => {
    const server = processes.run(['serve']);
    const line = await server.shows(/is ready: +http:\S+/);
    const { hostname, port } = new URL(line.slice(line.indexOf('http')).trim());
    // It takes nobody: whoever is connected waits in its queue.
    server.child.kill('SIGSTOP');
    sockets = Array.from({ length: CROWD }, () => connect(Number(port), hostname));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    server.child.kill('SIGCONT');
    const [last] = sockets.slice(-1) as [Socket];
    last.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(last, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200/);
  },
);
