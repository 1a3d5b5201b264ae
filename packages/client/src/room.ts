import type {
  Accepted,
  Ack,
  BongsuError,
  IceServers,
  Joined,
  Ready,
  RoomHistory,
  RoomUser,
  SignalEvent,
  UserLeft,
} from '@bongsu/protocol';
import type { SendOptions } from './client-types.js';
import { abortable } from './clock.js';
import type { Link } from './connection.js';
import { Emitter } from './emitter.js';
import type { Peers } from './peers.js';
import type { PeersOptions } from './peers-types.js';
import { askOnce, tellLeave } from './room-asks.js';
import { RoomCalls } from './room-calls.js';
import type { OneRoomDeps } from './room-deps.js';
import { RoomPeople } from './room-people.js';
import { RoomSeat } from './room-seat.js';
import { RoomStream } from './room-stream.js';
import type {
  CreateRoomOptions,
  RoomEnd,
  RoomEntry,
  RoomEvents,
  RoomParticipant,
  RoomState,
} from './room-types.js';

/** A room that this client is in. Made by `client.joinRoom` and `client.createRoom`. */
export class Room extends Emitter<RoomEvents> {
  state: RoomState = 'joining';
  /** What came before the answer of a join, or before those who awaited the first one could listen. */
  private early: (() => void)[] = [];
  /** Who left before that answer: it may have been us. */
  private departed: UserLeft[] = [];
  private isHeard = false;
  private readonly seat: RoomSeat;
  private readonly people = new RoomPeople((event, value) => this.emit(event, value));
  private readonly stream: RoomStream<RoomEntry>;
  private readonly calls: RoomCalls;

  constructor(
    readonly roomId: string,
    private readonly deps: OneRoomDeps,
    given: { participantId?: string | undefined; create?: CreateRoomOptions & { isIdOurs: boolean } },
  ) {
    super();
    const { clock, random, isUnanswered } = deps;
    this.seat = new RoomSeat({
      roomId,
      clock,
      random,
      ...given,
      onJoined: (joined, was) => this.onJoined(joined, was),
      onWaiting: () => this.onWaiting(),
      onRefused: (error) => this.end('refused', error),
    });
    this.stream = new RoomStream({
      tell: (entry) => this.tell(entry),
      onGap: (gap) => this.emit('gap', gap),
      isUnanswered,
    });
    this.calls = new RoomCalls({ ...deps, room: this });
  }

  /** Our own id in the room. Another one after `rejoined` with `anew`. */
  get participantId(): string {
    return this.seat.participantId ?? '';
  }

  /** Who else is here, by participantId; those within their grace too. */
  get participants(): ReadonlyMap<string, RoomParticipant> {
    return this.people.present;
  }

  /** The `seq` up to which all was told or is our own; after a join where it began: `history` has what is before. */
  get lastSeq(): number {
    return this.stream.position ?? 0;
  }

  /** Who waits in the lobby: told only to those who may `admit`. */
  get lobby(): ReadonlyMap<string, RoomUser> {
    return this.people.lobby;
  }

  /**
   * Says something to all in the room; resolves once it is durably accepted. Offline, refused for now or with its ack lost, it is
   * sent again under the same id until `queueTtlMs` is over; messages and commands to a room keep the order of their calls.
   * @param data JSON of at most 16 KiB
   * @throws CommandError as `client.trigger`
   * @example const { seq } = await room.send({ text: 'hello' });
   */
  send(data: unknown, { nonce, ...options }: SendOptions = {}): Promise<Accepted> {
    return this.deps.send({ roomId: this.roomId, data, nonce }, options);
  }

  /**
   * What was said, oldest first: messages, triggers and navigates.
   * @throws BongsuError, or the signal's reason
   * @example
   * room.on('gap', async ({ after }) => {
   *   for (let next: string | number | null = after; next !== null; ) {
   *     const { items, nextCursor } = await room.history({ after: Number(next) });
   *     items.forEach(show);
   *     next = nextCursor;
   *   }
   * });
   */
  history({ after = 0, limit = 100, signal }: { after?: number; limit?: number; signal?: AbortSignal } = {}) {
    const path = `${this.path}/history?after=${after}&limit=${limit}`;
    return this.deps.request<RoomHistory>(path, signal ? { signal } : {});
  }

