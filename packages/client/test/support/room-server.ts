import { randomUUID } from 'node:crypto';
import type {
  Accepted,
  HandshakeInput,
  IceServers,
  Ready,
  RoomMessage,
  RoomUser,
  SignalEvent,
  SignalInput,
} from '@bongsu/protocol';
import type { Clock } from '../../src/clock.js';
import { failure } from './scripted-server.js';

export type Ack = (answer: object) => void;

/** A socket, as the server sees it. */
export interface Wire {
  userId: string;
  instanceId: string | undefined;
  send(event: string, payload: object): void;
}

interface Seat {
  participantId: string;
  userId: string;
  username: string;
  number: number;
  instanceId: string | undefined;
  wire: Wire | undefined;
  held: SignalEvent[];
  cancelGrace: () => void;
}

interface Pair {
  established: string | undefined;
  /** The latest unanswered offer of each side. */
  offers: Map<string, string>;
}

class ServedRoom {
  readonly seats = new Map<string, Seat>();
  readonly lobby = new Map<string, Seat>();
  readonly log: RoomMessage[] = [];
  readonly pairs = new Map<string, Pair>();
  joins = 0;
  locked = false;

  constructor(
    readonly roomId: string,
    readonly ownerId: string,
    readonly hasLobby: boolean,
  ) {}

  pair(one: string, other: string): Pair {
    const key = [one, other].sort().join();
    const pair = this.pairs.get(key) ?? { established: undefined, offers: new Map() };
    this.pairs.set(key, pair);
    return pair;
  }
}

function isOfSameClient({ wire, userId, instanceId }: Seat, by: Wire): boolean {
  return wire === by || (userId === by.userId && instanceId !== undefined && instanceId === by.instanceId);
}

type Body = Record<string, string | undefined>;

const GRACE_MS = 15_000;
const MAX_HELD = 64;

/** Rooms, streams and the relay of signals as the protocol tells them, in memory. */
export class RoomServer {
  readonly rooms = new Map<string, ServedRoom>();
  readonly known = new Map<string, Accepted>();
  /** Of signals. */
  readonly counts = { relayed: 0, stale: 0, glare: 0 };
  epoch = 'e1';
  /** Rooms that a socket hears without a break since its handshake. */
  private readonly resumed = new WeakMap<Wire, Set<ServedRoom>>();
  ice: IceServers = { iceServers: [], expiresAt: null };

  constructor(private readonly clock: Clock) {}

  /** What `ready` says of streams; `deliver` sends what was missed. */
  resume(wire: Wire, resume: HandshakeInput['resume']): { streams: Ready['streams']; deliver(): void } {
    const streams: Ready['streams'] = {};
    const missed: RoomMessage[] = [];
    for (const [stream, seq] of Object.entries(resume?.streams ?? {})) {
      const room = this.rooms.get(stream.replace('room:', ''));
      if (!room || !this.isMember(room, wire.userId)) continue;
      const lastSeq = room.log.length;
      const reason = resume?.epoch !== this.epoch ? 'epoch' : seq > lastSeq ? 'ahead' : undefined;
      streams[stream] = { lastSeq, recovered: !reason, ...(reason ? { reason } : {}) };
      this.resumed.set(wire, (this.resumed.get(wire) ?? new Set()).add(room));
      if (!reason) missed.push(...room.log.slice(seq));
    }
    return {
      streams,
      deliver: () => {
        for (const entry of missed) wire.send('message', entry);
      },
    };
  }

  receive(wire: Wire, event: string, body: Body & { data?: unknown }, ack: Ack = () => {}): unknown {
    const { roomId = '' } = body;
    const room = this.rooms.get(roomId);
    if (event === 'create-room') {
      if (room) return ack(failure('CONFLICT'));
      this.rooms.set(roomId, new ServedRoom(roomId, wire.userId, Boolean(body.lobby)));
      this.join(this.rooms.get(roomId) as ServedRoom, wire, body, ack);
    } else if (!room) ack(failure('ROOM_NOT_FOUND'));
    else if (event === 'join-room') this.join(room, wire, body, ack);
    else if (event === 'leave-room') this.leave(room, wire, ack);
    else if (event === 'message') this.say(room, wire, body, ack);
    else if (event === 'signal') this.signal(room, wire, body as unknown as SignalInput, ack);
    else if (event === 'admit') this.admit(room, body.participantId ?? '', ack);
    else if (event === 'kick') this.kick(room, body.participantId ?? '', ack);
    else if (event === 'lock-room' || event === 'unlock-room') this.lock(room, event, ack);
  }

