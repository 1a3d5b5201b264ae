import { silentLog } from '../../src/platform/log.js';
import { Metrics } from '../../src/platform/metrics.js';
import { LiveRoom } from '../../src/rooms/live-room.js';
import type { SignalContent } from '../../src/rooms/plain-events.js';
import type { Seat } from '../../src/rooms/seat.js';
import { seatGroup } from '../../src/rooms/seat.js';
import { SignalBus } from '../../src/rooms/signal-bus.js';
import { SignalRelay } from '../../src/rooms/signals.js';
import type { SeatRow } from '../../src/rooms/store/participants.js';
import { HubBus } from './hub-bus.js';
import { NOW, roomRow } from './signal-room.js';

/** What a socket is told. */
export type ToldByNode =
  | { from: string; negotiationId: string; content: SignalContent; polite: boolean }
  | { returned: string; resumed: boolean };

interface SignalNode {
  incarnation: string;
  /** While somebody here has a seat. */
  live: LiveRoom | undefined;
  relay: SignalRelay;
  metrics: Metrics;
  /** Reads of the room that were asked for and not answered yet. */
  reads: (() => void)[];
  end(): void;
}

/** One room of several processes: rows in place of SQL, and around each real relay what its process knows of them. */
export class SignalNodes {
  readonly rows = new Map<string, SeatRow>();
  readonly nodes: SignalNode[] = [];
  readonly bus = new HubBus();
  readonly #room = roomRow();
  /** What tells the other processes that a process changed the room. */
  readonly #hints = new Map<SignalNode, () => void>();
  #sockets = 0;
  #incarnations = 0;

  /** @param tell called for each socket that is told something */
  constructor(
    count: number,
    private readonly tell: (socketId: string, told: ToldByNode) => void,
  ) {
    this.bus.isSlow = true;
    for (let n = 0; n < count; n += 1) this.nodes.push(this.#start());
  }

  /** A seat, or the same one again by another socket. @returns the socket */
  join(name: string, on: number, instanceId: string): string {
    this.#sockets += 1;
    const node = this.#node(on);
    const { incarnation } = node;
    const known = this.rows.get(name);
    const socketId = `s${this.#sockets}`;
    const holder = { socketId, incarnation, instanceId, state: 'joined' as const, goneAt: null };
    this.rows.set(name, known ? { ...known, ...holder } : { ...this.#newRow(name), ...holder });
    this.#change(node);
    if (!known) node.live?.noteNew(name);
    return socketId;
  }

  /** Its socket, of which its client knows now, is in its groups. */
  arrived(name: string): void {
    const { incarnation } = this.rows.get(name) as SeatRow;
    const { live, relay } = this.nodes.find((node) => node.incarnation === incarnation) as SignalNode;
    const seat = live?.seat(name) as Seat;
    const { arriving } = seat;
    delete seat.arriving;
    if (arriving === 'new') relay.arrived(seat);
    else if (arriving) relay.returned(seat, arriving);
  }

  /** The process notices that a socket is gone. */
  notice(name: string, socketId: string): void {
    const row = this.rows.get(name);
    const node = this.nodes.find(({ incarnation }) => incarnation === row?.incarnation);
    if (!row || !node || row.socketId !== socketId || row.state !== 'joined') return;
    this.rows.set(name, { ...row, state: 'reconnecting', goneAt: NOW });
    this.#change(node);
  }

  /** A process is killed, and another one started in its place. @returns the sockets that it had */
  kill(on: number): Set<string> {
    const index = on % this.nodes.length;
    const { end, incarnation } = this.#node(index);
    end();
    this.nodes[index] = this.#start();
    const rows = [...this.rows.values()].filter((row) => row.incarnation === incarnation);
    return new Set(rows.map(({ socketId }) => socketId));
  }

  /** What another process does about those whose process was killed. */
  adopt(on: number): void {
    const living = new Set(this.nodes.map(({ incarnation }) => incarnation));
    const lost = [...this.rows.values()].filter(
      ({ incarnation, state }) => state === 'joined' && !living.has(incarnation),
    );
    for (const row of lost) this.rows.set(row.participantId, { ...row, state: 'reconnecting', goneAt: NOW });
    if (lost.length > 0) this.#change(this.#node(on));
  }

  /** A process looks by itself, as it does every few seconds. */
  look(on: number): void {
    const node = this.#node(on);
    if (node.live) this.#read(node);
  }

  /** The database answers the first that waits. */
  answer(on: number): void {
    this.#node(on).reads.shift()?.();
  }

  signal(name: string, to: string, negotiationId: string, content: SignalContent): unknown {
    const row = this.rows.get(name);
    const node = this.nodes.find(({ incarnation }) => incarnation === row?.incarnation);
    if (!row || !node) return undefined;
    const { roomId } = this.#room;
    return node.relay.send(row.socketId, { roomId, to, negotiationId, content, words: 'signal' });
  }

  /** Whether everything that was said has been heard. */
  get isQuiet(): boolean {
    return this.bus.waiting === 0 && this.nodes.every(({ reads }) => reads.length === 0);
  }

  #newRow(name: string): Omit<SeatRow, 'socketId' | 'incarnation'> {
    const number = this.rows.size + 1;
    const row = { participantId: name, userId: name, number, state: 'joined' as const, joinedAt: NOW };
    return { ...row, instanceId: null, signaling: 'signal', goneAt: null };
  }

  #node(on: number): SignalNode {
    return this.nodes[on % this.nodes.length] as SignalNode;
  }

  /** As `follow`: who changes it knows it at once, the others when they hear of it. */
  #change(node: SignalNode): void {
    this.#room.version += 1;
    this.#read(node);
    this.#hints.get(node)?.();
  }