  /**
   * Leaves at once, and resolves when the server knows; without a connection the seat ends with its grace.
   * @example await room.leave();
   */
  async leave(): Promise<void> {
    const { deps } = this;
    const link = this.state === 'closed' ? undefined : deps.link();
    this.end('left');
    if (link) await this.tellLeave(link, () => deps.link() !== link || deps.isSucceeded());
  }

  /**
   * Lets nobody in any more but those whose seat is kept. The owner's and administrators' to do, as all that follow.
   * @throws BongsuError FORBIDDEN, UNAVAILABLE
   */
  lock(): Promise<void> {
    return this.command((link, ack) => link.emit('lock-room', { roomId: this.roomId }, ack));
  }

  /** @throws BongsuError FORBIDDEN, UNAVAILABLE */
  unlock(): Promise<void> {
    return this.command((link, ack) => link.emit('unlock-room', { roomId: this.roomId }, ack));
  }

  /**
   * Lets somebody in from the lobby, or again after a kick.
   * @throws BongsuError PARTICIPANT_NOT_FOUND, ROOM_FULL, FORBIDDEN, UNAVAILABLE
   * @example room.on('waiting', ({ participantId }) => room.admit(participantId));
   */
  admit(participantId: string): Promise<void> {
    const { roomId } = this;
    return this.command((link, ack) => link.emit('admit', { roomId, participantId }, ack));
  }

  /** Takes somebody out; they stay out until they are admitted. @throws BongsuError PARTICIPANT_NOT_FOUND, FORBIDDEN, UNAVAILABLE */
  kick(participantId: string): Promise<void> {
    const { roomId } = this;
    return this.command((link, ack) => link.emit('kick', { roomId, participantId }, ack));
  }

  /** Ends the room for all. @throws BongsuError FORBIDDEN, ROOM_NOT_FOUND, UNAVAILABLE */
  async close(): Promise<void> {
    await this.deps.request(this.path, { method: 'DELETE' });
    this.end('closed');
  }

  /** TURN and STUN servers, and until when they are good (server's time, in milliseconds); `peers()` keeps them fresh. */
  get iceServers(): IceServers {
    return this.calls.iceServers;
  }

  /**
   * A peer connection with everybody in the room, now and later, kept alive until `close()` or the room's end. Loads the code of
   * calls when it is first asked for; the offers that came before are kept. Asked again it is the same one; of a room that has
   * ended it is closed. Listeners that are attached at once miss nothing.
   * @throws BongsuError UNAVAILABLE (the code could not be loaded: ask again), CONFLICT (they are made already, with other options,
   *   which `details.options` names: `addTrack` and `replaceTrack` change what is sent); TypeError without an RTCPeerConnection
   * @example
   * const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
   * const peers = await room.peers({ stream });
   * peers.on('track', ({ participantId, streams }) => videoOf(participantId).srcObject = streams[0]);
   * peers.on('left', ({ participantId }) => videoOf(participantId).remove());
   */
  peers(options: PeersOptions = {}): Promise<Peers> {
    return this.calls.peers(options);
  }

  /** @internal Resolves with a seat, though it be lost for now: in a lobby, with the next one. */
  joined(signal?: AbortSignal): Promise<unknown> {
    return abortable(this.seat.taken, signal);
  }

  /** @internal Where to go on; undefined before the first seat. */
  get place(): { epoch: string; seq: number } | undefined {
    const { position, epoch } = this.stream;
    return position === undefined ? undefined : { epoch, seq: position };
  }

  /** @internal Says that we leave, until it is heard. */
  async tellLeave(link: Link, isOver: () => boolean): Promise<void> {
    const { asking } = this.seat;
    // Nobody can leave what they may yet get.
    if (asking) await asking;
    await tellLeave(this.deps, link, this.roomId, isOver);
  }

  /** @internal There is a usable link. */
  onLink(link: Link, ready?: Ready): void {
    if (ready) this.stream.onReady(ready, ready.streams[`room:${this.roomId}`]);
    this.seat.take(link);
  }

