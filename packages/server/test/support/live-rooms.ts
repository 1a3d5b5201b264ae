import { createRecordAudit } from '../../src/audit/record.js';
import { RateLimiter } from '../../src/guards/rate-limiter.js';
import { systemClock } from '../../src/platform/clock.js';
import type { Database } from '../../src/platform/database/database.js';
import { MemoryEphemeral } from '../../src/platform/ephemeral/memory.js';
import { silentLog } from '../../src/platform/log.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { UserPrincipal } from '../../src/platform/principal.js';
import type { Events } from '../../src/platform/surface.js';
import { createRooms, type Rooms } from '../../src/rooms/index.js';
import { RoomFeed } from '../../src/rooms/room-feed.js';
import { commandsHarness, lonelyBus } from './commands.js';
import { FakeSocket, MemoryGroups } from './room-groups.js';
import { routeApp } from './route-app.js';

const GRACE_MS = 15_000;

/** Rooms and commands as a server puts them together, on one database, with sockets in memory. */
export async function liveRooms(database: Database) {
  const groups = new MemoryGroups();
  const [clock, log, metrics] = [systemClock, silentLog, new Metrics()];
  const ephemeral = new MemoryEphemeral(clock, log);
  /** Who commands each screen. */
  const commanders = new Map<string, string>();
  const harness = commandsHarness(database, {
    authorizeRoom: (...question) => rooms.authorize(...question),
    authorize: (principal, screenId) => authorizeScreen(principal, screenId),
  });
  const authorizeScreen: Parameters<typeof createRooms>[0]['screens']['authorizeCommand'] = (
    principal,
    screenId,
  ) => {
    const streamId = harness.screens.get(screenId);
    const mine = principal.kind === 'user' && commanders.get(screenId) === principal.userId;
    return streamId !== undefined && mine ? { screenId, streamId, role: 'owner' } : undefined;
  };
  const { commands } = harness;
  const limits = { requestsPerMinute: 1e6, commandsPerMinute: 1e6, handshakeFailuresPerMinute: 10 };
  let feed: RoomFeed | undefined;
  const rooms: Rooms = createRooms(
    {
      config: {
        graceMs: GRACE_MS,
        emptyGraceMs: 60_000,
        idleMs: 86_400_000,
        createsPerMinute: 1000,
        joinsPerMinute: 1000,
        signalsPerSecond: 200,
        turn: undefined,
      },
      database,
      ephemeral: { bus: lonelyBus() },
      databaseClock: () => Date.now(),
      ...{ clock, log, metrics, groups },
      recordAudit: createRecordAudit({ now: () => Date.now(), service: 'test' }),
      push: { toUser() {} },
      streams: commands.rooms,
      screens: {
        authorizeCommand: authorizeScreen,
        holdCommanded: async (_, user, screenId) => authorizeScreen(user, screenId),
      },
      users: { usernames: async (ids) => new Map(ids.map((id) => [id, 'Ada'])) },
      limiter: new RateLimiter({ ephemeral, clock, metrics }, { enabled: true, ...limits }),
      idempotency: commands.idempotency,
      node: { incarnation: crypto.randomUUID() },
    },
    (_, { touch }) => {
      feed = new RoomFeed({ streams: commands.rooms, groups, touch, clock, log, graceMs: GRACE_MS });
      return {
        feed,
        events: {},
        signals: { arrived() {}, returned() {}, gone() {} },
        iceServers: { issue: () => ({ iceServers: [], expiresAt: null }) },
        listen: () => () => {},
      };
    },
  );
  await commands.start();
  await rooms.start();
  const events: Events = { ...commands.events, ...rooms.events };
  const screenOf = async (screenId: string, user: UserPrincipal) => {
    commanders.set(screenId, user.userId);
    await harness.addScreen(screenId);
  };
  return {
    rooms,
    commands,
    /** Made with the rooms. */
    feed: () => feed as RoomFeed,
    screenOf,
    connect: (socketId: string, user: UserPrincipal) => groups.connect(new FakeSocket(socketId, user)),
    /** A socket event, and its ack. */
    async send<Answer>({ socketId, principal }: FakeSocket, event: string, payload: unknown) {
      const definition = events[event];
      if (!definition) throw new Error(`No event ${event}`);
      const context = {
        ...{ socketId, instanceId: undefined, principal, replacePrincipal() {} },
        origin: { address: '192.0.2.1', userAgent: 'test' },
        signal: new AbortController().signal,
      };
      return (await definition.handle(context, definition.schema.parse(payload))) as Answer;
    },
    async http(user: UserPrincipal, ...call: Parameters<Awaited<ReturnType<typeof routeApp>>['call']>) {
      const app = await routeApp(
        async (it) => {
          await it.register(rooms.routes);
          await it.register(commands.routes);
        },
        () => user,
      );
      const { status, body } = await app.call(...call);
      await app.close();
      return { status, body };
    },
    async stop() {
      await rooms.stop();
      await commands.stop(AbortSignal.timeout(1000));
      await ephemeral.close();
    },
  };
}
