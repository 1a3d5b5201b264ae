import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisConfig } from './redis-server.js';

export type RedisClient = Redis | Cluster;

/** Replies keep the shapes of RESP2, which the driver's types want said or left out. */
type Options = Omit<RedisOptions, 'replyMapping'>;

const CONNECT_MS = 2000;
/** A connection on which an answer is due and nothing comes for this long is given up, a handshake included. */
const SILENCE_MS = 2000;
/** Of one that waits for entries of a stream: longer than it blocks. */
const BLOCKED_SILENCE_MS = 15_000;
const LONGEST_PAUSE_MS = 500;
const SLOTS_REFRESH_MS = 2000;

/**
 * The driver repeats nothing: what was under way on a lost connection, and what is asked while there is none, fails at once. (With
 * `autoResendUnfulfilledCommands: false` alone it would never settle: ioredis#2194.)
 */
const NEVER_REPEAT: Options = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  socketTimeout: SILENCE_MS,
};

/**
 * Subscriptions wait until there is a connection. Nothing is repeated on another one: a read of a stream would go on where it was, and
 * bring all that was told meanwhile. (It never settles then, ioredis#2194: who reads must heed 'close'.)
 */
const WAIT_FOR_CONNECTION: Options = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  socketTimeout: BLOCKED_SILENCE_MS,
};

/** Connects when `connect` is called. Reconnects by itself, and throws no 'error' event. */
export function createRedisClient(config: RedisConfig): RedisClient {
  // The driver would forget about the promise of a subscription that it renews.
  return create(config, { ...NEVER_REPEAT, autoResubscribe: false });
}

/** Waits for entries of a stream. Fails at once while it is not connected, as all that is asked here. */
export function createReader(config: RedisConfig): RedisClient {
  return create(config, { ...NEVER_REPEAT, socketTimeout: BLOCKED_SILENCE_MS, lazyConnect: false });
}

/**
 * For @socket.io/redis-streams-adapter, which publishes on this client, reads and subscribes on duplicates of it, and forgets about
 * the promises of some commands (socket.io-redis-streams-adapter#21).
 */
export function createAdapterClient(config: RedisConfig): RedisClient {
  const client = create(config, { ...NEVER_REPEAT, lazyConnect: false });
  client.duplicate = () =>
    neverUnhandled(create(config, { ...WAIT_FOR_CONNECTION, lazyConnect: false })) as never;
  return neverUnhandled(client);
}

function neverUnhandled<Client extends RedisClient>(client: Client): Client {
  const sendCommand = client.sendCommand.bind(client) as (...args: unknown[]) => unknown;
  client.sendCommand = (...args: unknown[]) => {
    const sent = sendCommand(...args);
    if (sent instanceof Promise) sent.catch(() => {});
    return sent;
  };
  return client;
}

function create(config: RedisConfig, options: Options): RedisClient {
  const client =
    config.server.kind === 'cluster' ? createCluster(config, options) : createSingle(config, options);
  // Without a listener it would end the process. Who wants to know listens besides.
  client.on('error', () => {});
  return client;
}

function createSingle(config: RedisConfig, options: Options): Redis {
  const { server } = config;
  const where: Options =
    server.kind === 'sentinel'
      ? {
          sentinels: [...server.addresses],
          name: server.master ?? '',
          enableTLSForSentinelMode: server.tls,
          ...(server.tls ? { sentinelTLS: tlsOf(config) } : {}),
          sentinelCommandTimeout: CONNECT_MS,
          sentinelRetryStrategy: pause,
        }
      : { ...server.addresses[0] };
  return new Redis({
    ...sharedOptions(config),
    ...where,
    lazyConnect: true,
    db: server.db,
    retryStrategy: pause,
    // After a failover the old primary may still be there, as a replica.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...options,
  });
}

function createCluster(config: RedisConfig, { lazyConnect = true, enableOfflineQueue, ...options }: Options) {
  return new Cluster([...config.server.addresses], {
    lazyConnect,
    enableOfflineQueue,
    clusterRetryStrategy: pause,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    // Addresses are as the nodes tell them: where they are names, TLS checks the name.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: { ...sharedOptions(config), ...options },
  });
}

function sharedOptions(config: RedisConfig): Options {
  const { user, password, tls } = config.server;
  return {
    connectTimeout: CONNECT_MS,
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: tlsOf(config) } : {}),
  };
}

function tlsOf({ ca }: RedisConfig) {
  return ca === undefined ? {} : { ca };
}

function pause(times: number): number {
  return Math.min(LONGEST_PAUSE_MS, 25 * 2 ** Math.min(times, 6));
}
