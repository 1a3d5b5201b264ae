import type { Entry, Receipt } from '@bongsu/protocol';
import {
  AuthenticationError,
  BongsuError,
  CLOSINGS,
  type ClosingKey,
  sessionClosing,
} from '@bongsu/protocol';
import type { Socket } from 'socket.io';
import type { ScreenConnection } from '../commands/index.js';
import { type Clock, sleep } from '../platform/clock.js';
import type { OwnConnection } from '../platform/local-connections.js';
import type { Origin, Principal, UserPrincipal } from '../platform/principal.js';
import type { EventContext } from '../platform/surface.js';
import type { RoomSocket } from '../rooms/index.js';
import { type SocketData, socketData } from './authenticate.js';
import { isHearingRoom, roomsToHear } from './hearing-rooms.js';
import { countRooms } from './socket-groups.js';
import { unreadBytes } from './unread-bytes.js';

/** Events that may wait for `ready`, in order: as many as a client may well have kept while it was offline. */
const MAX_EARLY_EVENTS = 1000;
const EARLY_RETRY_MS = 1000;
/** What a socket that moves gets to end what is under way: its calls, and receipts of what a screen was sent. */
const MOVE_PATIENCE_MS = 1000;

export interface ClientEvent {
  name: string;
  payload: unknown;
  ack: ((answer: unknown) => void) | undefined;
}

/** One connected socket, between Socket.IO and the verbs. */
export class Connection implements EventContext {
  readonly #socket: Socket;
  readonly #abort = new AbortController();
  /** Told when the principal is replaced by one that ends at another time. */
  readonly #onExpiry: (connection: Connection) => void;
  /** Milliseconds, database clock. */
  readonly #connectedAt: number;
  #early: ClientEvent[] | undefined = [];
  #closing: ClosingKey | undefined;
  #hearsOthers = false;
  /** Calls of the client that are not answered yet. */
  #calls = 0;
  #onAnswered: (() => void) | undefined;
  /** Of a screen's socket: nothing more is sent, and it resolves when what was sent is answered. */
  #rest: (() => Promise<void>) | undefined;

  constructor(socket: Socket, connectedAt: number, onExpiry: (connection: Connection) => void) {
    this.#socket = socket;
    this.#connectedAt = connectedAt;
    this.#onExpiry = onExpiry;
  }

  get socketId(): string {
    return this.#socket.id;
  }