  disconnected(wire: Wire): void {
    for (const room of this.rooms.values()) {
      for (const seat of room.lobby.values()) if (seat.wire === wire) room.lobby.delete(seat.participantId);
      for (const seat of room.seats.values()) {
        if (seat.wire !== wire) continue;
        seat.wire = undefined;
        this.tell(room, 'user-reconnecting', seat);
        seat.cancelGrace = this.clock.after(GRACE_MS, () => this.end(room, seat, 'timeout'));
      }
    }
  }

  close(roomId: string): void {
    const room = this.rooms.get(roomId);
    this.rooms.delete(roomId);
    for (const { wire, cancelGrace } of [...(room?.seats.values() ?? []), ...(room?.lobby.values() ?? [])]) {
      cancelGrace();
      wire?.send('room-closed', { roomId, reason: 'closed' });
    }
  }

  private isMember({ ownerId, seats }: ServedRoom, userId: string): boolean {
    return ownerId === userId || [...seats.values()].some((seat) => seat.userId === userId);
  }

  private join(room: ServedRoom, wire: Wire, { participantId }: Body, ack: Ack): unknown {
    const own = [...room.seats.values()].find((seat) => isOfSameClient(seat, wire));
    const named = room.seats.get(participantId ?? '');
    const old = named?.userId === wire.userId ? named : own;
    if (old) return this.comeBack(room, old, wire, ack);
    const { userId, instanceId } = wire;
    const seat: Seat = {
      participantId: randomUUID(),
      userId,
      username: userId.toUpperCase(),
      number: ++room.joins,
      instanceId,
      wire,
      held: [],
      cancelGrace: () => {},
    };
    if (room.locked && room.ownerId !== userId) return ack(failure('ROOM_LOCKED'));
    if (room.hasLobby && room.ownerId !== userId) {
      room.lobby.set(seat.participantId, seat);
      this.tellOwner(room, 'user-waiting', view(room, seat));
      return ack({ success: true, roomId: room.roomId, waiting: true, participantId: seat.participantId });
    }
    this.seat(room, seat);
    ack({ success: true, ...this.joined(room, seat) });
  }

  private seat(room: ServedRoom, seat: Seat): void {
    room.seats.set(seat.participantId, seat);
    this.tell(room, 'user-joined', seat);
  }

  private comeBack(room: ServedRoom, seat: Seat, wire: Wire, ack: Ack): void {
    const resumed = seat.instanceId !== undefined && seat.instanceId === wire.instanceId;
    const isOther = seat.wire !== wire;
    if (isOther) seat.wire?.send('user-left', { ...view(room, seat), reason: 'replaced' });
    seat.cancelGrace();
    seat.wire = wire;
    seat.instanceId = wire.instanceId;
    const held = seat.held.splice(0);
    if (!resumed && isOther) {
      for (const other of room.seats.keys()) room.pairs.delete([seat.participantId, other].sort().join());
    }
    if (isOther) this.tell(room, 'user-returned', seat, { resumed });
    ack({ success: true, ...this.joined(room, seat) });
    const opened = new Set(
      held.flatMap(({ description, negotiationId }) =>
        description?.type === 'offer' ? [negotiationId] : [],
      ),
    );
    for (const signal of held) {
      const isFresh = resumed || opened.has(signal.negotiationId);
      if (!isFresh) continue;
      if (signal.description?.type === 'offer')
        room.pair(signal.from, seat.participantId).offers.set(signal.from, signal.negotiationId);
      wire.send('signal', signal);
    }
  }

  private joined(room: ServedRoom, seat: Seat): object {
    const existingUsers = [...room.seats.values()]
      .filter((other) => other !== seat)
      .map((other) => ({
        participantId: other.participantId,
        userId: other.userId,
        username: other.username,
        polite: seat.number > other.number,
        ...(other.wire ? {} : { state: 'reconnecting' }),
      }));
    const { roomId, log } = room;
    const resumed = (seat.wire && this.resumed.get(seat.wire)?.has(room)) ?? false;
    const place = { lastSeq: log.length, epoch: this.epoch, resumed };
    const { participantId } = seat;
    const waiting = seat.userId === room.ownerId ? { waiting: [...room.lobby.values()].map(userOf) } : {};
    return { roomId, participantId, existingUsers, ...waiting, ...this.ice, ...place };
  }

  private admit(room: ServedRoom, participantId: string, ack: Ack): unknown {
    const seat = room.lobby.get(participantId);
    if (!seat) return ack(failure('PARTICIPANT_NOT_FOUND'));
    room.lobby.delete(participantId);
    this.seat(room, seat);
    seat.wire?.send('admitted', this.joined(room, seat));
    ack({ success: true });
  }

