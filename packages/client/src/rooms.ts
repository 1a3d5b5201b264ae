import { type Accepted, BongsuError, type HandshakeInput, type Ready } from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import type { Link } from './connection.js';
import { Room } from './room.js';
import type { RoomDeps } from './room-deps.js';
import type { CreateRoomOptions, JoinRoomOptions, RoomEnd, RoomEntry } from './room-types.js';

const PREFIX = 'room:';
/** What a handshake takes. */
const MAX_RESUMED = 100;

/** The rooms that a client is in: brings each what the socket says of it. */
export class Rooms {
  private readonly rooms = new Map<string, Room>();
  /** Callers that wait for their first seat. */
  private readonly callers = new Map<Room, number>();
  /** The targets whose seat is lost for now, as the outbox knows them. */
  private readonly held = new Set<string>();
  private readonly seated = new Set<string>();
  private isReady = false;

  constructor(private readonly deps: RoomDeps) {}

  async join(roomId: string, { participantId, onWaiting, signal }: JoinRoomOptions): Promise<Room> {
    const room = this.rooms.get(roomId) ?? this.open(roomId, { participantId });
    const tell = () => room.state === 'waiting' && onWaiting?.(room);
    const stop = room.on('state', tell);
    tell();
    return this.whenJoined(room, signal).catch((error: unknown) => {
      stop();
      throw error;
    });
  }

  async create({ signal, ...create }: CreateRoomOptions): Promise<Room> {
    // With an id of ours a lost ack does not make a second room.
    const { roomId = uuidv7() } = create;
    if (this.rooms.has(roomId)) throw new BongsuError('CONFLICT');
    const room = this.open(roomId, { create: { ...create, isIdOurs: create.roomId === undefined } });
    return this.whenJoined(room, signal);
  }

  /** For the handshake: where the rooms' streams go on. */
  resume(): HandshakeInput['resume'] {
    const places = [...this.rooms].flatMap(([roomId, { place }]) => (place ? [{ roomId, ...place }] : []));
    const [first] = places;
    if (!first) return undefined;
    const { epoch } = first;
    const same = places.filter((place) => place.epoch === epoch).slice(0, MAX_RESUMED);
    return {
      epoch,
      streams: Object.fromEntries(same.map(({ roomId, seq }) => [`${PREFIX}${roomId}`, seq])),
    };
  }

  /** A link is usable; `ready` is what it began with, absent when there was no room yet. */
  onLink(link: Link, ready?: Ready): void {
    this.listen(link);
    this.isReady = true;
    for (const room of [...this.rooms.values()]) room.onLink(link, ready);
  }

  onLost(): void {
    this.isReady = false;
    for (const room of this.rooms.values()) room.onLost();
  }

  /** Leaves all while there is a link, that nobody waits for us until the grace is over; undefined if there are none. */
  farewell(link: Link): Promise<unknown> | undefined {
    const rooms = [...this.rooms.values()];
    if (rooms.length === 0) return undefined;
    return Promise.all(rooms.map((room) => room.tellLeave(link, () => !link.connected)));
  }

  closeAll(reason: RoomEnd, error?: BongsuError): void {
    for (const room of [...this.rooms.values()]) room.end(reason, error);
  }

  /** What goes to a room waits while its seat is being taken again: without one it would be refused. */
  mayGo(target: string, needsSeat: boolean): boolean {
    return needsSeat ? this.seated.has(target) : !this.held.has(target);
  }

  onAccepted(accepted: Accepted): void {
    this.of(accepted.stream)?.onOwn(accepted);
  }

  private listen(link: Link): void {
    const at = (roomId: string) => this.rooms.get(roomId);
    const onEntry = (entry: RoomEntry) => this.of(entry.stream)?.onEntry(entry);
    link.on('message', onEntry);
    link.on('trigger', onEntry);
    link.on('navigate', onEntry);
    link.on('user-joined', (user) => at(user.roomId)?.onEvent((people) => people.onJoined(user)));
    link.on('user-reconnecting', (user) => at(user.roomId)?.onEvent((people) => people.onReconnecting(user)));
    link.on('user-returned', (user) => at(user.roomId)?.onEvent((people) => people.onReturned(user)));
    link.on('user-waiting', (user) => at(user.roomId)?.onEvent((people) => people.onWaiting(user)));
    link.on('user-left', (user) => at(user.roomId)?.onLeft(user));
    link.on('admitted', (joined) => at(joined.roomId)?.onAdmitted(joined));
    link.on('room-locked', ({ roomId }) => at(roomId)?.onLock(true));
    link.on('room-unlocked', ({ roomId }) => at(roomId)?.onLock(false));
    link.on('room-closed', ({ roomId, reason }) => at(roomId)?.onClosed(reason));
    link.on('signal', (signal) => at(signal.roomId)?.onSignaled(signal));
  }

  private of(stream: string): Room | undefined {
    return stream.startsWith(PREFIX) ? this.rooms.get(stream.slice(PREFIX.length)) : undefined;
  }

  private open(roomId: string, given: ConstructorParameters<typeof Room>[2]): Room {
    const target = JSON.stringify({ roomId });
    const isSucceeded = () => this.rooms.has(roomId);
    const room = new Room(roomId, { ...this.deps, isSucceeded }, given);
    this.rooms.set(roomId, room);
    room.on('state', ({ state }) => {
      if (state === 'reconnecting') this.held.add(target);
      else if (state !== 'waiting') this.held.delete(target);
      if (state === 'joined') this.seated.add(target);
      else this.seated.delete(target);
      if (state !== 'closed') return;
      this.rooms.delete(roomId);
      // What waited for the seat is the server's to judge now.
      this.deps.onSeated();
    });
    const link = this.deps.link();
    if (link && this.isReady) room.onLink(link);
    return room;
  }

  /** A room that was never joined, and that nobody waits for any more, is left. */
  private async whenJoined(room: Room, signal?: AbortSignal): Promise<Room> {
    this.callers.set(room, (this.callers.get(room) ?? 0) + 1);
    try {
      await room.joined(signal);
      return room;
    } finally {
      const left = (this.callers.get(room) ?? 1) - 1;
      if (left > 0) this.callers.set(room, left);
      else this.callers.delete(room);
      if (left === 0 && !room.place) void room.leave();
    }
  }
}
