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
export async function startNodes(names: readonly string[], options: NodeOptions = {}): Promise<Nodes> {
  const [storage, redis] = await Promise.all([makeStorage('postgres'), startRedis()]);
  const servers: RunningServer[] = [];
  const stop = async () => {
    for (const server of servers.splice(0).reverse()) await server.stop();
    await redis.remove();
    await storage.remove();
  };
  try {
    for (const name of names) {
      const settings = { REDIS_URL: redis.url, NODE_NAME: name, ...options.settings };
      servers.push(await startOn(storage, { ...options, settings }));
    }
    return { servers, redis, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Skipped where there is no PostgreSQL or no Redis. */
export function describeNodes(title: string, suite: () => void): void {
  describe.skipIf(inject('postgresUrl') === '')(title, () => describeWithRedis('', suite));
}

/** At least one. */
export type StartNodes = (options?: NodeOptions) => Promise<readonly [RunningServer, ...RunningServer[]]>;

/** As `describeNodes`; what the suite starts is stopped after it. */
export function describeStartedNodes(
  names: readonly string[],
  title: string,
  suite: (start: StartNodes) => void,
): void {
  describeNodes(`${title} (${names.length} nodes)`, () => {
    const started: Nodes[] = [];
    afterAll(async () => {
      for (const nodes of started.splice(0)) await nodes.stop();
    });
    suite(async (options) => {
      const nodes = await startNodes(names, options);
      started.push(nodes);
      const [first, ...others] = nodes.servers;
      if (!first) throw new Error('No node was started');
      return [first, ...others];
    });
  });
}
