import type { Signaled } from '@bongsu/protocol';
import { Metrics } from '../../src/platform/metrics.js';
import type { RoomRow } from '../../src/rooms/deps.js';
import { fromSignal, type SentSignal, type SignalContent } from '../../src/rooms/plain-events.js';
import { type Seat, seatGroup } from '../../src/rooms/seat.js';
import { SignalRelay } from '../../src/rooms/signals.js';

export interface Heard {
  event: string;
  payload: { from: string; negotiationId: string; polite: boolean } & Record<string, unknown>;
}

export const NOW = 1_800_000_000_000;

export function roomRow(roomId = 'stand-up', id = 1): RoomRow {
  return {
    id,
    roomId,
    streamId: id,
    generation: 1,
    name: 'Stand-up',
    ownerId: 'ann',
    maxUsers: 10,
    locked: false,
    lobby: false,
    persistent: false,
    commanders: 'owner',
    version: 1,
    createdAt: NOW,
  };
}

/** Seats without SQL and sockets without a network around the real relay. */
export class SignalRoom {
  readonly row = roomRow();
  readonly seats = new Map<string, Seat>();
  relay: SignalRelay;
  /** Rooms that were said to be active. */
  activity = 0;
  /** Seats whose words were decided by a signal. */
  readonly decided: string[] = [];
  /** Bytes that sockets have not read. */
  readonly unread = new Map<string, number>();
  readonly #heard = new Map<string, Heard[]>();
  #joins = 0;

  /** @param startedAt of the process; everybody joins at `NOW` */
  constructor(
    private readonly startedAt = 0,
    readonly metrics = new Metrics(),
  ) {
    this.relay = this.#makeRelay();
  }

  /** The server is started anew: its memory is gone, and so are all sockets. */
  restart(): void {
    this.relay = this.#makeRelay();
    for (const seat of this.seats.values()) {
      this.away(seat);
      seat.pageSince = undefined;
    }
  }

  #makeRelay(): SignalRelay {
    return new SignalRelay({
      seats: {
        seatOf: (socketId, roomId) =>
          [...this.seats.values()].find(
            (seat) => seat.socketId === socketId && seat.room.roomId === roomId && seat.state === 'joined',
          ),
        seat: (room, participantId) => {
          const seat = this.seats.get(participantId);
          return seat?.room.id === room.id && seat.state !== 'waiting' ? seat : undefined;
        },
      },
      groups: {
        unreadBytes: (socketId) => this.unread.get(socketId) ?? 0,
        emitHere: (group, event, payload) =>
          this.#hear(group, { event, payload: payload as unknown as Heard['payload'] }),
      },
      others: { isUp: false, pass: () => {} },
      metrics: this.metrics,
      noteActivity: () => {
        this.activity += 1;
      },
      keepWords: ({ participantId }) => void this.decided.push(participantId),
    });
  }

  join(name: string, overrides: Partial<Seat> = {}): Seat {
    this.#joins += 1;
    const seat: Seat = {
      room: this.row,
      participantId: name,
      userId: name,
      username: name,
      number: this.#joins,
      joinedAt: NOW,
      state: 'joined',
      socketId: `socket-of-${name}`,
      incarnation: 'this',
      holder: `socket-of-${name}`,
      heldSince: this.#joins,
      pageSince: undefined,
      instanceId: undefined,
      signaling: undefined,
      ...overrides,
    };
    if (seat.joinedAt >= this.startedAt) seat.pageSince = this.#joins;
    this.seats.set(name, seat);
    return seat;
  }

  away(seat: Seat): void {
    seat.state = 'reconnecting';
    seat.socketId = undefined;
  }

  back(seat: Seat, resumed: boolean): void {
    seat.state = 'joined';
    seat.socketId = `socket-of-${seat.participantId}`;
    if (!resumed) seat.pageSince = this.#joins;
    this.relay.returned(seat, { resumed });
  }

  leave(seat: Seat): void {
    this.seats.delete(seat.participantId);
    this.relay.gone(seat);
  }

  send(from: Seat, signal: SentSignal): Signaled {
    return this.relay.send(from.socketId ?? 'no socket', signal);
  }

  /** By `signal`. */
  signal(from: Seat, to: Seat, negotiationId: string, content: SignalContent): Signaled {
    const address = { roomId: this.row.roomId, to: to.participantId };
    return this.send(from, fromSignal({ ...address, negotiationId, ...content }));
  }

  #hear(group: string, heardNow: Heard): void {
    const heard = this.#heard.get(group) ?? [];
    heard.push(heardNow);
    this.#heard.set(group, heard);
  }

  /** What it heard since it was last asked. */
  heard(seat: Seat): Heard[] {
    const group = seatGroup(seat.participantId);
    const heard = this.#heard.get(group) ?? [];
    this.#heard.delete(group);
    return heard;
  }

  async count(line: string): Promise<number> {
    const found = (await this.metrics.text()).split('\n').find((text) => text.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length + 1));
  }
}

export const offer = (sdp = 'v=0'): SignalContent => ({ description: { type: 'offer', sdp } });
export const answer = (sdp = 'v=0'): SignalContent => ({ description: { type: 'answer', sdp } });
export const pranswer = (sdp = 'v=0'): SignalContent => ({ description: { type: 'pranswer', sdp } });
export const candidate = (text = 'candidate:1'): SignalContent => ({ candidate: { candidate: text } });
export const restart: SignalContent = { restart: true };
