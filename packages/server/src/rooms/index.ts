import type { StreamState } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
import type { PruneRooms, RoomGrant } from '../commands/index.js';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import type { Events } from '../platform/surface.js';
import { RoomActivity } from './activity.js';
import { Attendance } from './attendance.js';
import { Departures } from './departures.js';
import type { RoomsContext, RoomsDeps } from './deps.js';
import { disconnect, writeDepartures } from './disconnect.js';
import { roomEvents } from './events.js';
import { followHint } from './follow.js';
import { turnAwayStrangers } from './guests.js';
import { iceRoutes } from './ice-routes.js';
import { joinTogether } from './join.js';
import { Joins } from './joins.js';
import { KeyedQueues } from './keyed-queues.js';
import { roomLanes } from './lanes.js';
import { LiveRooms, type RoomHint } from './live-rooms.js';
import { resume } from './resume.js';
import { createReturns } from './returns.js';
import { countRooms } from './room-counts.js';
import { RoomKeeper } from './room-keeper.js';
import { type MakeParts, roomParts } from './room-parts.js';
import { roomRoutes } from './routes.js';
import { RoomStandings } from './standings.js';
import { pruneParticipants, pruneRooms } from './store/past.js';
import { streamRoutes } from './stream-routes.js';
import { keepWords } from './words.js';

export type { RoomsConfig, RoomsDeps } from './deps.js';

/** A user's socket, as rooms see it. */
export interface RoomSocket {
  readonly socketId: string;
  readonly principal: UserPrincipal;
  isConnected(): boolean;
  /** Bytes that wait for the peer to read. */
  queuedBytes(): number;
  /** Ends the transport without a word; the client comes back. */
  drop(): void;
}

/** What commands and the gateway use of rooms. */
export interface Rooms {
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * For the acceptor: undefined for who is no member of an open room. Cached; a change in this process shows at once, and nobody is
   * refused from memory.
   * @param toCommand the room's screens: where the grant does not say so, the sender may not @throws ROOM_CLOSED to whose it was
   */
  authorize(
    principal: Principal,
    roomId: string,
    toCommand: boolean,
  ): RoomGrant | undefined | Promise<RoomGrant | undefined>;
  /**
   * What a socket that comes back missed of the rooms that it names and may read: how each stream stands, for `ready`; `deliver` then
   * emits what was missed, in order, and what comes after it. What it may not read is left out.
   */
  resume(
    socket: RoomSocket,
    from: { epoch: string; streams: Readonly<Record<string, number>> },
  ): Promise<{ streams: Record<string, StreamState>; deliver(): void }>;
  /** The socket is gone: its seats are kept for the grace. Never rejects. */
  disconnected(socketId: string): Promise<void>;
  /** Removes `rows` at most of who left, or of rooms that were closed, then or before. @returns how many */
  prune: PruneRooms;
  routes: FastifyPluginAsync;
  events: Events;
}

/** Rooms with what goes on by itself. */
export interface RoomsCore extends Rooms {
  /** Does what is due; by itself that is looked for every 5 s. Never rejects. */
  look(): Promise<void>;
}

const PRUNE = { participant: pruneParticipants, room: pruneRooms };

/**
 * Rooms, who is in them, what is said there, and the signaling of their calls.
 * @param makeParts replaced by tests of the core
 * @example const rooms = createRooms(deps); await rooms.start(); app.register(rooms.routes, { prefix: '/api' })
 */
export function createRooms(deps: RoomsDeps, makeParts: MakeParts = roomParts): RoomsCore {
  const { calls, background } = roomLanes(deps.database, deps.clock);
  const live = new LiveRooms({ ...deps, database: calls });
  const access = new RoomStandings({ ...deps, database: calls, live });
  const activity = new RoomActivity({ ...deps, live, access });
  const parts = makeParts(deps, {
    seatOf: (socketId, roomId) => live.seatOf(socketId, roomId),
    seat: (room, participantId) => live.seat(room, participantId),
    knows: (room) => live.knows(room),
    catchUp: (room) => catchUp(byItself, room),
    lookAnew: (roomId) => catchUp(byItself, { roomId }),
    touch: (room) => activity.touch(room),
    keepWords: (seat) => keepWords(context, seat),
  });
  const queues = new KeyedQueues();
  const attendance = new Attendance({ groups: deps.groups, feed: parts.feed, live });
  const keeper = new RoomKeeper(() => byItself);
  const stopping = new AbortController();
  const context: RoomsContext = {
    ...deps,
    ...parts,
    database: calls,
    live,
    access,
    queues,
    late: new Set(),
    attendance,
    joins: new Joins({ attendance, queues }, (...turn) => joinTogether(context, ...turn)),
    returns: createReturns(deps.clock, () => context),
    counts: countRooms(deps.metrics, () => live.count),
    expectAt: (time) => keeper.expectAt(time),
    stopping: stopping.signal,
  };
  const byItself: RoomsContext = { ...context, database: background };
  let stopListening = () => {};
  const departures = new Departures(context, (roomId, gone) => writeDepartures(byItself, roomId, gone));
  return {
    async start() {
      live.start(
        (hint) => onHint(byItself, hint),
        () => void keeper.compare(),
      );
      stopListening = parts.listen();
      await keeper.start();
    },
    /** Seats whose end is not written by then are kept by whoever starts next. */
    async stop() {
      stopping.abort();
      departures.stop();
      await keeper.stop();
      await queues.idle();
      stopListening();
      live.stop();
    },
    look: () => keeper.look(),
    authorize: (...question) => access.authorize(...question),
    resume: (socket, from) => resume(context, socket, from),
    prune: (kind, rows, until) => PRUNE[kind](deps.database, rows, until),
    disconnected: (socketId) => disconnect(context, departures, socketId),
    routes: async (app) => {
      await app.register(roomRoutes(context));
      await app.register(streamRoutes(context));
      const touch = (user: UserPrincipal, roomId: string) => activity.touchFor(user, roomId);
      await app.register(iceRoutes({ iceServers: parts.iceServers, touch }));
    },
    events: { ...roomEvents(context), ...parts.events },
  };
}

/** In the room's turn: a join of which others heard before its own answer came is over then. */
async function catchUp(context: RoomsContext, room: Omit<RoomHint, 'closed'>): Promise<void> {
  const { live, log, queues } = context;
  const { roomId } = room;
  const work = async () => {
    if (live.here(roomId)) await followHint(context, { ...room, closed: undefined });
  };
  await queues
    .run(roomId, work)
    .catch((error: unknown) => log.warn({ err: error, roomId }, 'a room could not be read anew yet'));
}

function onHint(context: RoomsContext, hint: RoomHint): void {
  const { feed, live, log, queues } = context;
  const { roomId } = hint;
  const isFollowed = live.follows(roomId);
  if (!isFollowed && feed.guestsOf(roomId).length === 0) return;
  queues
    .run(roomId, () => (isFollowed ? followHint(context, hint) : turnAwayStrangers(context, roomId)))
    // The next look finds it.
    .catch((error: unknown) => log.warn({ err: error, roomId }, 'a room could not be read anew yet'));
}
