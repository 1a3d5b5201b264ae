import { World } from '@bongsu/conformance';
import { type Nodes, startNodes } from './nodes.js';
import type { RunningServer } from './server.js';

/** Two whole servers on one PostgreSQL and one Redis, in this process. */
export interface TwoNodes extends Pick<Nodes, 'redis' | 'stop'> {
  a: RunningServer & { world: World };
  b: RunningServer & { world: World };
}

export const ADMIN = { email: 'root@example.com', password: 'the very first administrator' };

export async function startTwoNodes(settings: Record<string, string> = {}): Promise<TwoNodes> {
  const nodes = await startNodes(['node-a', 'node-b'], {
    settings: {
      HANDSHAKE_FAILURES_PER_MINUTE: '100000',
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
      ...settings,
    },
  });
  const [a, b] = nodes.servers.map((server) => ({
    ...server,
    world: new World({ url: server.url, admin: ADMIN }),
  }));
  if (!a || !b) throw new Error('A node is missing');
  return {
    a,
    b,
    redis: nodes.redis,
    async stop() {
      for (const { world } of [a, b]) world.sockets.closeAll();
      await nodes.stop();
    },
  };
}
