import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import {
  commandsConfig,
  httpConfig,
  identityConfig,
  limiterConfig,
  nodeName,
  roomsConfig,
  socketOrigins,
  socketsConfig,
} from './app-config.js';
import { createRecordAudit } from './audit/record.js';
import { type ControlServer, controlPath, serveControl } from './cli/control.js';
import { type OperationDeps, runOperation } from './cli/operations.js';
import { type CommandHook, type Commands, createCommands, type NodeLease } from './commands/index.js';
import type { Config } from './config.js';
import { createAdmit } from './gateway/admission.js';
import { compileTrust, type Trust } from './gateway/client-address.js';
import { ConnectionCounts } from './gateway/connection-counts.js';
import { Connections } from './gateway/connections.js';
import { consoleFolder } from './gateway/console.js';
import { followIdentity } from './gateway/follow-identity.js';
import { createHttp } from './gateway/http.js';
import type { MountedRoute } from './gateway/mounted.js';
import { type AdapterClient, OtherNodes } from './gateway/other-nodes.js';
import { Overload } from './gateway/overload.js';
import { NamespaceGroups } from './gateway/socket-groups.js';
import { Sockets } from './gateway/sockets.js';
import { NonceManager } from './guards/nonce-manager.js';
import { RateLimiter } from './guards/rate-limiter.js';
import { createIdentity, type Identity } from './identity/index.js';
import { Lifecycle } from './lifecycle.js';
import { openDatabase } from './open-database.js';
import { openEphemeral } from './open-ephemeral.js';
import { openReads } from './open-reads.js';
import { watchClock } from './operations/clock-watch.js';
import { HealthReporter } from './operations/health.js';
import { nodeRoutes } from './operations/node-routes.js';
import { healthRoutes, metricsRoutes } from './operations/routes.js';
import type { RecordAudit } from './platform/audit.js';
import { type Clock, type DatabaseClock, systemClock } from './platform/clock.js';
import { databaseClock } from './platform/database/clock-offset.js';
import type { Database } from './platform/database/database.js';
import { findLiveNodes } from './platform/database/live-nodes.js';
import { migrate } from './platform/database/migrate.js';
import { readMigrations } from './platform/database/migration-files.js';
import { keepNode } from './platform/database/node-keeper.js';
import type { ReplicaReads } from './platform/database/replica-reads.js';
import { ensureFolder } from './platform/ensure-folder.js';
import type { Ephemeral } from './platform/ephemeral/ephemeral.js';
import { NodeCalls } from './platform/ephemeral/node-calls.js';
import { RedisEphemeral } from './platform/ephemeral/redis.js';
import { type Log, silentLog } from './platform/log.js';
import { Metrics } from './platform/metrics.js';
import { Breakers } from './platform/resilience/breakers.js';
import type { RightName } from './platform/rights.js';
import { createRooms, type Rooms } from './rooms/index.js';
import { createScreens, type Screens } from './screens/index.js';
import { readVersion } from './version.js';

/** What tests and the command line may replace. */
export interface Overrides {
  clock?: Clock;
  log?: Log;
  /** Asked before each command is accepted, in place of COMMAND_HOOK_URL. */
  commandHook?: CommandHook;
}

/** What a server lets be called. */
export interface Surface {
  routes: readonly MountedRoute[];
  events: readonly { name: string; right: RightName }[];
}

export interface App {
  /** Opens storage, migrates, listens. @throws whatever kept it from starting; what was started is undone then */
  start(): Promise<void>;
  /** Graceful, in reverse order, bounded by DRAIN_SECONDS; one promise for all callers. @throws StopError */
  stop(reason?: string): Promise<void>;
  /** Where it listens, once started. */
  readonly url: string;
  /** Settles when somebody on this machine asked the server to move its sockets and end. */
  readonly drainAsked: Promise<void>;
  /** Settles with the reason when the process can no longer do its work and should end with code 1. */
  readonly fatal: Promise<unknown>;
  /** Everything that answers, with the right that it asks for; once started. */
  readonly surface: Surface;
  /** The one-time link that makes the first administrator; undefined when there is one. */
  setupLink(): Promise<string | undefined>;
}

/** @example const app = createApp(config); await app.start(); … await app.stop() */
export function createApp(config: Config, overrides: Overrides = {}): App {
  return new BongsuApp(config, overrides);
}

