import { afterAll, describe, inject } from 'vitest';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from './redis.js';
import { makeStorage, type RunningServer, type ServerOptions, startOn } from './server.js';

export interface Nodes {
  servers: readonly RunningServer[];
  redis: ThrowAwayRedis;
  stop(): Promise<void>;
}

type NodeOptions = Omit<ServerOptions, 'profile'>;

/** Whole servers on one PostgreSQL database and one Redis, all of their own. */
export async function startNodes(count: number, options: NodeOptions = {}): Promise<Nodes> {
  const storage = await makeStorage('postgres');
  const redis = await startRedis();
  const servers: RunningServer[] = [];
  const stop = async () => {
    for (const server of servers.splice(0).reverse()) await server.stop();
    await redis.remove();
    await storage.remove();
  };
  try {
    for (let place = 1; place <= count; place += 1) {
      const settings = { REDIS_URL: redis.url, NODE_NAME: `node-${place}`, ...options.settings };
      servers.push(await startOn(storage, { ...options, settings }));
    }
    return { servers, redis, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** At least one. */
export type StartNodes = (options?: NodeOptions) => Promise<readonly [RunningServer, ...RunningServer[]]>;

/** Runs the suite where there are PostgreSQL and Redis; what it starts is stopped after it. */
export function describeNodes(count: number, title: string, suite: (start: StartNodes) => void): void {
  describeWithRedis(`${title} (${count} nodes on PostgreSQL and Redis)`, () => {
    describe.skipIf(inject('postgresUrl') === '')('', () => {
      const started: Nodes[] = [];
      afterAll(async () => {
        for (const nodes of started.splice(0)) await nodes.stop();
      });
      suite(async (options) => {
        const nodes = await startNodes(count, options);
        started.push(nodes);
        const [first, ...others] = nodes.servers;
        if (!first) throw new Error('No node was started');
        return [first, ...others];
      });
    });
  });
}
