import { World } from '@bongsu/conformance';
import { describe, inject } from 'vitest';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from './redis.js';
import { makeStorage, type RunningServer, startOn } from './server.js';

/** Two whole servers on one PostgreSQL and one Redis, in this process. */
export interface TwoNodes {
  a: RunningServer & { world: World };
  b: RunningServer & { world: World };
  redis: ThrowAwayRedis;
  stop(): Promise<void>;
}

export const ADMIN = { email: 'root@example.com', password: 'the very first administrator' };

export async function startTwoNodes(settings: Record<string, string> = {}): Promise<TwoNodes> {
  const [storage, redis] = await Promise.all([makeStorage('postgres'), startRedis()]);
  const ends = [storage.remove, redis.remove];
  const stop = async () => {
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  };
  const start = async (name: string) => {
    const server = await startOn(storage, {
      settings: {
        ...{ NODE_NAME: name, REDIS_URL: redis.url, HANDSHAKE_FAILURES_PER_MINUTE: '100000' },
        ...{ ADMIN_EMAIL: ADMIN.email, ADMIN_PASSWORD: ADMIN.password },
        ...settings,
      },
    });
    const world = new World({ url: server.url, admin: ADMIN });
    ends.push(async () => {
      world.sockets.closeAll();
      await server.stop();
    });
    return { ...server, world };
  };
  try {
    return { a: await start('node-a'), b: await start('node-b'), redis, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Skipped where there is no PostgreSQL or no Redis. */
export function describeNodes(title: string, suite: () => void): void {
  describe.skipIf(inject('postgresUrl') === '')(title, () => describeWithRedis('', suite));
}
