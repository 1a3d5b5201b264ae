import type { AddressInfo } from 'node:net';
import { Sockets as Clients } from '@bongsu/conformance';
import { Connections } from '../../src/gateway/connections.js';
import { endRevoked } from '../../src/gateway/end-revoked.js';
import { Sockets } from '../../src/gateway/sockets.js';
import { type Clock, systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { TestIdentity } from './identity.js';

export interface IdentitySockets {
  url: string;
  clients: Clients;
  connections: Connections;
  /** Before the identity is stopped. */
  close(): Promise<void>;
}

/** The real socket surface of people on a test's identity: what becomes of a socket when a login or key ends. */
export async function openSockets(
  { identity, http, time }: TestIdentity,
  clock: Clock = systemClock,
): Promise<IdentitySockets> {
  await http.listen({ port: 0, host: '127.0.0.1' });
  const connections = new Connections(100);
  const sockets = new Sockets({
    config: { heartbeatIntervalMs: 25_000, heartbeatTimeoutMs: 20_000, corsOrigins: [] },
    server: http.server,
    connections,
    identity,
    commands: {
      attachScreen: () => {
        throw new Error('there are no screens here');
      },
      currentEpoch: async () => 'epoch',
    },
    screens: { setOnline: async () => {} },
    events: identity.events,
    limiter: {
      enforceLimit: async () => {},
      isBlocked: async () => false,
      recordFailure: async () => {},
    },
    admit: () => undefined,
    trust: () => false,
    clock,
    databaseClock: time.now,
    log: silentLog,
    metrics: new Metrics(),
  });
  const stop = identity.onRevoked((who, closing) =>
    endRevoked({ connections, identity, log: silentLog }, who, closing),
  );
  const url = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;
  const clients = new Clients(url);
  return {
    ...{ url, clients, connections },
    close: async () => {
      stop();
      clients.closeAll();
      await sockets.close();
    },
  };
}
