import { randomUUID } from 'node:crypto';
import { BongsuError } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { createRecordAudit } from '../../src/audit/record.js';
import { RateLimiter } from '../../src/guards/rate-limiter.js';
import type { Clock } from '../../src/platform/clock.js';
import { type Database, DatabaseError } from '../../src/platform/database/database.js';
import { MemoryEphemeral } from '../../src/platform/ephemeral/memory.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { UserPrincipal } from '../../src/platform/principal.js';
import type { EventContext } from '../../src/platform/surface.js';
import type { RoomsConfig } from '../../src/rooms/deps.js';
import { createRooms, type RoomsCore } from '../../src/rooms/index.js';
import type { RoomParts, Seats } from '../../src/rooms/seams.js';
import { roomGroup, type Seat, seatGroup } from '../../src/rooms/seat.js';
import { commandsHarness } from './commands.js';
import type { OpenDatabase } from './databases.js';
import { emptyTables } from './empty-tables.js';
import { HubBus } from './hub-bus.js';
import { ManualClock } from './manual-clock.js';
import { memoryLog } from './memory-log.js';
import { RoomSockets, type Told } from './room-sockets.js';
import { routeApp } from './route-app.js';

export interface RoomSocket {
  id: string;
  /** As it is now: another one may be put in its place. */
  user: UserPrincipal;
  node: RoomNode;
  instanceId: string | undefined;
  told: Told[];
  /** Sends an event and answers its ack. */
  send<Ack = Record<string, unknown>>(event: string, payload: unknown): Promise<Ack>;
  /** Payloads of an event, in order. */
  heard(event: string): Told['payload'][];
  end(): Promise<void>;
}

