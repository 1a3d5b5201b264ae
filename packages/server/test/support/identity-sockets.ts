import { Sockets as Clients } from '@bongsu/conformance';
import { z } from 'zod';
import { createAdmit } from '../../src/gateway/admission.js';
import { Connections } from '../../src/gateway/connections.js';
import { followIdentity } from '../../src/gateway/follow-identity.js';
import { NamespaceGroups } from '../../src/gateway/socket-groups.js';
import { Sockets } from '../../src/gateway/sockets.js';
import type { Clock } from '../../src/platform/clock.js';
import type { RightName } from '../../src/platform/rights.js';
import { defineEvent, type Events } from '../../src/platform/surface.js';
import type { TestIdentity } from './identity.js';
import { memoryLog } from './memory-log.js';

export interface SocketedIdentity {
  url: string;
  /** Stock clients of this node. */
  clients: Clients;
  connections: Connections;
  /** Ends the sockets; the identity stops with its own `stop`. */
  close(): Promise<void>;
}

const unlimited = {
  enforceLimit: async () => {},
  paceLookUps: async () => {},
  isBlocked: async () => false,
  recordFailure: async () => {},
};

/** An event that does nothing but need a right: `probe:<right>`. */
function probes(...rights: Exclude<RightName, 'public'>[]): Events {
  return Object.fromEntries(
    rights.map((right) => [
      `probe:${right}`,
      defineEvent({
        right,
        limit: 'none',
        schema: z.unknown(),
        handle: async ({ principal }) => ({ username: principal.kind === 'user' ? principal.username : '' }),
      }),
    ]),
  );
}

/** The real socket surface for an identity: a node without screens and commands, and without a bus to any other. */
export async function openSockets(
  { identity, http, time, metrics }: TestIdentity,
  clock: Clock,
): Promise<SocketedIdentity> {
  const log = memoryLog();
  const connections = new Connections(100);
  const url = await http.listen({ host: '127.0.0.1', port: 0 });
  const sockets = new Sockets({
    config: { heartbeatIntervalMs: 25_000, heartbeatTimeoutMs: 5000, corsOrigins: [] },
    server: http.server,
    connections,
    groups: new NamespaceGroups(),
    identity,
    commands: {
      attachScreen: (screen) => ({
        ready: Promise.resolve({
          stream: `screen:${screen.screenId}`,
          epoch: 'epoch',
          state: { lastSeq: 0, acked: 0, recovered: true },
        }),
        open: () => {},
        rest: async () => {},
        detach: () => {},
      }),
      currentEpoch: async () => 'epoch',
    },
    screens: { setOnline: async () => {} },
    events: { ...identity.events, ...probes('profile.read', 'users.read', 'logins.end') },
    limiter: unlimited,
    admit: createAdmit({
      phase: () => 'ready',
      allowsOrigin: () => false,
      isForbiddenPlain: () => false,
      isOverloaded: () => false,
      isCutOff: () => false,
    }),
    trust: () => true,
    clock,
    databaseClock: time.now,
    log,
    metrics,
  });
  followIdentity({ identity, connections, log });
  const clients = new Clients(url);
  return {
    url,
    clients,
    connections,
    close: async () => {
      clients.closeAll();
      await sockets.close();
    },
  };
}
