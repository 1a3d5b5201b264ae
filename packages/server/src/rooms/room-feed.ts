import { BongsuError, type StreamState } from '@bongsu/protocol';
import type { RoomCommands, RoomPosition, RoomResume } from '../commands/index.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { UserPrincipal } from '../platform/principal.js';
import type { SocketGroups } from '../platform/push.js';
import { CatchUp } from './catch-up.js';
import type { RoomRow } from './deps.js';
import type { RoomSocket } from './index.js';
import { LiveStream, type StreamHolder } from './live-stream.js';
import type { RoomFeed as Feed, Position, Return } from './seams.js';
import { roomGroup, type Seat, seatGroup } from './seat.js';

export interface RoomFeedDeps {
  streams: Pick<RoomCommands, 'grant' | 'subscribe' | 'resume' | 'missed'>;
  groups: Pick<SocketGroups, 'join' | 'leave' | 'emitHere' | 'emitTo'>;
  touch(room: RoomRow): void;
  clock: Clock;
  log: Log;
  /** How long a socket that came back hears a room without having taken a seat in it. */
  graceMs: number;
}

interface Seated extends StreamHolder {
  live: LiveStream;
  room: RoomRow;
  socketId: string;
}

interface Returned extends StreamHolder {
  live: LiveStream;
  room: RoomRow;
  socket: RoomSocket;
  catchUp: CatchUp;
  cancelExpiry: () => void;
}

const RETRY_MS = 500;

/**
 * The streams of rooms, for the sockets of this process. One subscription a room, as long as a seat's socket is here: `attach` and
 * `detach` say so. A socket that comes back hears what it missed before it has taken its seat again.
 */
export class RoomFeed implements Feed {
  readonly #deps: RoomFeedDeps;
  /** By group. */
  readonly #live = new Map<string, LiveStream>();
  /** By participant. */
  readonly #seats = new Map<string, Seated>();
  /** By socket. */
  readonly #returned = new Map<string, Set<Returned>>();
  /** Those of them without a seat, by room. */
  readonly #guests = new Map<string, Set<Returned>>();
  /** Perhaps before they were attached. */
  readonly #detached = new WeakSet<Seat>();

  constructor(deps: RoomFeedDeps) {
    this.#deps = deps;
  }

  /** Rooms that are read along here. */
  get size(): number {
    return this.#live.size;
  }

