import { BongsuError, type CommandOrUnknown, type Ready, type Target } from '@bongsu/protocol';
import { type Request, requests } from './api.js';
import type { ClientEvents, CommandOptions, ConnectOptions, TriggerOptions } from './client-types.js';
import { type Clock, systemClock } from './clock.js';
import { Commands } from './commands.js';
import { Connection, type ConnectionState, type Link, type StateChange } from './connection.js';
import { Emitter } from './emitter.js';
import type { Outcome } from './outcomes.js';
import type { Room } from './room.js';
import type { CreateRoomOptions, JoinRoomOptions } from './room-types.js';
import type { Rooms } from './rooms.js';
import { tokenSource } from './token-source.js';

export type * from './client-types.js';

/** A controller's connection. Made by `connect`. */
export class Client extends Emitter<ClientEvents> {
  private readonly connection: Connection;
  private readonly request: Request;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly commands: Commands;
  /** Once somebody joins or makes one: who has none has not their code to load. */
  private rooms: Rooms | undefined;
  /** Who is connected, or was last. */
  private userId: string | undefined;
  /** The moment of the last status of each screen. */
  private readonly screenStatusAt = new Map<string, number>();

  constructor(options: ConnectOptions) {
    super();
    const { url, path, clock = systemClock, random = Math.random } = options;
    const {
      fetch = (input: URL | string | globalThis.Request, init?: RequestInit) => globalThis.fetch(input, init),
    } = options;
    const tokens = tokenSource(options);
    this.request = requests({ url, fetch, tokens });
    this.clock = clock;
    this.random = random;
    this.connection = new Connection({
      url,
      path,
      tokens,
      clock,
      random,
      handshake: async () => {
        const resume = this.rooms?.resume();
        return resume ? { resume } : {};
      },
      farewell: (link) => this.rooms?.farewell(link),
    });
    this.commands = new Commands(options, {
      clock,
      random,
      connection: this.connection,
      request: this.request,
      mayGo: (target, needsSeat) => this.rooms?.mayGo(target, needsSeat) ?? !needsSeat,
      onAccepted: (accepted) => this.rooms?.onAccepted(accepted),
      tell: (event, value) => this.emit(event, value),
    });
    this.connection.on('link', (link) => this.listen(link));
    this.connection.on('ready', ({ ready, link }) => this.onReady(ready, link));
    this.connection.on('state', (change) => this.onState(change));
    this.connection.on('session-closing', (closing) => this.emit('session-closing', closing));
    this.connection.on('auth-expiring', (expiring) => this.emit('auth-expiring', expiring));
    this.connection.start();
  }

  get state(): ConnectionState {
    return this.connection.state;
  }

  /**
   * Sends an action to a screen or a room. Resolves once it is durably accepted; `.executed` tells how it ended.
   * Offline, refused for now or with its ack lost, it is sent again under the same id until `queueTtlMs` is over.
   * Await one before sending the next where their order matters.
   * @param action 1–64 of A–Z, a–z, 0–9, ".", "_", ":", "-"
   * @param data JSON of at most 16 KiB
   * @throws CommandError e.g. SCREEN_NOT_FOUND, FORBIDDEN, VALIDATION_ERROR, PAYLOAD_TOO_LARGE, BUSY,
   *   UNAVAILABLE (never sent in time), INDETERMINATE (sent, outcome unknown); or the signal's reason
   * @example
   * const { id, executed } = await client.trigger({ screenId }, 'play', { clip: 7 });
   * const { status } = await executed; // "executed"
   */
  trigger(target: Target, action: string, data?: unknown, options: TriggerOptions = {}) {
    return this.commands.command('trigger', { target, action, data, retries: options.retries }, options);
  }

  /**
   * Shows a page on a screen: an http or https URL, or a path of the app that starts with "/". Otherwise as
   * `trigger`; a later navigate to the same display supersedes one that has not been shown.
   */
  navigate(target: Target, url: string, options: CommandOptions = {}) {
    return this.commands.command('navigate', { target, url }, options);
  }

  /**
   * Joins a room; where it has a lobby, once somebody admits you (`onWaiting` tells that it takes a person). Lost connections are
   * mended, and the seat is taken again. A room that this client is in already is the same object. Listeners that are attached at
   * once miss nothing.
   * @throws BongsuError ROOM_NOT_FOUND, ROOM_CLOSED (also while we waited), ROOM_FULL (`details.maxUsers`), ROOM_LOCKED, FORBIDDEN
   *   (put out, or refused in the lobby), RATE_LIMIT, BUSY, VALIDATION_ERROR, UNAVAILABLE (this client is closed, or the code of
   *   rooms could not be loaded); or the signal's reason
   * @example
   * const room = await client.joinRoom('stand-up', { onWaiting: () => say('Waiting to be let in') });
   * room.on('message', ({ from, data }) => show(from.username, data));
   * await room.send('hello');
   */
  async joinRoom(roomId: string, options: JoinRoomOptions = {}): Promise<Room> {
    return (await this.loadRooms()).join(roomId, options);
  }

