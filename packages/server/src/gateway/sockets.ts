import { randomInt } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { AuthenticationError, BongsuError, MAX_FRAME_BYTES, parseInput, type Ready } from '@bongsu/protocol';
import { Server, type Socket } from 'socket.io';
import type { Commands, ScreenAttachment } from '../commands/index.js';
import { socketHeaders } from '../guards/headers.js';
import type { RateLimiter } from '../guards/rate-limiter.js';
import type { Identity } from '../identity/index.js';
import { type Clock, type DatabaseClock, sleep } from '../platform/clock.js';
import type { ReplicaReads } from '../platform/database/replica-reads.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Principal } from '../platform/principal.js';
import { assertRight, type RightName } from '../platform/rights.js';
import type { EventDefinition, Events } from '../platform/surface.js';
import type { Rooms } from '../rooms/index.js';
import type { Screens } from '../screens/index.js';
import { type Admit, admission } from './admission.js';
import { authMiddleware } from './authenticate.js';
import { clientAddress, type Trust, unreadableAddressWarning } from './client-address.js';
import { type ClientEvent, Connection } from './connection.js';
import type { Connections } from './connections.js';
import { corsOf } from './cors.js';
import { ExpiryWatch } from './expiry-watch.js';
import { gatherFrames } from './gathering-transport.js';
import { HandshakeWaves } from './handshake-waves.js';
import { moveInWaves } from './moving.js';
import type { OtherNodes } from './other-nodes.js';
import type { Overload } from './overload.js';
import { failure, logRefusal, toBongsuError } from './reply.js';
import { SlowConsumers } from './slow-consumers.js';
import type { NamespaceGroups } from './socket-groups.js';
import { tellUnknownSessions } from './unknown-sessions.js';

export interface SocketsConfig {
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
  corsOrigins: readonly string[] | true;
}

export interface SocketsDeps {
  config: SocketsConfig;
  server: HttpServer;
  connections: Connections;
  groups: Pick<NamespaceGroups, 'bind'>;
  /** Absent where there is one node. */
  others?: OtherNodes | undefined;
  identity: Pick<Identity, 'authenticate' | 'touch'>;
  commands: Pick<Commands, 'attachScreen' | 'currentEpoch'>;
  screens: Pick<Screens, 'setOnline'>;
  /** Without it there are none. */
  rooms?: Pick<Rooms, 'resume' | 'disconnected'>;
  /** With a replica. */
  reads?: Pick<ReplicaReads, 'wrote'> | undefined;
  events: Events;
  limiter: Pick<RateLimiter, 'enforceLimit' | 'isBlocked' | 'recordFailure' | 'paceLookUps'>;
  admit: Admit;
  /** Told of each handshake. */
  overload?: Pick<Overload, 'begin'>;
  trust: Trust;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
}

/** `auth-expiring` comes this long before the access token ends, the cut this long after. */
const EXPIRY_NOTICE_MS = 60_000;
const EXPIRY_GRACE_MS = 30_000;
/** An answer that never comes must not hold a half-open handshake for ever. */
const CONNECT_TIMEOUT_MS = 10_000;
const DRAIN_RETRY_MS = 1000;
/** Of the time that a stop has: until the first socket is told to move, three seconds at most, and until the last one is. */
const NOTICE_SHARE = 0.1;
const NOTICE_MS = 3000;
const MOVE_SHARE = 0.5;
/** A client that reads or polls no more never says goodbye: the stop does not wait for it longer than this. */
const DRAIN_PATIENCE_MS = 2000;
const LIFETIME_SECONDS = [1, 5, 15, 30, 60, 300, 600, 1800, 3600];

interface AttachedScreen {
  screenId: string;
  attachment: ScreenAttachment;
}

/** The Socket.IO surface: handshake, `ready`, events to verbs, closings. */
export class Sockets {
  readonly #deps: SocketsDeps;
  readonly #io: Server;
  readonly #expiries: ExpiryWatch<string>;
  readonly #slowConsumers: SlowConsumers;
  readonly #tellUnreadable: (address: string) => void;
  readonly #lifetimes: ReturnType<Metrics['histogram']>;
  /** Of sockets that are not ready yet: what ends the counting of their handshakes. */
  readonly #handshakes = new Map<string, () => void>();
  /** Transports whose handshake is not answered yet. */
  readonly #asking = new WeakSet<Socket['conn']>();
  readonly #waves: HandshakeWaves;
  #draining = false;

