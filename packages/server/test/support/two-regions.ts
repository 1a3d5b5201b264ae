import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { World } from '@bongsu/conformance';
import { startPostgres, type ThrowAwayPostgres } from './postgres.js';
import { startRedis, type ThrowAwayRedis } from './redis.js';
import { type RunningServer, startOn } from './server.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';
import { ADMIN } from './two-nodes.js';

type Node = RunningServer & { world: World };

/** A node at home and one in a further region, with a Redis each, a primary at home, and a replica that is near the other. */
export interface TwoRegions {
  home: Node;
  far: Node;
  redis: { home: ThrowAwayRedis; far: ThrowAwayRedis };
  replica: ThrowAwayPostgres;
  /** The primary is gone for good, the replica takes its place, and what led to the one leads to the other. */
  failOver(): Promise<void>;
  /** Through which the further region reaches home: its SQL, its Redis; the replica its primary. */
  link: Link;
  stop(): Promise<void>;
}

export class Link {
  constructor(private readonly proxies: { sql: TcpProxy; redis: TcpProxy; replication: TcpProxy }) {}

  /** All of it, or a part. */
  cut(...parts: ('sql' | 'redis' | 'replication')[]): void {
    for (const proxy of this.#chosen(parts)) {
      proxy.accept(false);
      proxy.cut();
    }
  }

  heal(): void {
    for (const proxy of Object.values(this.proxies)) proxy.heal();
  }

  /** What the primary says does not come any more, and nobody is told so. */
  holdReplication(): void {
    this.proxies.replication.swallow('to-client');
  }

  close(): Promise<unknown> {
    return Promise.all(Object.values(this.proxies).map((proxy) => proxy.close()));
  }

  #chosen(parts: ('sql' | 'redis' | 'replication')[]): TcpProxy[] {
    return parts.length === 0 ? Object.values(this.proxies) : parts.map((part) => this.proxies[part]);
  }
}

/** One way of the link, both ways. */
const DELAY_MS = 5;

export async function startTwoRegions(settings: Record<string, string> = {}): Promise<TwoRegions> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (let next = undo.pop(); next; next = undo.pop()) await next();
  };
  try {
    return { ...(await start(settings, undo)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  settings: Record<string, string>,
  undo: (() => Promise<unknown>)[],
): Promise<Omit<TwoRegions, 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-regions-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const primary = await startPostgres();
  undo.push(primary.remove);
  const redis = { home: await startRedis(), far: await startRedis() };
  undo.push(redis.home.remove, redis.far.remove);
  let sqlPort = primary.port;
  const near = await startTcpProxy(() => sqlPort);
  undo.push(near.close);
  const proxies = {
    sql: await startTcpProxy(() => sqlPort),
    redis: await startTcpProxy(redis.home.port),
    replication: await startTcpProxy(primary.port),
  };
  const link = new Link(proxies);
  undo.push(() => link.close());
  const replica = await startPostgres({ replicaOf: proxies.replication.url(primary.url) });
  undo.push(replica.remove);
  for (const proxy of Object.values(proxies)) proxy.delay(DELAY_MS);
  const shared = {
    DATA_DIR: folder,
    ADMIN_EMAIL: ADMIN.email,
    ADMIN_PASSWORD: ADMIN.password,
    HANDSHAKE_FAILURES_PER_MINUTE: '100000',
    ...settings,
  };
  const node = async (name: string, own: Record<string, string>): Promise<Node> => {
    const all = { ...shared, ...own, NODE_NAME: name, REGION: name };
    const server = await startOn({ settings: all, remove: async () => {} });
    undo.push(server.stop);
    const world = new World({ url: server.url, admin: ADMIN });
    undo.push(async () => world.sockets.closeAll());
    return { ...server, world };
  };
  const home = await node('home', { DATABASE_URL: near.url(primary.url), REDIS_URL: redis.home.url });
  const far = await node('far', {
    DATABASE_URL: proxies.sql.url(primary.url),
    DATABASE_READ_URL: replica.url,
    REDIS_URL: redis.far.url,
    BRIDGE_REDIS_URL: proxies.redis.url(redis.home.url),
  });
  const failOver = async () => {
    await primary.stop('immediate');
    await replica.promote();
    sqlPort = replica.port;
  };
  return { home, far, redis, replica, link, failOver };
}
