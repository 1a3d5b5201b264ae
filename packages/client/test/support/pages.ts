import { randomUUID } from 'node:crypto';
import { BongsuError, type HandshakeInput, type Ready } from '@bongsu/protocol';
import type { Link } from '../../src/connection.js';
import { Peers } from '../../src/peers.js';
import type { PeersEvents } from '../../src/peers-types.js';
import type { Room } from '../../src/room.js';
import { Rooms } from '../../src/rooms.js';
import { FakeClock } from './fake-clock.js';
import { RoomServer, type Wire } from './room-server.js';
import { MediaNetwork, type ScriptedConnection } from './scripted-connection.js';

const ROOM = 'call';

export function track(kind: 'audio' | 'video'): MediaStreamTrack {
  return { kind, id: randomUUID() } as MediaStreamTrack;
}

type Listener = (...args: never[]) => void;

/** A Socket.IO link by memory. */
class FakeLink {
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly up: (event: string, body: never, ack: (answer: object) => void) => void) {}

  on(event: string, listener: Listener): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener));
  }
  off(event: string, listener: Listener): void {
    this.listeners.get(event)?.delete(listener);
  }
  emit(event: string, body: never, ack: (answer: object) => void): void {
    this.up(event, body, ack);
  }
  tell(event: string, payload: object): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(payload as never);
  }
}

/** Pages in a call, one server and one media network, and every order in which things may happen. */
export class World {
  readonly clock = new FakeClock();
  readonly server = new RoomServer(this.clock);
  readonly pages: Page[] = [];
  readonly errors: unknown[] = [];
  /** Answers HTTP. */
  http: (path: string) => Promise<unknown> = () => Promise.reject(new Error('no HTTP here'));
  /** Requests of `lend` that are not answered yet. */
  private readonly asked: (() => void)[] = [];
  /** What waits to happen, in order for each owner. */
  private readonly waiting = new Map<object, (() => void)[]>();
  readonly media = new MediaNetwork({ soon: (owner, task) => this.soon(owner, task) });

  /** TURN credentials that are due, and cannot be renewed: HTTP refuses, and only when `refuse` lets it. */
  lend(): void {
    const { clock } = this;
    this.server.ice = {
      iceServers: [],
      get expiresAt() {
        return clock.now() + 1_000;
      },
    };
    this.http = () =>
      new Promise((_, reject) => this.asked.push(() => reject(new BongsuError('UNAVAILABLE'))));
  }

  async refuse(): Promise<void> {
    this.asked.shift()?.();
    await this.settle();
  }

  soon(owner: object, task: () => void): void {
    this.waiting.set(owner, [...(this.waiting.get(owner) ?? []), task]);
  }

  forget(owner: object): void {
    this.waiting.delete(owner);
  }

  async add(kinds: ('audio' | 'video')[], { calls = true } = {}): Promise<Page> {
    const page = new Page(this, `user-${this.pages.length}`, kinds.map(track), calls);
    this.pages.push(page);
    page.open();
    await this.settle();
    return page;
  }

  /** One thing happens, of those that may be next. */
  async happen(choice: number): Promise<boolean> {
    const owners = [...this.waiting].filter(([, tasks]) => tasks.length > 0);
    const [owner, tasks] = owners[choice % (owners.length || 1)] ?? [];
    if (!owner || !tasks) return false;
    const [task, ...later] = tasks;
    if (later.length > 0) this.waiting.set(owner, later);
    else this.waiting.delete(owner);
    task?.();
    await this.settle();
    return true;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    this.media.look();
    await this.settle();
  }

  async drain(): Promise<void> {
    for (let count = 0; count < 5_000; count += 1) if (!(await this.happen(0))) return;
    throw new Error('it never comes to rest');
  }

  /** Lets promises that wait for nothing else end, and what is due begin. */
  private async settle(): Promise<void> {
    for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
    this.clock.advance(0);
    for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
  }

  /** All are online, and nothing more goes wrong: how many seconds it takes until all are in contact. */
  async converge(seconds = 150): Promise<number> {
    this.media.cut = false;
    for (const page of this.pages) page.connect();
    for (let second = 0; second < seconds; second += 1) {
      await this.drain();
      if (this.faults().length === 0) return second;
      await this.pass(1_000);
    }
    return seconds;
  }

  /** What is not as it should be, in words. */
  faults(): string[] {
    return this.pages.flatMap((page) => page.faults(this.pages.filter((other) => other !== page)));
  }
}

/** Somebody's browser tab. */
export class Page {
  room: Room | undefined;
  peers: Peers | undefined;
  readonly log: string[] = [];
  private rooms: Rooms | undefined;
  private instanceId = '';
  private wire: Wire | undefined;
  private link: FakeLink | undefined;
  private participantId: string | undefined;

  constructor(
    private readonly world: World,
    private readonly userId: string,
    readonly tracks: MediaStreamTrack[],
    private readonly calls: boolean,
  ) {}

