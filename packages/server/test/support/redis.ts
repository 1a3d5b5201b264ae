import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import { freePort } from '../../src/chaos/processes.js';
import type { RedisServer } from '../../src/platform/ephemeral/redis-server.js';

const run = promisify(execFile);
const LOOPBACK = '127.0.0.1';
/** How long a server may take to be there. */
const PATIENCE_MS = 20_000;

export interface ThrowAwayRedis {
  /** For REDIS_URL. */
  url: string;
  port: number;
  server: RedisServer;
  /** A reply as the wire has it, for looking in and for settings: `command('config', 'set', 'maxmemory', '1')`. */
  command(...words: [string, ...string[]]): Promise<unknown>;
  /** `kill` is kill -9. It keeps nothing either way. */
  stop(how?: 'term' | 'kill'): Promise<void>;
  /** After `stop`; the same port. */
  start(): Promise<void>;
  /** Stops it in its tracks (SIGSTOP): connections stand, and nothing is answered, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Ends it at once and removes its folder. */
  remove(): Promise<void>;
}

export interface RedisOptions {
  /** Further lines of redis.conf. */
  lines?: readonly string[];
  port?: number;
  /** Looks in with these: `['--user', …]` of redis-cli; where the server wants TLS or a password. */
  client?: { username?: string; password?: string; tls?: { ca: string } };
  sentinel?: boolean;
}

function isOnPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs the suite where there is a redis-server. */
export function describeWithRedis(title: string, suite: () => void): void {
  const isThere = isOnPath('redis-server');
  if (!isThere && process.env.CI === 'true')
    throw new Error('No Redis: there is no redis-server on the PATH');
  describe.skipIf(!isThere)(title, suite);
}

/** A Redis of our own in a temporary folder on a free port, on the loopback only. */
export async function startRedis(options: RedisOptions = {}): Promise<ThrowAwayRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-redis-'));
  const port = options.port ?? (await freePort());
  const file = join(folder, 'redis.conf');
  const lines = [
    ...(options.lines?.some((line) => line.startsWith('tls-port')) ? ['port 0'] : [`port ${port}`]),
    `bind ${LOOPBACK}`,
    `dir ${folder}`,
    'daemonize no',
    ...(options.sentinel ? [] : ['save ""', 'appendonly no']),
    ...(options.lines ?? []).map((line) => line.replaceAll('{port}', String(port))),
  ];
  await writeFile(file, lines.join('\n'));
  const client = new Redis({
    host: LOOPBACK,
    port,
    ...options.client,
    lazyConnect: true,
    retryStrategy: () => 10,
    maxRetriesPerRequest: null,
  });
  client.on('error', () => {});
  let server: ChildProcess | undefined;

  const start = async () => {
    const started = spawn('redis-server', [file, ...(options.sentinel ? ['--sentinel'] : [])], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    server = started;
    let output = '';
    started.stdout.on('data', (chunk) => {
      output = (output + chunk).slice(-4000);
    });
    const ended = once(started, 'exit').then(() => {
      throw new Error(`Redis did not start: ${output}`);
    });
    ended.catch(() => {});
    await Promise.race([client.ping(), ended]);
  };
  const stop = async (how: 'term' | 'kill' = 'kill') => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(how === 'kill' ? 'SIGKILL' : 'SIGTERM');
    await ended;
  };
  const remove = async () => {
    client.disconnect();
    await stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    url: `redis://${LOOPBACK}:${port}`,
    port,
    server: { kind: 'single', addresses: [{ host: LOOPBACK, port }], db: 0, tls: false },
    command: (...words) => client.call(...words),
    start,
    stop,
    freeze: () => void server?.kill('SIGSTOP'),
    thaw: () => void server?.kill('SIGCONT'),
    remove,
  };
}

export interface RedisGroup {
  url: string;
  server: RedisServer;
  nodes: readonly ThrowAwayRedis[];
  remove(): Promise<void>;
}

/** A cluster of three primaries. */
export async function startRedisCluster(): Promise<RedisGroup> {
  const lines = ['cluster-enabled yes', 'cluster-node-timeout 1000'];
  const nodes = await Promise.all([1, 2, 3].map(() => startClusterNode(lines)));
  const hosts = nodes.map(({ port }) => `${LOOPBACK}:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...hosts, '--cluster-replicas', '0', '--cluster-yes']);
  for (const node of nodes)
    await until(async () => String(await node.command('cluster', 'info')).includes('cluster_state:ok'));
  return {
    url: `redis+cluster://${hosts.join(',')}`,
    server: {
      kind: 'cluster',
      addresses: nodes.map(({ port }) => ({ host: LOOPBACK, port })),
      db: 0,
      tls: false,
    },
    nodes,
    remove: () => removeAll(nodes),
  };
}

/** The nodes talk on a port of their own, by default 10,000 beyond, which may not be one. */
async function startClusterNode(lines: readonly string[]): Promise<ThrowAwayRedis> {
  return startRedis({ lines: [...lines, `cluster-port ${await freePort()}`] });
}

/** A primary (the first node), a replica, and one sentinel, whose word is enough. */
export async function startRedisSentinel(name = 'bongsu'): Promise<RedisGroup> {
  const primary = await startRedis();
  const replica = await startRedis({
    lines: [`replicaof ${LOOPBACK} ${primary.port}`, 'repl-diskless-sync-delay 0'],
  });
  const sentinel = await startRedis({
    sentinel: true,
    lines: [
      `sentinel monitor ${name} ${LOOPBACK} ${primary.port} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 3000`,
    ],
  });
  const nodes = [primary, replica, sentinel];
  await until(async () =>
    String(await replica.command('info', 'replication')).includes('master_link_status:up'),
  );
  await until(async () => String(await sentinel.command('info', 'sentinel')).includes('slaves=1'));
  return {
    url: `redis+sentinel://${LOOPBACK}:${sentinel.port}/${name}`,
    server: {
      kind: 'sentinel',
      addresses: [{ host: LOOPBACK, port: sentinel.port }],
      master: name,
      db: 0,
      tls: false,
    },
    nodes,
    remove: () => removeAll(nodes),
  };
}

async function removeAll(nodes: readonly ThrowAwayRedis[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.remove()));
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > giveUpAt) throw new Error('Redis was not ready in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