  /**
   * The seat's socket joins the room: it gets entries after the answer's position, and what is said to the room and to the seat. A
   * socket that held the seat before gets nothing any more. Nothing happens to a seat that is detached meanwhile.
   * @throws ROOM_CLOSED, UNAVAILABLE
   */
  async attach(seat: Seat): Promise<Position> {
    const { room, socketId } = seat;
    this.#detached.delete(seat);
    return this.#withLive(room, async (live) => {
      // From here to the answer nothing waits, so the position is the one at which the socket begins.
      if (socketId !== undefined && !this.#detached.has(seat))
        this.#sit(seat.participantId, {
          ...{ live, room, socketId },
          // Another stream may follow under the same name of the group: of another epoch.
          ended: () => this.#deps.groups.leave(socketId, live.group),
        });
      const resumed = socketId !== undefined && this.#returnedTo(socketId, live) !== undefined;
      return { ...live.position(), resumed };
    });
  }

  /** The seat's socket is gone, or out of the room. What a newer socket holds is let be. */
  detach(seat: Seat): void {
    this.#detached.add(seat);
    const seated = this.#seats.get(seat.participantId);
    if (seated && seated.socketId === seat.socketId) this.#unseat(seat.participantId, seated);
  }

  /**
   * A socket that came back hears the room from where it was, before it has taken its seat. Who may read the room was asked before.
   * @throws ROOM_CLOSED, UNAVAILABLE
   */
  async comeBack(room: RoomRow, socket: RoomSocket, from: { epoch: string; seq: number }): Promise<Return> {
    return this.#withLive(room, async (live) => {
      const begin = live.position();
      const { streams } = this.#deps;
      const { roomId, streamId, generation } = room;
      const grant = streams.grant({ roomId, streamId, generation, mayCommand: false });
      const state = toState(await streams.resume(grant, from), from.seq, begin);
      if (!socket.isConnected()) return { state, deliver: async () => {} };
      const missed = (seq: number) => streams.missed(grant, { epoch: begin.epoch, seq });
      const catchUp = new CatchUp(live, socket, { ...this.#deps, missed });
      const returned: Returned = {
        ...{ live, room, socket, catchUp, cancelExpiry: () => {} },
        ended: () => this.#dismiss(returned),
      };
      this.#admit(returned);
      return { state, deliver: () => catchUp.run(state.recovered ? from.seq : begin.lastSeq) };
    });
  }

  /** The socket is gone. Its seats are detached one by one. */
  disconnected(socketId: string): void {
    for (const returned of this.#returned.get(socketId) ?? []) this.#dismiss(returned);
  }

  /** Who came back to the room and has taken no seat. */
  guestsOf(roomId: string): UserPrincipal[] {
    return [...(this.#guests.get(roomId) ?? [])].map(({ socket }) => socket.principal);
  }

  /** Sockets of the user that came back hear the room no more: they have no seat to take. */
  turnAway(roomId: string, userId: string): void {
    for (const guest of [...(this.#guests.get(roomId) ?? [])])
      if (guest.socket.principal.userId === userId) this.#dismiss(guest);
  }

  /** Who holds the stream while `use` runs keeps it from being given up in between. */
  async #withLive<Result>(room: RoomRow, use: (live: LiveStream) => Promise<Result>): Promise<Result> {
    const key = roomGroup(room);
    const waiting = {};
    let live = this.#live.get(key);
    if (!live) {
      const made = new LiveStream(room, this.#deps, () => this.#forget(key, made));
      live = made;
      this.#live.set(key, live);
    }
    live.hold(waiting);
    try {
      await live.open();
      return await use(live);
    } finally {
      live.release(waiting);
    }
  }

  #sit(participantId: string, seated: Seated): void {
    const { groups } = this.#deps;
    const { live, room, socketId } = seated;
    const before = this.#seats.get(participantId);
    if (before && before.socketId !== socketId) this.#unseat(participantId, before);
    if (!groups.join(socketId, roomGroup(room))) return;
    groups.join(socketId, seatGroup(participantId));
    live.hold(seated);
    before?.live.release(before);
    this.#seats.set(participantId, seated);
    const returned = this.#returnedTo(socketId, live);
    // One that still catches up joins when it has: it must not hear the new before the old.
    if (!returned || returned.catchUp.isOver) groups.join(socketId, live.group);
    if (!returned) return;
    returned.cancelExpiry();
    remove(this.#guests, room.roomId, returned);
  }

  #unseat(participantId: string, seated: Seated): void {
    this.#seats.delete(participantId);
    this.#leave(participantId, seated);
    for (const returned of this.#returned.get(seated.socketId) ?? [])
      if (returned.live === seated.live) this.#dismiss(returned);
    seated.live.release(seated);
  }

  #leave(participantId: string, { live, room, socketId }: Seated): void {
    for (const group of [roomGroup(room), seatGroup(participantId), live.group])
      this.#deps.groups.leave(socketId, group);
  }

  #admit(returned: Returned): void {
    const { live, room, socket } = returned;
    live.hold(returned);
    returned.cancelExpiry = this.#deps.clock.after(this.#deps.graceMs, () => this.#dismiss(returned));
    add(this.#returned, socket.socketId, returned);
    add(this.#guests, room.roomId, returned);
  }

  #returnedTo(socketId: string, live: LiveStream): Returned | undefined {
    return [...(this.#returned.get(socketId) ?? [])].find((returned) => returned.live === live);
  }

  #dismiss(returned: Returned): void {
    const { live, room, socket, catchUp } = returned;
    catchUp.stop();
    returned.cancelExpiry();
    this.#deps.groups.leave(socket.socketId, live.group);
    remove(this.#returned, socket.socketId, returned);
    remove(this.#guests, room.roomId, returned);
    live.release(returned);
  }

  #forget(key: string, live: LiveStream): void {
    if (this.#live.get(key) === live) this.#live.delete(key);
  }
}

function add(sets: Map<string, Set<Returned>>, key: string, returned: Returned): void {
  const others = sets.get(key);
  if (others) others.add(returned);
  else sets.set(key, new Set([returned]));
}

function remove(sets: Map<string, Set<Returned>>, key: string, returned: Returned): void {
  const others = sets.get(key);
  others?.delete(returned);
  if (others?.size === 0) sets.delete(key);
}

/** @throws UNAVAILABLE when the epoch changed meanwhile */
function toState(answer: RoomResume, seq: number, begin: RoomPosition): StreamState {
  if (answer.epoch !== begin.epoch) throw new BongsuError('UNAVAILABLE', { retryAfterMs: RETRY_MS });
  if (!answer.recovered) return { lastSeq: begin.lastSeq, recovered: false, reason: answer.reason };
  // This process may not have heard yet of what the socket had from another.
  return { lastSeq: Math.max(begin.lastSeq, seq), recovered: true };
}