  /** Loads the page: joins, and calls everybody. */
  open(): void {
    const { world, participantId } = this;
    this.instanceId = randomUUID();
    const rooms = new Rooms({
      clock: world.clock,
      random: () => 0.5,
      request: (path) => world.http(path) as Promise<never>,
      link: () => this.link as unknown as Link | undefined,
      serverNow: () => world.clock.now(),
      send: () => Promise.reject(new Error('no messages here')),
      isUnanswered: () => false,
      onSeated: () => {},
      loadPeers: async () => ({ Peers }),
    });
    this.rooms = rooms;
    this.room = undefined;
    this.peers = undefined;
    if (!world.server.rooms.has(ROOM))
      void rooms.create({ roomId: ROOM, name: 'Call' }).then((room) => this.onRoom(room));
    else
      void rooms
        .join(ROOM, participantId === undefined ? {} : { participantId })
        .then((room) => this.rooms === rooms && this.onRoom(room));
    this.connect();
  }

  connect(): void {
    const { world, rooms, userId, instanceId } = this;
    if (this.link || !rooms) return;
    const up = {};
    const down = {};
    const wire: Wire = {
      userId,
      instanceId,
      send: (event, payload) => world.soon(down, () => link.tell(event, payload)),
    };
    const link = new FakeLink((event, body, ack) =>
      world.soon(up, () =>
        world.server.receive(wire, event, structuredClone(body), (answer) =>
          world.soon(down, () => ack(answer)),
        ),
      ),
    );
    this.wire = wire;
    this.link = link;
    this.queues = [up, down];
    const resume: HandshakeInput['resume'] = rooms.resume();
    const { streams, deliver } = world.server.resume(wire, resume);
    rooms.onLink(link as unknown as Link, { epoch: world.server.epoch, streams } as Ready);
    deliver();
  }
  private queues: object[] = [];

  /** The socket is gone, with what was on its way. */
  cut(): void {
    const { wire, link, world } = this;
    if (!wire || !link) return;
    for (const queue of this.queues) world.forget(queue);
    this.wire = undefined;
    this.link = undefined;
    world.server.disconnected(wire);
    this.rooms?.onLost();
    link.tell('disconnect', {});
  }

  /** The page is gone, and comes again. */
  reload(): void {
    this.participantId = this.room?.participantId ?? this.participantId;
    const { peers } = this;
    this.cut();
    this.rooms = undefined;
    peers?.close();
    this.open();
  }

  /** The socket is another one. */
  blink(): void {
    this.cut();
    this.connect();
  }

  share(kind: 'audio' | 'video'): void {
    const shared = track(kind);
    this.tracks.push(shared);
    this.peers?.addTrack(shared);
  }

  /** The connection with that page. */
  to(other: Page): ScriptedConnection {
    const found = this.peers?.connections.get(other.room?.participantId ?? '');
    if (!found) throw new Error('no connection');
    return found as unknown as ScriptedConnection;
  }

  faults(others: Page[]): string[] {
    if (this.room?.state !== 'joined' || !this.peers) return [`${this.userId} is not in the room`];
    const { connections } = this.peers;
    const own = this.room.participantId;
    const faults =
      connections.size === others.length ? [] : [`${this.userId} has ${connections.size} connections`];
    for (const other of others) {
      const mine = connections.get(other.room?.participantId ?? '') as unknown as
        | ScriptedConnection
        | undefined;
      const theirs = other.peers?.connections.get(own) as unknown as ScriptedConnection | undefined;
      const name = `${this.userId} to ${other.userId}`;
      if (!mine || !theirs) faults.push(`${name}: no connection`);
      else if (this.world.media.partnerOf(mine) !== theirs) faults.push(`${name}: not in contact`);
      else if (mine.signalingState !== 'stable') faults.push(`${name}: ${mine.signalingState}`);
      else if (mine.iceConnectionState !== 'connected')
        faults.push(`${name}: ICE ${mine.iceConnectionState}`);
      else if (mine.transceivers.length !== theirs.transceivers.length)
        faults.push(`${name}: not all is offered`);
      else if (this.tracks.some((one) => !mine.getSenders().some((sender) => sender.track === one)))
        faults.push(`${name}: not all is sent`);
    }
    return faults;
  }

  private onRoom(room: Room): void {
    this.room = room;
    if (this.calls) void this.call();
  }

  async call(): Promise<void> {
    const { room } = this;
    const peers = await room?.peers({
      tracks: this.tracks,
      RTCPeerConnection: this.world.media.RTCPeerConnection,
    });
    if (this.room !== room) return peers?.close();
    this.peers = peers;
    const note = <Name extends keyof PeersEvents>(name: Name, say: (value: PeersEvents[Name]) => string) =>
      this.peers?.on(name, (value) => this.log.push(`${name} ${say(value)}`));
    note('state', ({ state }) => state);
    note('left', () => '');
    note('error', ({ error }) => String(error));
    this.peers?.on('error', ({ error }) => this.world.errors.push(error));
  }
}
