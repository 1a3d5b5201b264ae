import { randomUUID } from 'node:crypto';
import { limiterConfig, nodeName } from './app-config.js';
import { controlPath } from './cli/control.js';
import type { NodeLease } from './commands/index.js';
import type { Config } from './config.js';
import { ConnectionCounts } from './gateway/connection-counts.js';
import { Connections } from './gateway/connections.js';
import { type AdapterClient, OtherNodes } from './gateway/other-nodes.js';
import { NamespaceGroups } from './gateway/socket-groups.js';
import { RateLimiter } from './guards/rate-limiter.js';
import type { Lifecycle } from './lifecycle.js';
import { openDatabase } from './open-database.js';
import { openEphemeral } from './open-ephemeral.js';
import { openReads } from './open-reads.js';
import type { Clock, DatabaseClock } from './platform/clock.js';
import { databaseClock } from './platform/database/clock-offset.js';
import type { Database } from './platform/database/database.js';
import { migrate } from './platform/database/migrate.js';
import { readMigrations } from './platform/database/migration-files.js';
import { keepNode } from './platform/database/node-keeper.js';
import { findUnsafeSettings } from './platform/database/postgres-fitness.js';
import type { ReplicaReads } from './platform/database/replica-reads.js';
import type { Ephemeral } from './platform/ephemeral/ephemeral.js';
import { NodeCalls } from './platform/ephemeral/node-calls.js';
import { RedisEphemeral } from './platform/ephemeral/redis.js';
import type { Log } from './platform/log.js';
import { Metrics } from './platform/metrics.js';
import { Breakers } from './platform/resilience/breakers.js';

/** What is there before anything is opened. */
export interface Boot {
  config: Config;
  clock: Clock;
  log: Log;
  lifecycle: Lifecycle;
  /** The process can no longer do its work. */
  fail(reason: unknown): void;
}

/** What every domain is built from. */
export interface Core {
  node: { name: string; incarnation: string; region?: string | undefined };
  lease: NodeLease;
  /** By it commands reach this process; the embedded profile's owns the data folder. */
  controlSocket: string | undefined;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
  database: Database;
  /** With DATABASE_READ_URL. */
  reads: ReplicaReads | undefined;
  breakers: Breakers;
  ephemeral: Ephemeral;
  calls: NodeCalls;
  limiter: RateLimiter;
  /** With Redis. */
  others: OtherNodes | undefined;
  connections: Connections;
  groups: NamespaceGroups;
}

/** Storage and what joins this process to others. @throws whatever kept it from being opened */
export async function openCore(boot: Boot): Promise<Core> {
  const { clock, config, lifecycle, log } = boot;
  const deps = { clock, log, metrics: new Metrics() };
  const node = { name: nodeName(config), incarnation: randomUUID(), region: config.REGION };
  const { database, kept, controlSocket } = await openStorage(boot, node);
  const reads = await lifecycle.step(
    'replica',
    () => openReads(config, node.name, { ...deps, home: database }),
    (it) => it?.close(),
  );
  const breakers = await lifecycle.step(
    'circuit breakers',
    () => new Breakers(deps),
    (made) => made.stop(),
  );
  const ephemeral = await lifecycle.step(
    'ephemeral',
    () => openEphemeral(config, { ...deps, breakers }),
    (opened) => opened.close(),
  );
  const calls = await lifecycle.step(
    'calls between nodes',
    () => new NodeCalls({ ...deps, node, bus: ephemeral.bus }),
    (it) => it.stop(),
  );
  const limiter = new RateLimiter({ ...deps, ephemeral }, limiterConfig(config));
  const cluster = await joinOthers(boot, ephemeral, deps);
  const connections = new Connections(config.MAX_CONNECTIONS_PER_USER, cluster);
  if (cluster) await shareLimits(boot, ephemeral, { limiter, connections, counts: cluster.counts });
  return {
    ...deps,
    node,
    lease: kept,
    controlSocket,
    database,
    reads,
    breakers,
    ephemeral,
    calls,
    databaseClock: databaseClock(database, clock),
    limiter,
    others: cluster?.others,
    connections,
    groups: new NamespaceGroups(),
  };
}

/** With Redis there may be other nodes. */
async function joinOthers(
  { config, lifecycle }: Boot,
  ephemeral: Ephemeral,
  deps: Pick<Core, 'clock' | 'metrics'>,
) {
  if (!(ephemeral instanceof RedisEphemeral)) return undefined;
  const client = ephemeral.adapterClient() as unknown as AdapterClient;
  const { REDIS_PREFIX: prefix, MAX_CONNECTIONS_PER_USER: maxPerUser } = config;
  const others = await lifecycle.step(
    'pushes to other nodes',
    () => new OtherNodes({ ...deps, client, prefix }),
    (it) => it.close(),
  );
  return { others, counts: new ConnectionCounts({ ...deps, bus: ephemeral.bus, maxPerUser }) };
}

/** Those of a user hold over all nodes. */
async function shareLimits(
  { lifecycle }: Boot,
  { bus }: Ephemeral,
  { limiter, connections, counts }: Pick<Core, 'limiter' | 'connections'> & { counts: ConnectionCounts },
): Promise<void> {
  await lifecycle.step(
    'limits over all nodes',
    () => {
      counts.start((least) => connections.countByUser(least));
      return limiter.share(bus);
    },
    (stopSharing) => {
      stopSharing();
      counts.stop();
    },
  );
}

async function openStorage({ clock, config, fail, lifecycle, log }: Boot, node: Core['node']) {
  const deps = { clock, log, onFatal: fail };
  const ownsFolder = config.DATABASE_URL === undefined;
  const controlSocket = await controlPath(config.DATA_DIR, ownsFolder ? undefined : node.name);
  const opened = await lifecycle.step(
    'database',
    () => openDatabase(config, node.name, deps, controlSocket),
    (it) => it.database.close(),
  );
  const { database } = opened;
  if (!ownsFolder) for (const fault of await findUnsafeSettings(database)) log.warn({}, fault);
  const singleNode = config.REDIS_URL === undefined;
  await lifecycle.step('migrations', async () => migrate(database, await readMigrations(), deps));
  const kept = await lifecycle.step(
    'node name',
    () => keepNode({ ...node, singleNode }, { ...deps, database }),
    (it) => it.release(),
  );
  await lifecycle.step('epoch', () => opened.renewEpochIfNeeded());
  return { database, kept, controlSocket };
}