/** What every domain is built from. */
interface Core {
  node: { name: string; incarnation: string };
  lease: NodeLease;
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

interface Domains {
  identity: Identity;
  screens: Screens;
  commands: Commands;
  rooms: Rooms;
}

class BongsuApp implements App {
  readonly #config: Config;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #commandHook: CommandHook | undefined;
  readonly #lifecycle: Lifecycle;
  readonly fatal: Promise<unknown>;
  readonly drainAsked: Promise<void>;
  #askDrain: () => void = () => undefined;
  #fail: (reason: unknown) => void = () => undefined;
  #url: string | undefined;
  #surface: Surface = { routes: [], events: [] };
  #identity: Identity | undefined;
  /** By it commands reach this process; the embedded profile's owns the data folder. */
  #controlSocket: string | undefined;

  constructor(config: Config, { clock = systemClock, log = silentLog, commandHook }: Overrides) {
    this.#config = config;
    this.#commandHook = commandHook;
    this.#clock = clock;
    this.#log = log;
    this.#lifecycle = new Lifecycle({ clock, log });
    this.fatal = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.drainAsked = new Promise((resolve) => {
      this.#askDrain = resolve;
    });
  }

  get url(): string {
    if (this.#url === undefined) throw new Error('The server has not started.');
    return this.#url;
  }

  get surface(): Surface {
    return this.#surface;
  }

  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.#lifecycle.stop(this.#deadlineMs).catch(() => undefined);
      throw error;
    }
  }

  async stop(reason = 'asked to'): Promise<void> {
    this.#log.info({ reason }, 'Stopping');
    await this.#lifecycle.stop(this.#deadlineMs);
    this.#log.info({}, 'Stopped');
  }

  async setupLink(): Promise<string | undefined> {
    const token = await this.#identity?.setupToken();
    return token === undefined ? undefined : `${this.#publicUrl}/setup#token=${token}`;
  }

