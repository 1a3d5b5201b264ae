import type { LeaveReason, RoomCloseReason } from '@bongsu/protocol';
import type { SocketGroups } from '../platform/push.js';
import type { LiveRooms } from './live-rooms.js';
import type { Position, RoomFeed } from './seams.js';
import type { Seat } from './seat.js';

/** A socket of this process that is in a room, or waits for it. */
export interface Presence {
  roomId: string;
  participantId: string;
  socketId: string;
  user: { userId: string; username: string };
  isAdmin(): boolean;
  /** It was told that it waits: once it has a seat it is told that too. */
  waits: boolean;
  /** The seat as it was attached; undefined while the socket does not get the room's stream. */
  attached?: Seat;
  position?: Position;
}

export interface Evictions {
  /** Undefined: the room's row says so. */
  closed?: RoomCloseReason | undefined;
  /** By participant. */
  reasonOf(participantId: string): Promise<LeaveReason>;
}

interface AttendanceDeps {
  groups: SocketGroups;
  feed: RoomFeed;
  live: LiveRooms;
}

/**
 * Which sockets of this process are in which rooms, so that each is in its groups and gets the stream exactly as long as its row says
 * that it holds the seat.
 */
export class Attendance {
  /** How many joins of a socket are under way in a room, and its places there: what its end must look after. */
  readonly #visits = new Map<string, Map<string, number>>();
  readonly #rooms = new Map<string, Map<string, Presence>>();

  constructor(private readonly deps: AttendanceDeps) {}

  /** A join begins: called before anything of it waits. */
  visit(socketId: string, roomId: string): void {
    const rooms = this.#visits.get(socketId) ?? new Map<string, number>();
    this.#visits.set(socketId, rooms);
    rooms.set(roomId, (rooms.get(roomId) ?? 0) + 1);
  }

  /** The join is over; the place that it got is another visit. Not to be called while nobody knows what came of it. */
  endVisit(socketId: string, roomId: string): void {
    const rooms = this.#visits.get(socketId);
    const left = (rooms?.get(roomId) ?? 0) - 1;
    if (left > 0) rooms?.set(roomId, left);
    else rooms?.delete(roomId);
    if (rooms?.size === 0) this.#visits.delete(socketId);
  }

  /** Whether the socket may have a seat there. */
  isVisiting(socketId: string, roomId: string): boolean {
    return this.#visits.get(socketId)?.has(roomId) ?? false;
  }

  /** The socket is gone. @returns the rooms in which it may have a seat */
  takeVisits(socketId: string): string[] {
    const rooms = [...(this.#visits.get(socketId)?.keys() ?? [])];
    this.#visits.delete(socketId);
    return rooms;
  }

  /** The socket holds that seat, or waits under it. */
  enter(coming: Omit<Presence, 'waits'>): Presence {
    const { roomId, participantId, socketId } = coming;
    const room = this.#rooms.get(roomId) ?? new Map<string, Presence>();
    const known = room.get(participantId);
    if (known?.socketId === socketId) return known;
    if (known) this.leave(known);
    const waits = this.deps.live.here(roomId)?.seat(participantId)?.state === 'waiting';
    const presence = { ...coming, waits };
    this.#rooms.set(roomId, room);
    room.set(participantId, presence);
    this.visit(socketId, roomId);
    return presence;
  }

  /** Undefined unless this very socket is there. */
  find(roomId: string, participantId: string, socketId: string): Presence | undefined {
    const presence = this.#rooms.get(roomId)?.get(participantId);
    return presence?.socketId === socketId ? presence : undefined;
  }

  ofSocket(roomId: string, socketId: string): Presence | undefined {
    for (const presence of this.#rooms.get(roomId)?.values() ?? [])
      if (presence.socketId === socketId) return presence;
    return undefined;
  }

  /** Sockets here in the room whose users are administrators. */
  adminsIn(roomId: string): Presence[] {
    const presences = [...(this.#rooms.get(roomId)?.values() ?? [])];
    return presences.filter(({ attached, isAdmin }) => attached && isAdmin());
  }

  /** Rooms that somebody here is in or waits for. */
  get roomIds(): string[] {
    return [...this.#rooms.keys()];
  }

  /** Whether every socket that is in the room, or waits for it, is where its row says: then `settle` has nothing to do. */
  isSettled(roomId: string): boolean {
    const live = this.deps.live.here(roomId);
    for (const presence of this.#rooms.get(roomId)?.values() ?? []) {
      const seat = live?.seat(presence.participantId);
      if (!live || !seat || live.seatOf(presence.socketId) !== seat) return false;
      if (presence.attached ? presence.attached.room.id !== live.room.id : isAdmitted(presence, seat))
        return false;
    }
    return true;
  }

  /** The socket gets the room's stream from the answered position on; one that does already keeps its position. */
  async attach(presence: Presence, seat: Seat): Promise<Position> {
    if (presence.attached && presence.position) return presence.position;
    // As it is now: seats change, and what is detached must be what was attached.
    presence.attached = { ...seat, socketId: presence.socketId };
    try {
      presence.position = await this.deps.feed.attach(presence.attached);
      return presence.position;
    } catch (error) {
      this.#detach(presence);
      throw error;
    }
  }

  /** The socket is in the room no more. */
  leave(presence: Presence): void {
    const room = this.#rooms.get(presence.roomId);
    if (room?.get(presence.participantId) === presence) {
      room.delete(presence.participantId);
      this.endVisit(presence.socketId, presence.roomId);
    }
    if (room?.size === 0) this.#rooms.delete(presence.roomId);
    this.#detach(presence);
  }

  /**
   * Puts out of the room whoever's seat has ended or is held by another socket now, and tells them.
   * @returns those who got a seat while they waited, and those whose seat others took for given up
   */
  async settle(roomId: string, evictions: Evictions): Promise<{ admitted: Presence[]; lost: Presence[] }> {
    const live = this.deps.live.here(roomId);
    const admitted: Presence[] = [];
    const lost: Presence[] = [];
    for (const presence of [...(this.#rooms.get(roomId)?.values() ?? [])]) {
      const seat = live?.seat(presence.participantId);
      const isOfOther = presence.attached !== undefined && presence.attached.room.id !== live?.room.id;
      if (!live || isOfOther) this.#close(presence, evictions.closed ?? 'closed');
      else if (seat && live.seatOf(presence.socketId) === seat) {
        if (!presence.attached && isAdmitted(presence, seat)) admitted.push(presence);
      } else if (
        seat?.state === 'reconnecting' &&
        live.row(seat.participantId)?.socketId === presence.socketId
      )
        lost.push(presence);
      else await this.#evict(presence, seat, evictions);
    }
    return { admitted, lost };
  }

  #close(presence: Presence, reason: RoomCloseReason): void {
    this.deps.groups.emitTo(presence.socketId, 'room-closed', { roomId: presence.roomId, reason });
    this.leave(presence);
  }

  async #evict(presence: Presence, seat: Seat | undefined, evictions: Evictions): Promise<void> {
    const { roomId, participantId, socketId, user } = presence;
    this.leave(presence);
    const reason = seat ? 'replaced' : await evictions.reasonOf(participantId);
    this.deps.groups.emitTo(socketId, 'user-left', { roomId, participantId, ...user, reason });
  }

  #detach(presence: Presence): void {
    const seat = presence.attached;
    if (!seat) return;
    delete presence.attached;
    this.deps.feed.detach(seat);
  }
}

/** Others that have a seat and are not attached were refused their join: they ask again. */
function isAdmitted({ waits }: Presence, { state }: Seat): boolean {
  return waits && state === 'joined';
}
