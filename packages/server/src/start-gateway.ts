import { dirname } from 'node:path';
import { httpConfig, socketOrigins, socketsConfig } from './app-config.js';
import { type ControlServer, serveControl } from './cli/control.js';
import { type OperationDeps, runOperation } from './cli/operations.js';
import { createAdmit } from './gateway/admission.js';
import { compileTrust, type Trust } from './gateway/client-address.js';
import { consoleFolder } from './gateway/console.js';
import { followIdentity } from './gateway/follow-identity.js';
import { createHttp } from './gateway/http.js';
import { isForbiddenPlain } from './gateway/https-only.js';
import type { MountedRoute } from './gateway/mounted.js';
import { Overload } from './gateway/overload.js';
import { Sockets } from './gateway/sockets.js';
import type { Boot, Core } from './open-core.js';
import { watchClock } from './operations/clock-watch.js';
import { HealthReporter } from './operations/health.js';
import { nodeRoutes } from './operations/node-routes.js';
import { healthRoutes, metricsRoutes } from './operations/routes.js';
import type { Clock } from './platform/clock.js';
import { findLiveNodes } from './platform/database/live-nodes.js';
import { ensureFolder } from './platform/ensure-folder.js';
import { RedisEphemeral } from './platform/ephemeral/redis.js';
import type { RightName } from './platform/rights.js';
import { auditFor, type Domains } from './start-domains.js';
import { readVersion } from './version.js';

/**
 * Connections that wait to be taken, as many as the system allows (net.core.somaxconn): what comes beyond Node's own 511 while the process is
 * busy is dropped by Linux, and tries again after 1, 3 and 7 s. Of what is taken, Overload decides.
 */
const LONGEST_QUEUE = 65_535;

/** What a server lets be called. */
export interface Surface {
  routes: readonly MountedRoute[];
  events: readonly { name: string; right: RightName }[];
}

interface ToApp {
  /** Where it listens. */
  onListening(url: string): void;
  /** Somebody on this machine asked the server to move its sockets and end. */
  askDrain(): void;
}

/** Opens the doors. @returns what may be called */
export async function startGateway(
  boot: Boot,
  core: Core,
  domains: Domains,
  { onListening, askDrain }: ToApp,
): Promise<Surface> {
  const { clock, config, lifecycle } = boot;
  const { identity, screens, commands, rooms } = domains;
  const health = createHealth(boot, core);
  const trust = compileTrust(config.TRUST_PROXY);
  const http = await openHttp(boot, core, domains, { health, trust });
  const origins = socketOrigins(config);
  const events = { ...identity.events, ...screens.events, ...commands.events, ...rooms.events };
  await lifecycle.step(
    'clock',
    () => watchClock(core),
    (stopWatching) => stopWatching(),
  );
  const overload = await lifecycle.step(
    'overload',
    () => watched(clock),
    (it) => it.stop(),
  );
  const sockets = new Sockets({
    ...core,
    overload,
    config: socketsConfig(config),
    server: http.server,
    identity,
    commands,
    screens,
    rooms,
    events,
    admit: createAdmit({
      phase: () => health.phase,
      allowsOrigin: (origin) => origins === true || origins.includes(origin),
      isForbiddenPlain: (request) => isForbiddenPlain(request, config.FORCE_HTTPS, trust),
      isCutOff: () => commands.isCutOff(),
      isOverloaded: () => overload.isTooMuch,
    }),
    trust,
  });
  followIdentity({ ...core, identity });
  commands.onNewEpoch(() => core.connections.closeAll('DRAINING'));
  commands.onCutOff(() => {
    core.log.warn({}, 'This node alone cannot reach the database: its clients are sent to the others');
    core.connections.closeAll('DRAINING');
  });
  await lifecycle.step(
    'http',
    async () =>
      onListening(await http.listen({ host: config.HOST, port: config.PORT, backlog: LONGEST_QUEUE })),
    () => http.close(),
  );
  await lifecycle.step(
    'sockets',
    () => sockets,
    (it) => it.drain().then(() => it.close()),
  );
  // Undone before the sockets: what was accepted is acked on them, and receipts under way are written.
  await lifecycle.step(
    'commands under way',
    () => commands,
    (it, signal) => it.stop(signal),
  );
  await serveCommands(boot, core, {
    deadLetters: commands.deadLetters,
    users: identity.users,
    keys: identity.keys,
    server: {
      node: core.node.name,
      connections: () => core.connections.size,
      drain: askDrain,
    },
  });
  // Others are there to take them: what they ask meanwhile is answered, so this is undone before commands are.
  if (core.ephemeral.kind === 'redis') {
    await lifecycle.step(
      'moving sockets',
      () => sockets,
      (it, signal) => moveSockets(boot, core, it, signal),
    );
  }
  await lifecycle.step(
    'readiness',
    () => health.enter('ready'),
    () => health.enter('draining'),
  );
  return {
    routes: http.mounted,
    events: Object.entries(events).map(([name, { right }]) => ({ name, right })),
  };
}