  get #data(): SocketData {
    return this.#socket.data as SocketData;
  }

  get principal(): Principal {
    return this.#data.principal;
  }

  get origin(): Origin {
    return this.#data.origin;
  }

  get handshake(): SocketData['handshake'] {
    return this.#data.handshake;
  }

  get instanceId(): string | undefined {
    return this.handshake.instanceId;
  }

  /** What it was closed with; undefined while it lives, and when it ended without a word. */
  get closing(): ClosingKey | undefined {
    return this.#closing;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isConnected(): boolean {
    return this.#socket.connected;
  }

  replacePrincipal(principal: Principal): void {
    const { origin, handshake, principal: before } = this.#data;
    this.#socket.data = socketData(principal, origin, handshake);
    if (this.#hearsOthers) this.#enterRooms();
    if (principal.expiresAt !== before.expiresAt) this.#onExpiry(this);
  }

  /** From now on what other nodes push reaches it too, as far as its present principal may hear it. */
  hearOthers(): void {
    this.#hearsOthers = true;
    this.#enterRooms();
  }

  #enterRooms(): void {
    if (!this.isConnected) return;
    const wanted = roomsToHear(this.principal);
    for (const room of this.#socket.rooms)
      if (isHearingRoom(room) && !wanted.includes(room)) void this.#socket.leave(room);
    void this.#socket.join(wanted);
  }

  /** True when the event must wait for `ready`. @throws BUSY when too many do */
  holdsBack(event: ClientEvent): boolean {
    if (!this.#early) return false;
    if (this.#early.length >= MAX_EARLY_EVENTS) {
      throw new BongsuError('BUSY', { retryAfterMs: EARLY_RETRY_MS });
    }
    this.#early.push(event);
    return true;
  }

  /** Says `ready` and returns what came before it, in order. */
  open(ready: object): ClientEvent[] {
    this.#socket.emit('ready', ready);
    const early = this.#early ?? [];
    this.#early = undefined;
    return early;
  }

  emit(event: string, payload: object): void {
    this.#socket.emit(event, payload);
  }

  /**
   * Says why, then closes as the code stands for: a final one disconnects, after which a stock client stays away;
   * the others end the transport, after which it comes back.
   */
  close(key: ClosingKey, retryAfterMs?: number): void {
    this.#closing ??= key;
    this.#socket.emit('session-closing', sessionClosing(key, retryAfterMs));
    if (CLOSINGS[key].reconnect) this.#socket.conn.close();
    else this.#socket.disconnect(true);
  }

  /** Of each call, until `callEnded`: a socket that moves is closed once all are answered. */
  callBegan(): void {
    this.#calls += 1;
  }

  callEnded(): void {
    this.#calls -= 1;
    if (this.#calls === 0) this.#onAnswered?.();
  }

  /** How a screen's socket comes to rest. */
  restsBy(rest: () => Promise<void>): void {
    this.#rest = rest;
  }

  /** Tells the client to go to another node, and ends the transport when what is under way has ended, or soon in any case. */
  async move(retryAfterMs: number, clock: Clock): Promise<void> {
    this.#closing ??= 'DRAINING';
    this.#socket.emit('session-closing', sessionClosing('DRAINING', retryAfterMs));
    const settled = Promise.allSettled([this.#rest?.(), this.#allAnswered()]);
    await Promise.race([settled, sleep(clock, MOVE_PATIENCE_MS, this.signal).catch(() => undefined)]);
    this.#socket.conn.close();
  }

  #allAnswered(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAnswered = resolve;
      if (this.#calls === 0) resolve();
    });
  }

  /** What became of its login or key: closed for good when that has ended; what another try could mend ends only the transport. */
  endAs(error: BongsuError): void {
    if (error.code === 'TOKEN_EXPIRED') this.close('TOKEN_EXPIRED');
    else if (error instanceof AuthenticationError) this.close('TOKEN_REVOKED');
    else this.drop();
  }

  /** Ends the transport without a word: the refusal could be mended by another try. */
  drop(): void {
    this.#socket.conn.close();
  }

  /** What waits for the peer to read. */
  queuedBytes(): number {
    return unreadBytes(this.#socket);
  }

  /** At once and without a word: it would only join the queue. */
  endAsSlow(): void {
    this.#socket.conn.close(true);
  }

  closed(): void {
    this.#abort.abort();
    this.#early = undefined;
  }

  /** For administrators. */
  describe(): OwnConnection {
    const { principal, origin } = this;
    const person = principal.kind === 'user' ? principal : undefined;
    return {
      id: this.socketId,
      userId: person?.userId ?? null,
      username: person?.username ?? null,
      screenId: principal.kind === 'screen' ? principal.screenId : null,
      sessionId: principal.sessionId,
      address: origin.address,
      userAgent: origin.userAgent,
      transport: this.#socket.conn.transport.name === 'websocket' ? 'websocket' : 'polling',
      connectedAt: this.#connectedAt,
      rooms: countRooms(this.#socket),
    };
  }

  /** Rooms' view of a user's socket. */
  asRoomSocket(principal: UserPrincipal): RoomSocket {
    return {
      socketId: this.socketId,
      principal,
      isConnected: () => this.isConnected,
      queuedBytes: () => this.queuedBytes(),
      drop: () => this.drop(),
    };
  }

  /** The dispatcher's view of a screen's socket. */
  asScreen(screenId: string): ScreenConnection {
    const { instanceId, window, ackTimeoutMs, resume } = this.handshake;
    const seq = resume?.streams[`screen:${screenId}`];
    return {
      socketId: this.socketId,
      screenId,
      instanceId,
      window,
      ackTimeoutMs,
      connectedAt: this.#connectedAt,
      resume: resume && seq !== undefined ? { epoch: resume.epoch, seq } : undefined,
      isConnected: () => this.isConnected,
      send: (event, entry, onReceipt) => sendEntry(this.#socket, event, entry as Entry, onReceipt),
      onNextPacket: (listener) => onNextPacket(this.#socket, listener),
      close: (closing) => this.close(closing),
    };
  }
}

/** What Socket.IO keeps per socket for plain acks; not in its types, and the only way to forget one. */
interface AckTable {
  acks: Map<number, (receipt: Receipt) => void>;
}

/** A plain emit with a callback: without Socket.IO's own timeout, because a receipt counts as long as its socket lives. */
function sendEntry(
  socket: Socket,
  event: string,
  entry: Entry,
  onReceipt: (receipt: unknown) => void,
): () => void {
  const ackId = socket.nsp._ids;
  socket.emit(event, entry, onReceipt);
  return () => (socket as unknown as AckTable).acks.delete(ackId);
}

/** Engine.IO tells of a packet before Socket.IO has dealt with it: the listener's turn is the next one. */
function onNextPacket(socket: Socket, listener: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const onPacket = () => {
    immediate = setImmediate(listener);
  };
  socket.conn.once('packet', onPacket);
  return () => {
    socket.conn.off('packet', onPacket);
    clearImmediate(immediate);
  };
}