  get #publicUrl(): string {
    return this.#config.PUBLIC_URL ?? this.url;
  }

  get #deadlineMs(): number {
    return this.#config.DRAIN_SECONDS * 1000;
  }

  /** Top to bottom is the order of the start; the stop goes from the bottom up. */
  async #start(): Promise<void> {
    const core = await this.#openCore();
    const domains = await this.#startDomains(core);
    await this.#startGateway(core, domains);
    this.#log.info({ url: this.#url, node: core.node.name, database: core.database.kind }, 'Ready');
  }

  async #openCore(): Promise<Core> {
    const deps = { clock: this.#clock, log: this.#log, metrics: new Metrics() };
    const node = { name: nodeName(this.#config), incarnation: randomUUID() };
    const { database, kept } = await this.#openDatabase(node);
    const reads = await this.#lifecycle.step(
      'replica',
      () => openReads(this.#config, node.name, { ...deps, home: database }),
      (it) => it?.close(),
    );
    const breakers = await this.#lifecycle.step(
      'circuit breakers',
      () => new Breakers(deps),
      (made) => made.stop(),
    );
    const ephemeral = await this.#lifecycle.step(
      'ephemeral',
      () => openEphemeral(this.#config, { ...deps, breakers }),
      (opened) => opened.close(),
    );
    const calls = await this.#lifecycle.step(
      'calls between nodes',
      () => new NodeCalls({ ...deps, node, bus: ephemeral.bus }),
      (it) => it.stop(),
    );
    const limiter = new RateLimiter({ ...deps, ephemeral }, limiterConfig(this.#config));
    const cluster = await this.#joinOthers(ephemeral, deps);
    const connections = new Connections(this.#config.MAX_CONNECTIONS_PER_USER, cluster);
    if (cluster) await this.#shareLimits(ephemeral, { limiter, connections, counts: cluster.counts });
    return {
      ...deps,
      node,
      lease: kept,
      database,
      reads,
      breakers,
      ephemeral,
      calls,
      databaseClock: databaseClock(database, this.#clock),
      limiter,
      others: cluster?.others,
      connections,
      groups: new NamespaceGroups(),
    };
  }

  /** With Redis there may be other nodes. */
  async #joinOthers(ephemeral: Ephemeral, deps: Pick<Core, 'clock' | 'metrics'>) {
    if (!(ephemeral instanceof RedisEphemeral)) return undefined;
    const client = ephemeral.adapterClient() as unknown as AdapterClient;
    const { REDIS_PREFIX: prefix, MAX_CONNECTIONS_PER_USER: maxPerUser } = this.#config;
    const others = await this.#lifecycle.step(
      'pushes to other nodes',
      () => new OtherNodes({ ...deps, client, prefix }),
      (it) => it.close(),
    );
    return { others, counts: new ConnectionCounts({ ...deps, bus: ephemeral.bus, maxPerUser }) };
  }

  /** Those of a user hold over all nodes. */
  async #shareLimits(
    { bus }: Ephemeral,
    { limiter, connections, counts }: Pick<Core, 'limiter' | 'connections'> & { counts: ConnectionCounts },
  ): Promise<void> {
    await this.#lifecycle.step(
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

  async #openDatabase(node: Pick<Core['node'], 'name' | 'incarnation'>) {
    const deps = { clock: this.#clock, log: this.#log, onFatal: this.#fail };
    const ownsFolder = this.#config.DATABASE_URL === undefined;
    this.#controlSocket = await controlPath(this.#config.DATA_DIR, ownsFolder ? undefined : node.name);
    const opened = await this.#lifecycle.step(
      'database',
      () => openDatabase(this.#config, node.name, deps, this.#controlSocket),
      (it) => it.database.close(),
    );
    const { database } = opened;
    const { REGION: region, REDIS_URL } = this.#config;
    const singleNode = REDIS_URL === undefined;
    await this.#lifecycle.step('migrations', async () => migrate(database, await readMigrations(), deps));
    const kept = await this.#lifecycle.step(
      'node name',
      () => keepNode({ ...node, region, singleNode }, { ...deps, database }),
      (it) => it.release(),
    );
    await this.#lifecycle.step('epoch', () => opened.renewEpochIfNeeded());
    return { database, kept };
  }

  async #startDomains(core: Core): Promise<Domains> {
    const recordAudit = this.#recordAudit(core);
    const publicUrl = () => this.#publicUrl;
    const identity = createIdentity({
      ...core,
      recordAudit,
      publicUrl,
      takeBackScreens: (tx, userId, isDisabled) => screens.takeBack(tx, userId, isDisabled),
      config: identityConfig(this.#config),
    });
    const nonces = new NonceManager(core);
    const commands = createCommands({
      ...core,
      config: commandsConfig(this.#config),
      commandHook: this.#commandHook,
      letterMirror: core.ephemeral instanceof RedisEphemeral ? core.ephemeral.mirror('dlq') : undefined,
      push: core.connections,
      // Screens need the inbox of commands, commands the rights of screens: the one built later is reached by name.
      authorize: (principal, screenId) => screens.authorizeCommand(principal, screenId),
      authorizeRoom: (...question) => rooms.authorize(...question),
      pruneRooms: (kind, rows, until) => rooms.prune(kind, rows, until),
      ownedScreens: (userId) => screens.ownedBy(userId),
      usernames: (ids) => identity.usernames(ids),
      limit: (userId) => core.limiter.checkBurst(`user:${userId}`),
      registerNonce: (userId, nonce, commandId) => nonces.registerNonce(userId, nonce, commandId),
    });
    const screens = createScreens({
      ...core,
      recordAudit,
      push: core.connections,
      identity,
      users: identity,
      inbox: commands,
      rateLimiter: core.limiter,
      idempotency: commands.idempotency,
    });
    const rooms = createRooms({
      ...core,
      config: roomsConfig(this.#config),
      recordAudit,
      push: core.connections,
      streams: commands.rooms,
      screens,
      users: identity,
      idempotency: commands.idempotency,
    });
    this.#identity = await this.#lifecycle.step(
      'identity',
      () => started(identity),
      (it) => it.stop(),
    );
    await this.#lifecycle.step(
      'screens',
      () => started(screens),
      (it) => it.stop(),
    );
    await this.#lifecycle.step(
      'commands',
      () => started(commands),
      (it, signal) => it.stop(signal),
    );
    await this.#lifecycle.step(
      'rooms',
      () => started(rooms),
      (it) => it.stop(),
    );
    return { identity, screens, commands, rooms };
  }

  #recordAudit({ databaseClock }: Core): RecordAudit {
    return createRecordAudit({ now: databaseClock, service: this.#config.SERVICE_NAME });
  }

  async #startGateway(core: Core, domains: Domains): Promise<void> {
    const { identity, screens, commands, rooms } = domains;
    const health = this.#createHealth(core);
    const trust = compileTrust(this.#config.TRUST_PROXY);
    const http = await this.#createHttp(core, domains, health, trust);
    const origins = socketOrigins(this.#config);
    const events = { ...identity.events, ...screens.events, ...commands.events, ...rooms.events };
    this.#surface = {
      routes: http.mounted,
      events: Object.entries(events).map(([name, { right }]) => ({ name, right })),
    };
    await this.#lifecycle.step(
      'clock',
      () => watchClock(core),
      (stopWatching) => stopWatching(),
    );
    const overload = await this.#lifecycle.step(
      'overload',
      () => watched(this.#clock),
      (it) => it.stop(),
    );
    const sockets = new Sockets({
      ...core,
      overload,
      config: socketsConfig(this.#config),
      server: http.server,
      identity,
      commands,
      screens,
      rooms,
      events,
      admit: createAdmit({
        phase: () => health.phase,
        allowsOrigin: (origin) => origins === true || origins.includes(origin),
        isOverloaded: () => overload.isTooMuch,
      }),
      trust,
    });
    followIdentity({ ...core, identity });
    commands.onNewEpoch(() => core.connections.closeAll('DRAINING'));
    await this.#lifecycle.step(
      'http',
      () => this.#listen(http),
      () => http.close(),
    );
    await this.#lifecycle.step(
      'sockets',
      () => sockets,
      (it) => it.drain().then(() => it.close()),
    );
    // Undone before the sockets: what was accepted is acked on them, and receipts under way are written.
    await this.#lifecycle.step(
      'commands under way',
      () => commands,
      (it, signal) => it.stop(signal),
    );
    await this.#serveControl({
      deadLetters: commands.deadLetters,
      users: identity.users,
      keys: identity.keys,
      server: {
        node: core.node.name,
        connections: () => core.connections.size,
        drain: () => this.#askDrain(),
      },
    });
    // Others are there to take them: what they ask meanwhile is answered, so this is undone before commands are.
    if (core.ephemeral.kind === 'redis') {
      await this.#lifecycle.step(
        'moving sockets',
        () => sockets,
        (it, signal) => this.#moveSockets(core, it, signal),
      );
    }
    await this.#lifecycle.step(
      'readiness',
      () => health.enter('ready'),
      () => health.enter('draining'),
    );
  }

  /** To others that live; where none does there is nowhere to go, and they come back when this one has started again. */
  async #moveSockets({ database, databaseClock, node }: Core, sockets: Sockets, signal: AbortSignal) {
    const live = await findLiveNodes(database, databaseClock()).catch(() => undefined);
    const isAlone = live?.every(({ incarnation }) => incarnation === node.incarnation) ?? false;
    if (!isAlone) await sockets.move(this.#deadlineMs, signal);
  }

  async #serveControl(deps: OperationDeps): Promise<void> {
    const path = this.#controlSocket;
    if (path === undefined) return;
    const serve = () => serveControl(path, (name, input) => runOperation(deps, name, input), this.#log);
    // Only the embedded profile's commands need it: a node on PostgreSQL may have no folder that it may write to.
    const listen = this.#config.DATABASE_URL === undefined ? serve : () => this.#serveIfPossible(path, serve);
    await this.#lifecycle.step('control socket', listen, (it) => it?.close());
  }

  async #serveIfPossible(path: string, serve: () => Promise<ControlServer>) {
    try {
      await ensureFolder(dirname(path));
      return await serve();
    } catch (error) {
      this.#log.warn({ err: error, path }, 'No control socket: bongsu drain cannot reach this node');
      return undefined;
    }
  }

  #createHealth(core: Core): HealthReporter {
    const startedAt = this.#clock.monotonic();
    return new HealthReporter({
      ...core,
      version: readVersion(),
      node: core.node.name,
      bridge: () => (core.ephemeral instanceof RedisEphemeral ? core.ephemeral.bridgeHealth() : undefined),
      replica: () => core.reads?.health(),
      connections: () => core.connections.size,
      uptimeSeconds: () => (this.#clock.monotonic() - startedAt) / 1000,
    });
  }

  #createHttp(
    core: Core,
    { identity, screens, commands, rooms }: Domains,
    health: HealthReporter,
    trust: Trust,
  ) {
    const nodes = nodeRoutes({
      ...core,
      recordAudit: this.#recordAudit(core),
      screenNames: (screenIds) => screens.namesOf(screenIds),
      state: () => health.state(),
    });
    const operations = { health, metrics: core.metrics, metricsToken: this.#config.METRICS_TOKEN?.reveal() };
    return createHttp({
      ...core,
      config: httpConfig(this.#config, readVersion(), consoleFolder()),
      identity,
      rootRoutes: [identity.wellKnownRoutes, healthRoutes(operations), metricsRoutes(operations)],
      apiRoutes: [
        identity.routes,
        screens.routes,
        commands.routes,
        rooms.routes,
        nodes,
        healthRoutes(operations),
      ],
      trust,
    });
  }

  async #listen(http: FastifyInstance): Promise<void> {
    const { HOST: host, PORT: port } = this.#config;
    this.#url = await http.listen({ host, port });
  }
}

function watched(clock: Clock): Overload {
  const overload = new Overload(clock);
  overload.start();
  return overload;
}

async function started<Part extends { start(): Promise<void> }>(part: Part): Promise<Part> {
  await part.start();
  return part;
}