  private kick(room: ServedRoom, participantId: string, ack: Ack): unknown {
    const seat = room.seats.get(participantId) ?? room.lobby.get(participantId);
    if (!seat) return ack(failure('PARTICIPANT_NOT_FOUND'));
    this.end(room, seat, 'kicked');
    seat.wire?.send('user-left', { ...view(room, seat), reason: 'kicked' });
    ack({ success: true });
  }

  private lock(room: ServedRoom, event: string, ack: Ack): void {
    room.locked = event === 'lock-room';
    const { roomId } = room;
    for (const { wire } of room.seats.values())
      wire?.send(room.locked ? 'room-locked' : 'room-unlocked', { roomId });
    ack({ success: true });
  }

  private leave(room: ServedRoom, wire: Wire, ack: Ack): void {
    for (const seat of [...room.seats.values(), ...room.lobby.values()])
      if (seat.wire === wire) this.end(room, seat, 'left');
    ack({ success: true });
  }

  private end(room: ServedRoom, seat: Seat, reason: string): void {
    seat.cancelGrace();
    const left = { ...view(room, seat), reason };
    if (room.lobby.delete(seat.participantId)) this.tellOwner(room, 'user-left', left);
    if (seat.wire) this.resumed.get(seat.wire)?.delete(room);
    if (room.seats.delete(seat.participantId)) this.tell(room, 'user-left', seat, { reason });
  }

  private tell(room: ServedRoom, event: string, about: Seat, extra: object = {}): void {
    for (const seat of room.seats.values())
      if (seat !== about) seat.wire?.send(event, { ...view(room, about), ...extra });
  }

  private tellOwner({ seats, ownerId }: ServedRoom, event: string, what: object): void {
    for (const { userId, wire } of seats.values()) if (userId === ownerId) wire?.send(event, what);
  }

  private say(room: ServedRoom, wire: Wire, body: Body & { data?: unknown }, ack: Ack): unknown {
    const { id = '', data } = body;
    if (!this.isMember(room, wire.userId)) return ack(failure('FORBIDDEN'));
    const before = this.known.get(id);
    if (before) return ack({ success: true, ...before, duplicate: true });
    const place = {
      id,
      stream: `room:${room.roomId}`,
      seq: room.log.length + 1,
      epoch: this.epoch,
      acceptedAt: 0,
    };
    const accepted: Accepted = { ...place, status: 'accepted', duplicate: false };
    const from = { userId: wire.userId, username: wire.userId };
    const entry: RoomMessage = { ...place, type: 'message', from, data };
    this.known.set(id, accepted);
    room.log.push(entry);
    for (const seat of room.seats.values()) if (seat.wire !== wire) seat.wire?.send('message', entry);
    ack({ success: true, ...accepted });
  }

  private signal(room: ServedRoom, wire: Wire, { to, ...input }: SignalInput, ack: Ack): unknown {
    const { roomId } = room;
    const sender = [...room.seats.values()].find((seat) => seat.wire === wire);
    const target = room.seats.get(to);
    if (!sender) return ack(failure('FORBIDDEN'));
    if (!target) return ack(failure('PARTICIPANT_NOT_FOUND'));
    const { negotiationId } = input;
    const from = sender.participantId;
    if (!this.isAlive(room.pair(from, to), from, to, input)) {
      this.counts.stale += 1;
      return ack({ success: true, negotiationId, stale: true });
    }
    const signal = { ...input, roomId, from, polite: target.number > sender.number } as SignalEvent;
    if (!target.wire && target.held.length >= MAX_HELD) return ack(failure('BUSY', { retryable: true }));
    this.counts.relayed += 1;
    if (target.wire) target.wire.send('signal', signal);
    else target.held.push(signal);
    ack({ success: true, negotiationId });
  }

  private isAlive(
    pair: Pair,
    from: string,
    to: string,
    { description, negotiationId }: Omit<SignalInput, 'to'>,
  ) {
    if (description?.type === 'offer') {
      if (pair.offers.has(to)) this.counts.glare += 1;
      pair.offers.set(from, negotiationId);
      return true;
    }
    if (description) {
      if (pair.offers.get(to) !== negotiationId) return false;
      pair.established = negotiationId;
      pair.offers.clear();
      return true;
    }
    return pair.established === negotiationId || [...pair.offers.values()].includes(negotiationId);
  }
}

function view({ roomId }: ServedRoom, seat: Seat): RoomUser & { roomId: string } {
  return { roomId, ...userOf(seat) };
}

function userOf({ participantId, userId, username }: Seat): RoomUser {
  return { participantId, userId, username };
}