  #read(node: SignalNode): void {
    const { incarnation, relay } = node;
    const isFirst = node.live === undefined;
    node.live ??= new LiveRoom({ ...this.#room }, incarnation);
    const { live } = node;
    const moves = live.replace({ ...this.#room }, [...this.rows.values()], new Map());
    for (const move of isFirst ? [] : moves) {
      if (move.what !== 'returned') continue;
      const { seat, row, resumed } = move;
      for (const { socketId, heldSince } of live.seats)
        if (heldSince !== undefined && socketId !== undefined && socketId !== row.socketId)
          this.tell(socketId, { returned: seat.participantId, resumed });
      if (row.incarnation !== incarnation) relay.returned(seat, move);
    }
    if (live.isHere) return;
    for (const seat of live.seats) relay.gone(seat);
    node.live = undefined;
  }

  #start(): SignalNode {
    this.#incarnations += 1;
    const incarnation = `n${this.#incarnations}`;
    const [bus, metrics] = [this.bus.join(), new Metrics()];
    const read = async () => {
      await new Promise<void>((resolve) => node.reads.push(resolve));
      if (node.live) this.#read(node);
    };
    const seats = {
      knows: ({ version }: { version: number }) => (node.live?.room.version ?? 0) >= version,
      catchUp: read,
      seatOf: (socketId: string) => node.live?.seatOf(socketId),
      seat: (_: unknown, participantId: string) => node.live?.seat(participantId),
    };
    const others = new SignalBus({ ephemeral: { bus }, node: { incarnation }, seats, log: silentLog });
    const hear = (group: string, payload: object) => {
      const seat = [...(node.live?.seats ?? [])].find(
        ({ participantId }) => seatGroup(participantId) === group,
      );
      const { from, negotiationId, polite, roomId: _, ...content } = payload as never as SentPayload;
      if (seat?.socketId !== undefined) this.tell(seat.socketId, { from, negotiationId, polite, content });
    };
    const relay = new SignalRelay({
      ...{ seats, others, metrics },
      groups: { unreadBytes: () => 0, emitHere: (group, _, payload) => hear(group, payload) },
      noteActivity: () => {},
      keepWords: () => {},
    });
    const stops = [
      others.listen(relay),
      bus.subscribe('hints', (event) => {
        if (event.publisher === bus.publisher || event.type === 'gap') return;
        if (node.live && node.live.room.version < (event.message as number)) void read();
      }),
    ];
    const node: SignalNode = {
      ...{ incarnation, live: undefined, relay, metrics, reads: [] },
      end: () => {
        for (const stop of stops) stop();
        this.#hints.delete(node);
      },
    };
    this.#hints.set(node, () => bus.publish('hints', this.#room.version));
    return node;
  }
}

type SentPayload = { from: string; negotiationId: string; polite: boolean; roomId: string } & SignalContent;