  /**
   * Makes a room and joins it.
   * @throws BongsuError CONFLICT (an open room has this id), VALIDATION_ERROR, RATE_LIMIT, BUSY, UNAVAILABLE (as `joinRoom`); or
   *   the signal's reason
   * @example const room = await client.createRoom({ name: 'Stand-up', maxUsers: 6 });
   */
  async createRoom(options: CreateRoomOptions): Promise<Room> {
    return (await this.loadRooms()).create(options);
  }

  /**
   * How commands stand, in the order of `ids`; status "unknown" for what is not the user's or past retention.
   * Waits for the connection.
   * @throws BongsuError, or the signal's reason
   */
  status(ids: string[], { signal }: { signal?: AbortSignal } = {}): Promise<CommandOrUnknown[]> {
    return this.commands.status(ids, signal);
  }

  /**
   * How a command ends of which only the id is known, e.g. one of an earlier process.
   * @throws BongsuError NOT_FOUND: not yours, never accepted, or past the server's retention; as `executed` else
   */
  track(id: string): Promise<Outcome> {
    const { closedBy } = this.commands;
    if (closedBy) return Promise.reject(closedBy);
    return this.commands.track(id);
  }

  /**
   * Takes a command back: one that waits here is rejected with CONFLICT, one that waits on the server for its screen
   * is cancelled there. What is under way to the server has its answer waited for.
   * @throws BongsuError CONFLICT once it is on its way to the screen or has ended; NOT_FOUND; INDETERMINATE when it was
   *   sent and the server does not know it: it may yet arrive
   */
  cancel(id: string): Promise<void> {
    return this.commands.cancel(id);
  }

  /** Resolves when online; rejects when closed for good, or with the signal's reason. */
  async online({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.connection.online(signal);
  }

  /**
   * Disconnects for good. Commands that were not accepted reject; `.executed` promises too. With `queue` they stay
   * in it (INDETERMINATE), for a later client to send. All rooms are left. Resolves once the server has heard that, or 2 s are
   * over, and the queue is written and free for others.
   */
  async close(): Promise<void> {
    await Promise.all([this.connection.close(), this.commands.close()]);
  }

  private async loadRooms(): Promise<Rooms> {
    const module = await loaded(() => import('./rooms.js'));
    const { closedBy } = this.commands;
    if (closedBy) throw closedBy;
    this.rooms ??= this.makeRooms(module.Rooms);
    return this.rooms;
  }

  private makeRooms(Constructor: typeof Rooms): Rooms {
    const { clock, random, connection, commands, request } = this;
    const rooms = new Constructor({
      clock,
      random,
      request,
      link: () => connection.link,
      serverNow: () => connection.serverNow(),
      send: (draft, options) => commands.message(draft, options),
      isUnanswered: (id) => commands.outbox.has(id),
      onSeated: () => commands.outbox.pump(),
      loadPeers: () => loaded(() => import('./peers.js')),
    });
    if (connection.link) rooms.onLink(connection.link);
    return rooms;
  }

  private listen(link: Link): void {
    this.commands.listen(link);
    link.on('screen-status', (status) => this.onScreenStatus(status));
  }

  /** Of nodes between which a screen moves both may tell, and what happened first may come last. */
  private onScreenStatus(status: ClientEvents['screen-status']): void {
    const { screenId, at } = status;
    if (at < (this.screenStatusAt.get(screenId) ?? 0)) return;
    this.screenStatusAt.set(screenId, at);
    this.emit('screen-status', status);
  }

  private onReady(ready: Ready, link: Link): void {
    this.onUser(ready.userId);
    this.rooms?.onLink(link, ready);
    this.commands.onReady();
    this.emit('ready', ready);
  }

  /** What was called under another login is not this one's to send, to ask for or to be told of. */
  private onUser(userId: string | undefined): void {
    const isOther = this.userId !== undefined && userId !== this.userId;
    this.userId = userId;
    this.commands.onUser(userId);
    if (!isOther) return;
    const error = new BongsuError('AUTH_ERROR', { details: { reason: 'another account signed in' } });
    this.rooms?.closeAll('signed-out', error);
    this.commands.refuseAll(error);
  }

  private onState(change: StateChange): void {
    if (change.state !== 'online') {
      this.rooms?.onLost();
      this.commands.onLost();
    }
    if (change.state === 'closed') {
      const error = change.error ?? new BongsuError('UNAVAILABLE');
      this.rooms?.closeAll('disconnected', change.error);
      // Of a login that is over nothing goes out later; what the app closed goes on in another client.
      this.commands.onClosed(error, { keep: change.error === undefined });
    }
    this.emit('state', change);
  }
}

/** Code that is fetched late may not come: without a network, or after a new version took its place. */
async function loaded<Module>(load: () => Promise<Module>): Promise<Module> {
  return load().catch((cause: unknown) => {
    throw new BongsuError('UNAVAILABLE', { cause });
  });
}

/**
 * Connects a controller; returns at once and reconnects by itself, without end.
 * @example
 * const client = connect({ url: 'https://bongsu.example.org', tokens });
 * client.on('state', ({ state }) => console.log(state));
 */
export function connect(options: ConnectOptions): Client {
  return new Client(options);
}
