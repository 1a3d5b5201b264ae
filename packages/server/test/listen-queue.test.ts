import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { startBalancer } from '../../../bench/lib/balancer.mjs';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { missingPrograms } from './support/on-path.js';

/** More than the 511 of Node and nginx. */
const CROWD = 1000;
const missing = missingPrograms('nginx', 'haproxy', 'openssl');

let sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.destroy();
});

/** What the system allows a queue at most. */
function longestQueue(): number {
  if (process.platform !== 'linux') return 0;
  return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
}

/** They wait for who takes nobody, and all of them are connected. */
async function connectAll(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  sockets = Array.from({ length: CROWD }, () => connect(Number(port), hostname));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
}

describe.skipIf(longestQueue() < CROWD)('a thousand who come while nobody takes them', () => {
  it('[ND85] wait their turn at a node, and none is left to try again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bongsu-queue-'));
    const processes = new BongsuProcesses(folder);
    onTestFinished(async () => {
      await processes.killAll();
      await rm(folder, { recursive: true, force: true });
    });
    await processes.prepareData();
    const server = processes.run(['serve']);
    const line = await server.shows(/is ready: +http:\S+/);
    server.child.kill('SIGSTOP');
    await connectAll(line.slice(line.indexOf('http')).trim());
    server.child.kill('SIGCONT');
    const [last] = sockets.slice(-1) as [Socket];
    last.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(last, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200/);
  });

  it.skipIf(missing.length > 0).each(['nginx', 'haproxy'] as const)(
    '[ND85] wait their turn at %s',
    async (engine) => {
      const balancer = await startBalancer({ engine, ports: [1] });
      onTestFinished(() => balancer.stop());
      balancer.freeze();
      await connectAll(balancer.url);
      expect(sockets.map(({ destroyed }) => destroyed)).toEqual(sockets.map(() => false));
    },
  );
});