  /** @internal */
  onLost(): void {
    this.early = [];
    this.departed = [];
    this.stream.lost();
    this.seat.lost();
    if (this.state === 'joined') this.setState('reconnecting');
    else if (this.state === 'waiting') this.setState(this.place ? 'reconnecting' : 'joining');
  }

  /** @internal */
  onEntry(entry: RoomEntry): void {
    if (this.isHeard) this.stream.take(entry);
    else this.early.push(() => this.onEntry(entry));
  }

  /** @internal One of this client's own entries was accepted. */
  onOwn(accepted: Accepted): void {
    this.stream.onOwn(accepted);
  }

  /** @internal */
  onEvent(handle: (people: RoomPeople) => void): void {
    this.afterAck(() => handle(this.people));
  }

  /** @internal */
  onLock(locked: boolean): void {
    this.afterAck(() => this.emit(locked ? 'locked' : 'unlocked', {}));
  }

  /** @internal */
  onLeft(user: UserLeft): void {
    if (user.participantId === this.participantId) {
      this.onOwnLeft(user);
      return;
    }
    if (this.state !== 'joined') this.departed.push(user);
    this.afterAck(() => this.people.onLeft(user));
  }

  /** @internal */
  onAdmitted(joined: Joined): void {
    this.seat.onAdmitted(joined);
  }

  /** @internal */
  onSignaled(signal: SignalEvent): void {
    this.afterAck(() => this.calls.onSignaled(signal));
  }

  /** @internal The server says so. */
  onClosed(reason: RoomEnd): void {
    if (this.state === 'joined') this.hear();
    this.end(reason);
  }

  /** @internal For good. */
  end(reason: RoomEnd, error?: BongsuError): void {
    if (this.state === 'closed') return;
    this.seat.end(reason, error);
    this.setState('closed');
    this.calls.close();
    this.emit('closed', { reason, ...(error ? { error } : {}) });
  }

  private get path(): string {
    return `/api/rooms/${encodeURIComponent(this.roomId)}`;
  }

  private onJoined(joined: Joined, { isFirst, anew }: { isFirst: boolean; anew: boolean }): void {
    const { participantId } = joined;
    if (this.isGone()) return;
    this.calls.onJoined(joined);
    const tellChanges = this.people.meet(joined, { isFirst });
    this.setState('joined');
    if (isFirst) {
      // Whoever awaits the join has listeners to attach first.
      this.deps.clock.after(0, () => this.hear());
    } else {
      this.emit('rejoined', { participantId, anew });
      tellChanges();
      this.hear();
    }
    if (this.state !== 'joined') return;
    this.stream.onJoined(joined);
    this.deps.onSeated();
  }

  private onWaiting(): void {
    if (!this.isGone()) this.setState('waiting');
  }

  /** Out again before we heard that we came. */
  private isGone(): boolean {
    const own = this.departed.splice(0).find(({ participantId }) => participantId === this.participantId);
    if (own) this.onOwnLeft(own);
    return own !== undefined;
  }

  private onOwnLeft({ reason }: UserLeft): void {
    if (reason !== 'timeout') {
      this.onClosed(reason);
      return;
    }
    // Not back in time, as the server saw it, and yet here.
    this.stream.lost();
    this.seat.takeAnew();
  }

  private hear(): void {
    this.isHeard = true;
    for (const happen of this.early.splice(0)) happen();
  }

  /** Events may overtake the ack of the join that they follow. */
  private afterAck(happen: () => void): void {
    if (this.state === 'joined' && this.isHeard) happen();
    else if (this.state !== 'closed') this.early.push(() => this.afterAck(happen));
  }

  private tell(entry: RoomEntry): void {
    if (this.state === 'closed') return;
    if (entry.type === 'message') this.emit('message', entry);
    else if (entry.type === 'trigger') this.emit('trigger', entry);
    else this.emit('navigate', entry);
  }

  private setState(state: RoomState): void {
    if (this.state === state) return;
    this.state = state;
    this.emit('state', { state });
  }

  private command(emit: (link: Link, ack: Ack<object>) => void): Promise<void> {
    const { clock, link } = this.deps;
    return askOnce(clock, this.state === 'closed' ? undefined : link(), emit);
  }
}