/** DRAIN_SECONDS are for the sockets, not for a database that hangs. */
const LOOK_DEADLINE = { timeoutMs: 2000 };

/** To others that live; where none does there is nowhere to go, and they come back when this one has started again. */
async function moveSockets(
  { config }: Boot,
  { database, databaseClock, node }: Core,
  sockets: Sockets,
  signal: AbortSignal,
) {
  const live = await findLiveNodes(database, databaseClock(), LOOK_DEADLINE).catch(() => undefined);
  const isAlone = live?.every(({ incarnation }) => incarnation === node.incarnation) ?? false;
  if (!isAlone) await sockets.move(config.DRAIN_SECONDS * 1000, signal);
}

async function serveCommands(boot: Boot, { controlSocket: path }: Core, deps: OperationDeps): Promise<void> {
  const { config, lifecycle, log } = boot;
  if (path === undefined) return;
  const serve = () => serveControl(path, (name, input) => runOperation(deps, name, input), log);
  // Only the embedded profile's commands need it: a node on PostgreSQL may have no folder that it may write to.
  const listen = config.DATABASE_URL === undefined ? serve : () => serveIfPossible(boot, path, serve);
  await lifecycle.step('control socket', listen, (it) => it?.close());
}

async function serveIfPossible({ log }: Boot, path: string, serve: () => Promise<ControlServer>) {
  try {
    await ensureFolder(dirname(path));
    return await serve();
  } catch (error) {
    log.warn({ err: error, path }, 'No control socket: bongsu drain cannot reach this node');
    return undefined;
  }
}

function createHealth({ clock }: Boot, core: Core): HealthReporter {
  const startedAt = clock.monotonic();
  return new HealthReporter({
    ...core,
    version: readVersion(),
    node: core.node.name,
    bridge: () => (core.ephemeral instanceof RedisEphemeral ? core.ephemeral.bridgeHealth() : undefined),
    replica: () => core.reads?.health(),
    connections: () => core.connections.size,
    uptimeSeconds: () => (clock.monotonic() - startedAt) / 1000,
  });
}

function openHttp(
  { config }: Boot,
  core: Core,
  { identity, screens, commands, rooms }: Domains,
  { health, trust }: { health: HealthReporter; trust: Trust },
) {
  const nodes = nodeRoutes({
    ...core,
    recordAudit: auditFor(config, core),
    screenNames: (screenIds) => screens.namesOf(screenIds),
    state: () => health.state(),
  });
  const operations = { health, metrics: core.metrics, metricsToken: config.METRICS_TOKEN?.reveal() };
  return createHttp({
    ...core,
    config: httpConfig(config, readVersion(), consoleFolder()),
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

function watched(clock: Clock): Overload {
  const overload = new Overload(clock);
  overload.start();
  return overload;
}