export interface RoomNode {
  name: string;
  incarnation: string;
  rooms: RoomsCore;
  seats: Seats;
  metrics: Metrics;
  /** What was attached and not detached. */
  attached: Set<string>;
  /** While true, no socket can be attached to a stream. */
  losesFeed: boolean;
  signals: { seat: Seat; what: 'returned' | 'gone'; resumed?: boolean }[];
  /** Who hears the room by a resume. */
  guests: UserPrincipal[];
  connect(user: UserPrincipal, instanceId?: string): RoomSocket;
  http(
    user: UserPrincipal,
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Pick<Awaited<ReturnType<Awaited<ReturnType<typeof routeApp>>['call']>>, 'status' | 'body'>>;
  /** Stands still, with its sockets, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Dies without a word, last seen now: its sockets are gone and nothing of it runs any more. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

const CONFIG: RoomsConfig = {
  graceMs: 15_000,
  emptyGraceMs: 60_000,
  idleMs: 86_400_000,
  createsPerMinute: 10_000,
  joinsPerMinute: 10_000,
  signalsPerSecond: 200,
  turn: undefined,
};
const FAR = 8_000_000_000_000;

/** Processes on one database, which share a clock that stands still, a bus and their sockets' groups. */
export class RoomSite {
  readonly clock = new ManualClock();
  readonly sockets = new RoomSockets();
  readonly bus = new HubBus();
  readonly pushed: { userId: string; event: string; payload: unknown }[] = [];
  /** While true, the database is not reachable. */
  isAway = false;
  /** How far each look at the database's clock moves it. */
  tickMs = 0;
  /** So often somebody asked for it meanwhile. */
  refused = 0;
  /** While true, what a transaction commits is done, but nobody learns of it. */
  losesAnswers = false;
  /** Called before each statement outside of a transaction. */
  meanwhile: (text: string) => Promise<void> = async () => {};
  /** Called before a limit is counted. */
  counting: () => Promise<void> = async () => {};
  readonly #names = new Map<string, string>();
  readonly #nodes: RoomNode[] = [];
  #busy = 0;
  readonly #whenIdle: (() => void)[] = [];

  constructor(
    readonly database: Database,
    private readonly config: Partial<RoomsConfig> = {},
  ) {}

  /** Nothing of earlier tests. */
  async clear(): Promise<void> {
    await emptyTables(
      this.database,
      'rooms',
      'room_participants',
      'room_bars',
      'ended_nodes',
      'nodes',
      'streams',
      'room_screens',
      'idempotency',
      'audit_outbox',
    );
  }

  person(role: 'user' | 'admin' = 'user'): UserPrincipal {
    const userId = randomUUID();
    const username = `name-${this.#names.size}`;
    this.#names.set(userId, username);
    const expiresAt = Number.MAX_SAFE_INTEGER;
    return { kind: 'user', userId, username, role, sessionId: randomUUID(), expiresAt, provenAt: 0 };
  }

  /** A process that has begun. */
  async node(): Promise<RoomNode> {
    const node = this.#makeNode(randomUUID());
    await this.database.query('insert into nodes (name, incarnation, lease_until) values ($1, $2, $3)', [
      node.name,
      node.incarnation,
      FAR,
    ]);
    await node.rooms.start();
    this.#nodes.push(node);
    return node;
  }

  /** Moves time, and waits until everything that was due has been done. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.quiet();
  }

  /** Resolves when no process asks the database anything more. */
  async quiet(): Promise<void> {
    for (let calm = 0; calm < 5; calm = this.#busy === 0 ? calm + 1 : 0)
      await new Promise<void>((resolve) => {
        if (this.#busy === 0) setImmediate(resolve);
        // Looking again and again would take the time of the database, which answers by itself.
        else this.#whenIdle.push(resolve);
      });
  }

  /** Who has not left, as SQL has it. */
  seatRows() {
    return this.database.query<{ id: string; state: string; incarnation: string; socket_id: string }>(
      'select id, state, incarnation, socket_id from room_participants where left_at is null order by number',
    );
  }

  async stop(): Promise<void> {
    this.isAway = false;
    this.losesAnswers = false;
    for (const node of this.#nodes.splice(0)) await node.stop();
  }

  readonly #databaseClock = () => {
    this.clock.advance(this.tickMs);
    return this.clock.now();
  };

  #makeNode(name: string): RoomNode {
    const incarnation = randomUUID();
    const life = { isOver: false };
    const { clock, log } = { clock: mortalClock(this.clock, life), log: memoryLog() };
    const metrics = new Metrics();
    const ephemeral = new MemoryEphemeral(this.clock, log);
    const counter: Pick<MemoryEphemeral, 'count'> = {
      count: async (...call) => {
        await this.counting();
        return ephemeral.count(...call);
      },
    };
    const database = this.#watched(life);
    const limits = { requestsPerMinute: 1e6, commandsPerMinute: 1e6, handshakeFailuresPerMinute: 10 };
    const { commands } = commandsHarness(this.database);
    const parts = standIns(this.sockets.of(name), () => node.losesFeed);
    let seats: Seats | undefined;
    const rooms = createRooms(
      {
        config: { ...CONFIG, ...this.config },
        database,
        ephemeral: { bus: this.bus.join() },
        databaseClock: this.#databaseClock,
        ...{ clock, log, metrics },
        recordAudit: createRecordAudit({ now: this.clock.now, service: 'test' }),
        push: {
          toUser: (userId, event, payload) => void this.pushed.push({ userId, event, payload }),
        },
        groups: this.sockets.of(name),
        streams: commands.rooms,
        screens: { authorizeCommand: () => undefined, holdCommanded: async () => undefined },
        users: { usernames: async (ids) => new Map(ids.map((id) => [id, this.#names.get(id) ?? ''])) },
        limiter: new RateLimiter({ ephemeral: counter, clock, metrics }, { enabled: true, ...limits }),
        idempotency: commands.idempotency,
        node: { incarnation },
      },
      (_, given) => {
        seats = given;
        return parts;
      },
    );
    const end = async () => {
      life.isOver = true;
      await this.quiet();
      await ephemeral.close();
    };
    const node: RoomNode = {
      ...{
        name,
        incarnation,
        rooms,
        metrics,
        attached: parts.attached,
        signals: parts.told,
        guests: parts.guests,
      },
      losesFeed: false,
      seats: seats as unknown as Seats,
      connect: (user, instanceId) => this.#connect(node, user, instanceId),
      http: async (user, ...call) => {
        const app = await routeApp(rooms.routes, () => user);
        const { status, body } = await app.call(...call);
        await app.close();
        return { status, body };
      },
      freeze: () => {
        life.isOver = true;
      },
      thaw: () => {
        life.isOver = false;
      },
      crash: async () => {
        await this.quiet();
        this.#nodes.splice(this.#nodes.indexOf(node), 1);
        this.sockets.dropNode(name);
        await end();
        await this.database.query('delete from nodes where incarnation = $1', [incarnation]);
        await this.database.query('insert into ended_nodes (incarnation, lived_until) values ($1, $2)', [
          incarnation,
          this.clock.now(),
        ]);
      },
      stop: async () => {
        await rooms.stop();
        await end();
        await this.database.query('delete from nodes where incarnation = $1', [incarnation]);
      },
    };
    return node;
  }

  #connect(node: RoomNode, user: UserPrincipal, instanceId?: string): RoomSocket {
    const id = randomUUID();
    const abort = new AbortController();
    const told = this.sockets.connect(id, node.name);
    const context: EventContext = {
      socketId: id,
      get principal() {
        return socket.user;
      },
      origin: { address: '192.0.2.1', userAgent: 'test' },
      instanceId,
      signal: abort.signal,
      replacePrincipal() {},
    };
    const socket: RoomSocket = {
      ...{ id, user, node, instanceId, told },
      async send<Ack>(event: string, payload: unknown) {
        const definition = node.rooms.events[event];
        if (!definition) throw new Error(`no event ${event}`);
        const input = definition.schema.safeParse(payload);
        if (!input.success) throw new BongsuError('VALIDATION_ERROR');
        return (await definition.handle(context, input.data)) as Ack;
      },
      heard: (event) => told.filter((one) => one.event === event).map(({ payload }) => payload),
      end: () => {
        this.sockets.drop(id);
        abort.abort();
        return node.rooms.disconnected(id);
      },
    };
    return socket;
  }

  /** Says when nothing is under way, and fails what a dead process asks. */
  #watched(life: { isOver: boolean }): Database {
    const { database } = this;
    const watch = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      if (life.isOver || this.isAway) {
        this.refused += 1;
        throw new DatabaseError('connection', 'away');
      }
      this.#busy += 1;
      try {
        return await work();
      } finally {
        this.#busy -= 1;
        if (this.#busy === 0) for (const tell of this.#whenIdle.splice(0)) tell();
      }
    };
    return {
      ...database,
      kind: database.kind,
      query: (...call) =>
        watch(async () => {
          await this.meanwhile(call[0]);
          return database.query(...call);
        }),
      transaction: (...call) =>
        watch(async () => {
          const answer = await database.transaction(...call);
          if (this.losesAnswers) throw new DatabaseError('connection', 'lost');
          return answer;
        }),
    } as Database;
  }
}

/** Gives each test of a suite a site with nothing of the others, on one database. @param begin what all of them start from */
export function siteForEach(open: OpenDatabase, begin: (site: RoomSite) => Promise<void>): void {
  let database: Database;
  let site: RoomSite;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    site = new RoomSite(database);
    await site.clear();
    await begin(site);
  });
  afterEach(() => site.stop());
}

/** Timers of a dead process do nothing. */
function mortalClock(clock: ManualClock, life: { isOver: boolean }): Clock {
  const living = (task: () => void) => () => (life.isOver ? undefined : task());
  return {
    now: clock.now,
    monotonic: clock.monotonic,
    after: (delayMs, task) => clock.after(delayMs, living(task)),
    every: (periodMs, task) => clock.every(periodMs, living(task)),
  };
}

/** In place of messages and signaling, which are tested on their own. */
function standIns(groups: ReturnType<RoomSockets['of']>, isLost: () => boolean) {
  const attached = new Set<string>();
  const told: RoomNode['signals'] = [];
  const guests: UserPrincipal[] = [];
  const parts: RoomParts = {
    feed: {
      async attach({ socketId = '', participantId, room }) {
        attached.add(`${participantId} ${socketId}`);
        if (isLost()) throw new BongsuError('UNAVAILABLE');
        groups.join(socketId, roomGroup(room));
        groups.join(socketId, seatGroup(participantId));
        return { lastSeq: 0, epoch: 'epoch', resumed: false };
      },
      detach({ socketId = '', participantId, room }) {
        if (!attached.delete(`${participantId} ${socketId}`)) throw new Error('detached without an attach');
        groups.leave(socketId, roomGroup(room));
        groups.leave(socketId, seatGroup(participantId));
      },
      async comeBack(_, { principal }) {
        guests.push(principal);
        return { state: { lastSeq: 0, recovered: true }, deliver: async () => {} };
      },
      disconnected() {},
      guestsOf: () => [...guests],
      turnAway: (_, userId) =>
        void guests.splice(0, guests.length, ...guests.filter((it) => it.userId !== userId)),
    },
    signals: {
      arrived() {},
      returned: (seat, { resumed }) => void told.push({ seat, what: 'returned', resumed }),
      gone: (seat) => void told.push({ seat, what: 'gone' }),
    },
    events: {},
    iceServers: { issue: () => ({ iceServers: [], expiresAt: null }) },
    listen: () => () => {},
  };
  return { ...parts, attached, told, guests };
}