  constructor(deps: SocketsDeps) {
    this.#deps = deps;
    this.#waves = new HandshakeWaves(deps.clock);
    this.#tellUnreadable = unreadableAddressWarning(deps.log);
    this.#expiries = new ExpiryWatch(deps.clock, deps.databaseClock);
    this.#io = new Server(deps.server, {
      serveClient: false,
      perMessageDeflate: false,
      transports: ['websocket', 'polling'],
      pingInterval: deps.config.heartbeatIntervalMs,
      pingTimeout: deps.config.heartbeatTimeoutMs,
      maxHttpBufferSize: MAX_FRAME_BYTES,
      connectTimeout: CONNECT_TIMEOUT_MS,
      cors: corsOf(deps.config.corsOrigins),
      allowRequest: admission(deps.admit),
      ...(deps.others ? { adapter: deps.others.adapter } : {}),
      // No connectionStateRecovery: it would let a socket back in past the handshake. Offsets in `resume` do its work.
    });
    this.#io.engine.use(socketHeaders);
    gatherFrames(this.#io);
    tellUnknownSessions(this.#io.engine, deps);
    const closings = deps.metrics.counter(
      'bongsu_slow_consumers_total',
      'Sockets ended because they did not read.',
    );
    this.#slowConsumers = new SlowConsumers({
      clock: deps.clock,
      consumers: () => deps.connections.all(),
      onEnded: () => closings.inc(),
    });
    this.#slowConsumers.start();
    const namespace = this.#io.of('/');
    deps.groups.bind(namespace);
    deps.others?.bind(namespace);
    // A client's late ack of an earlier process must not hit a live callback: ids start at a random place.
    namespace._ids = randomInt(2 ** 45);
    const authenticate = authMiddleware({
      identity: deps.identity,
      limits: deps.limiter,
      checkConnections: (principal) => this.#deps.connections.check(principal),
      originOf: (socket) => this.#originOf(socket),
      log: deps.log,
    });
    namespace.use((socket, next) => {
      const { conn } = socket;
      // Who asks again before the answer would have each asked for apart, and counted.
      if (this.#asking.has(conn)) return void conn.close();
      this.#asking.add(conn);
      this.#handshakeBegan(socket);
      const answer = (refusal?: Error) => {
        this.#asking.delete(conn);
        if (refusal) this.#handshakeEnded(socket.id);
        next(refusal);
      };
      this.#waves.enter(() => (conn.readyState === 'open' ? authenticate(socket, answer) : answer()));
    });
    namespace.on('connection', (socket) => this.#onConnection(socket));
    this.#lifetimes = deps.metrics.histogram(
      'signaling_connection_duration_seconds',
      'How long sockets that ended were connected.',
      LIFETIME_SECONDS,
    );
    deps.metrics.gauge('signaling_active_connections', 'Sockets connected to this node.', [], (gauge) =>
      gauge.set(this.#deps.connections.size),
    );
  }

  /**
   * Tells the sockets to go to other nodes, in waves over half of the time that a stop has, while all that they ask is still answered.
   * @param stopMs DRAIN_SECONDS @param signal aborted when that is over
   */
  async move(stopMs: number, signal: AbortSignal): Promise<void> {
    const { clock, connections } = this.#deps;
    this.#draining = true;
    // Balancers look every second or two: who is told to move before they know would come back here, to be refused.
    await sleep(clock, Math.min(NOTICE_MS, stopMs * NOTICE_SHARE), signal).catch(() => undefined);
    const movers = [...connections.all()].map((connection) => ({
      move: (retryAfterMs: number) => connection.move(retryAfterMs, clock),
    }));
    await moveInWaves(movers, stopMs * MOVE_SHARE, { clock, random: Math.random }, signal);
  }

  /** Tells every socket that is left to move and ends its transport, also those whose handshake was under way. */
  async drain(): Promise<void> {
    const { connections, clock } = this.#deps;
    this.#draining = true;
    this.#waves.end();
    connections.closeAll('DRAINING', DRAIN_RETRY_MS);
    let cancel = () => {};
    const patience = new Promise<void>((resolve) => {
      cancel = clock.after(DRAIN_PATIENCE_MS, resolve);
    });
    await Promise.race([connections.empty(), patience]);
    cancel();
  }

  async close(): Promise<void> {
    this.#expiries.stop();
    this.#slowConsumers.stop();
    this.#io.local.disconnectSockets(true);
    this.#io.engine.close();
  }

  /** Under way until it is refused, its socket is ready, or its transport has ended. */
  #handshakeBegan({ id, conn }: Socket): void {
    const ended = this.#deps.overload?.begin();
    if (!ended) return;
    this.#handshakes.set(id, ended);
    conn.once('close', () => this.#handshakeEnded(id));
  }

  #handshakeEnded(socketId: string): void {
    this.#handshakes.get(socketId)?.();
    this.#handshakes.delete(socketId);
  }

  #originOf(socket: Socket) {
    const address = clientAddress(socket.request, this.#deps.trust);
    this.#tellUnreadable(address);
    return {
      address,
      userAgent: String(socket.request.headers['user-agent'] ?? '').slice(0, 300),
    };
  }

  #onConnection(socket: Socket): void {
    const { token } = socket.handshake.auth as { token: string };
    forgetRequest(socket);
    const connection = new Connection(socket, this.#deps.databaseClock(), (changed) =>
      this.#watchExpiry(changed),
    );
    const { principal } = connection;
    if (this.#draining) {
      connection.close('DRAINING', DRAIN_RETRY_MS);
      return;
    }
    // Asked in the handshake too, but of many at once each was let in before any was counted.
    if (!this.#deps.connections.hasRoom(principal)) {
      connection.drop();
      return;
    }
    this.#deps.connections.add(connection);
    const openedAt = this.#deps.clock.monotonic();
    const screen =
      principal.kind === 'screen' ? this.#attachScreen(connection, principal.screenId) : undefined;
    socket.onAny((name: unknown, ...args: unknown[]) => this.#onEvent(connection, toClientEvent(name, args)));
    socket.on('disconnect', () => {
      this.#lifetimes.observe((this.#deps.clock.monotonic() - openedAt) / 1000);
      this.#onDisconnect(connection, screen?.attachment);
      // A client may leave and keep its transport, which nobody would count then, nor end.
      socket.conn.close();
    });
    this.#watchExpiry(connection);
    this.#makeReady(connection, token, screen).catch((thrown) => this.#refuseReady(connection, thrown));
  }

  #refuseReady(connection: Connection, thrown: unknown): void {
    const error = toBongsuError(thrown);
    logRefusal(this.#deps.log, error, { event: 'ready', socketId: connection.socketId });
    connection.endAs(error);
  }

  #attachScreen(connection: Connection, screenId: string): AttachedScreen {
    const attachment = this.#deps.commands.attachScreen(connection.asScreen(screenId));
    // It may be refused while the login is still asked for, when nobody listens yet.
    attachment.ready.catch(() => undefined);
    connection.restsBy(() => attachment.rest());
    return { screenId, attachment };
  }

  async #makeReady(connection: Connection, token: string, screen: AttachedScreen | undefined): Promise<void> {
    // Once more, now that revocations and changes reach this connection: what came since the handshake found nothing here.
    connection.replacePrincipal(await this.#deps.identity.authenticate(token));
    const inbox = await screen?.attachment.ready;
    const epoch = inbox?.epoch ?? (await this.#deps.commands.currentEpoch());
    const rooms = await this.#resumeRooms(connection);
    if (!connection.isConnected) return;
    const { principal } = connection;
    const ready: Ready = {
      protocol: 1,
      epoch,
      serverTime: this.#deps.databaseClock(),
      ...(principal.kind === 'user' ? { userId: principal.userId } : { screenId: principal.screenId }),
      sessionId: principal.sessionId,
      streams: inbox ? { [inbox.stream]: inbox.state } : { ...rooms?.streams },
    };
    const early = connection.open(ready);
    this.#handshakeEnded(connection.socketId);
    rooms?.deliver();
    if (screen) {
      screen.attachment.open();
      this.#reportOnline(screen.screenId, true);
    }
    for (const event of early) this.#handle(connection, event);
  }

  /** Of a user's socket that says where it was. */
  async #resumeRooms(connection: Connection) {
    const { principal, handshake } = connection;
    if (!this.#deps.rooms || principal.kind !== 'user' || !handshake.resume) return undefined;
    return this.#deps.rooms.resume(connection.asRoomSocket(principal), handshake.resume);
  }

  #reportOnline(screenId: string, online: boolean): void {
    this.#deps.screens.setOnline(screenId, online).catch((err: unknown) => {
      this.#deps.log.warn({ err, screenId }, 'presence could not be told');
    });
  }

  #onDisconnect(connection: Connection, attachment: ScreenAttachment | undefined): void {
    connection.closed();
    this.#deps.connections.remove(connection);
    this.#expiries.delete(connection.socketId);
    attachment?.detach(connection.closing);
    const { principal } = connection;
    if (principal.kind === 'user') void this.#deps.rooms?.disconnected(connection.socketId);
    if (principal.kind === 'screen' && !this.#deps.connections.hasScreen(principal.screenId)) {
      this.#reportOnline(principal.screenId, false);
    }
  }

  #onEvent(connection: Connection, event: ClientEvent): void {
    try {
      if (!connection.holdsBack(event)) this.#handle(connection, event);
    } catch (thrown) {
      this.#refuse(connection, event, thrown);
    }
  }

  /** Synchronous up to the verb, so that verbs see events in the order of their arrival. */
  #handle(connection: Connection, event: ClientEvent): void {
    try {
      const definition = this.#definitionOf(event.name);
      this.#checkRight(connection.principal, definition.right);
      const input = parseInput(definition.schema, event.payload);
      const running = this.#run(connection, definition, input);
      connection.callBegan();
      running
        .then(
          (result) => {
            this.#ended(connection);
            event.ack?.({ success: true, ...result });
          },
          (thrown) => {
            this.#ended(connection);
            this.#refuse(connection, event, thrown);
          },
        )
        .catch((err: unknown) => this.#deps.log.error({ err }, 'an answer could not be sent'));
    } catch (thrown) {
      this.#refuse(connection, event, thrown);
    }
  }

  /** What came of a call may be written, also where it was refused. */
  #ended(connection: Connection): void {
    connection.callEnded();
    const { principal } = connection;
    if (principal.kind === 'user') this.#deps.reads?.wrote(principal.userId);
  }

  #run(connection: Connection, definition: EventDefinition, input: unknown): Promise<object> {
    this.#deps.identity.touch(connection.principal);
    // Commands are counted by their verb, in memory and at once: a wait here would shuffle their order.
    if (definition.limit === 'command' || definition.limit === 'none')
      return definition.handle(connection, input);
    return this.#deps.limiter
      .enforceLimit(definition.limit, limitKey(connection.principal))
      .then(() => definition.handle(connection, input));
  }

  #definitionOf(name: string): EventDefinition {
    const { events } = this.#deps;
    const definition = Object.hasOwn(events, name) ? events[name] : undefined;
    if (!definition) throw new BongsuError('NOT_FOUND');
    return definition;
  }

  #checkRight(principal: Principal, right: RightName): void {
    if (right !== 'socket.renew' && this.#deps.databaseClock() >= principal.expiresAt) {
      throw new AuthenticationError('TOKEN_EXPIRED');
    }
    assertRight(right, principal, this.#deps.databaseClock);
  }

  #refuse(connection: Connection, event: ClientEvent, thrown: unknown): void {
    const error = toBongsuError(thrown);
    const { principal, socketId } = connection;
    const context = { event: event.name.slice(0, 64), socketId, sessionId: principal.sessionId };
    const counted = this.#deps.events[event.name]?.limit === 'command';
    logRefusal(this.#deps.log, error, context, { counted });
    event.ack?.(failure(error));
  }

  #watchExpiry(connection: Connection): void {
    const { expiresAt } = connection.principal;
    if (expiresAt === Number.POSITIVE_INFINITY) {
      // An API key without an end.
      this.#expiries.delete(connection.socketId);
      return;
    }
    const cut = () => connection.close('TOKEN_EXPIRED');
    const warn = () => {
      connection.emit('auth-expiring', { expiresAt });
      this.#expiries.set(connection.socketId, expiresAt + EXPIRY_GRACE_MS, cut);
    };
    if (connection.isConnected) this.#expiries.set(connection.socketId, expiresAt - EXPIRY_NOTICE_MS, warn);
  }
}

export function limitKey(principal: Principal): string {
  return principal.kind === 'user' ? `user:${principal.userId}` : `screen:${principal.screenId}`;
}

/** Socket.IO lets numbers pass as names too. */
function toClientEvent(name: unknown, args: unknown[]): ClientEvent {
  const last = args.at(-1);
  const ack = typeof last === 'function' ? (last as (answer: unknown) => void) : undefined;
  return { name: String(name), payload: ack && args.length === 1 ? undefined : args[0], ack };
}

/** The upgrade request and its headers are the largest part of an idle connection, and everything needed was copied. */
function forgetRequest(socket: Socket): void {
  (socket.conn as unknown as { request: unknown }).request = null;
  socket.handshake.headers = {};
  socket.handshake.auth = {};
}
