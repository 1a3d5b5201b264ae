import {
  BongsuError,
  type ClientToServerEvents,
  type HandshakeInput,
  PROTOCOL_VERSION,
  type Ready,
  type ServerToClientEvents,
  type SessionClosing,
} from '@bongsu/protocol';
import { Manager, type Socket } from 'socket.io-client';
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import { ask } from './ask.js';
import { jittered, reconnectDelayMs } from './backoff.js';
import type { Clock } from './clock.js';
import { Emitter } from './emitter.js';
import { endsLogin, errorFromWire, isErrorCode, toBongsuError } from './errors.js';
import { Silence } from './silence.js';
import type { TokenSource } from './token-manager.js';
import { onWake } from './wake.js';

/**
 * `connecting`: an attempt is under way. `online`: `ready` has come. `offline`: waiting for the next attempt.
 * `closed`: for good, by `close()` or by the server.
 */
export type ConnectionState = 'connecting' | 'online' | 'offline' | 'closed';

export interface StateChange {
  state: ConnectionState;
  /** Why it went offline or closed; absent after `close()`. */
  error?: BongsuError;
  /** What the server said before it closed the socket. */
  closing?: SessionClosing;
  /** Offline: milliseconds to the next attempt. */
  retryInMs?: number;
}

/** One Socket.IO connection, from its attempt to its end; never used again after that. */
export type Link = Socket<ServerToClientEvents, ClientToServerEvents>;

export interface ConnectionEvents {
  state: StateChange;
  /** A new link is usable. */
  ready: { ready: Ready; link: Link };
  /** A link was made; the moment to attach listeners, before anything can arrive on it. */
  link: Link;
  'session-closing': SessionClosing;
  'auth-expiring': { expiresAt: number };
}

export interface ConnectionOptions {
  url: string | URL;
  /** Where Socket.IO is mounted. Default "/socket.io". */
  path?: string | undefined;
  tokens: TokenSource;
  clock: Clock;
  /** Numbers in [0, 1) for the jitter. */
  random: () => number;
  /** Default: made here. A client that makes several connections in turn gives one for all. */
  instanceId?: string;
  /** What the handshake says besides token, instanceId and protocol. */
  handshake?: () => Promise<Partial<HandshakeInput>>;
  /** Says what the server is to know before we go, over a link that has no other use any more; undefined if there is nothing. */
  farewell?: (link: Link) => Promise<unknown> | undefined;
}

const CONNECT_TIMEOUT_MS = 20_000;
/** How long the farewell may take. */
const FAREWELL_MS = 2_000;
/**
 * An attempt whose packets vanish would be sent again by TCP ever more seldom, long after the network is back: it is given up for a new
 * one once it takes three times as long as the last one that succeeded. Should that be too little now, the later attempts have their time.
 */
const HASTY_TIMEOUT_MS = 4_000;
const HASTY_ATTEMPTS = 6;
/** An access token that is refused as expired as soon as it was made will not get better by a fourth. */
const MAX_EXPIRED_IN_A_ROW = 3;

/**
 * Keeps one authenticated socket alive. The stock manager's backoff has a fixed factor of 2, so it is switched
 * off; each attempt gets a manager and a socket of its own, which also keeps late acks of an earlier connection
 * from reaching a later one.
 */
export class Connection extends Emitter<ConnectionEvents> {
  state: ConnectionState = 'connecting';
  /** The link that is online now. */
  link: Link | undefined;
  /** Add to this machine's clock to get the server's, in milliseconds. */
  clockOffsetMs = 0;
  private readonly instanceId: string;
  private readonly stops: (() => void)[];
  private current: { link?: Link } = {};
  private attempts = 0;
  /** What the last attempt that succeeded took. */
  private lastTookMs = CONNECT_TIMEOUT_MS;
  private expiredInARow = 0;
  private cancelRetry: (() => void) | undefined;
  private wakeable = false;
  /** The token that the present link was last given, and when that is answered. */
  private introduced: { link: Link; token: string; done: Promise<void> } | undefined;
  /** Until the farewell is said. */
  private parting: Promise<void> = Promise.resolve();

  constructor(private readonly options: ConnectionOptions) {
    super();
    this.instanceId = options.instanceId ?? uuidv7();
    this.stops = [
      onWake(() => this.wake()),
      options.tokens.on('tokens', ({ accessToken }) => void this.reauthenticate(accessToken)),
      options.tokens.on('signed-out', ({ error }) =>
        this.finish({ error: error ?? new BongsuError('AUTH_ERROR') }),
      ),
    ];
  }

  start(): void {
    void this.attempt();
  }

  serverNow(): number {
    return this.options.clock.now() + this.clockOffsetMs;
  }

  /** Ends it for good, at once; resolves when the farewell has been said, or 2 s are over. */
  close(): Promise<void> {
    this.finish({});
    return this.parting;
  }

  /** The link once there is one; rejects when closed for good, or with the signal's reason. */
  online(signal?: AbortSignal): Promise<Link> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.link) return resolve(this.link);
      if (this.state === 'closed') return reject(new BongsuError('UNAVAILABLE'));
      const settle = (report: () => void) => {
        stop();
        signal?.removeEventListener('abort', onAbort);
        report();
      };
      const onAbort = () => settle(() => reject(signal?.reason));
      const stop = this.on('state', ({ state, error = new BongsuError('UNAVAILABLE') }) => {
        const { link } = this;
        if (link) settle(() => resolve(link));
        else if (state === 'closed') settle(() => reject(error));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Gets a newer token and tells the server of it; false if the login is over. */
  async renewToken(): Promise<boolean> {
    try {
      const token = await this.options.tokens.refresh();
      await this.reauthenticate(token);
      return true;
    } catch (error) {
      if (endsLogin(error)) return false;
      throw error;
    }
  }

  /** Tries at once if it waits for the next attempt by its own choice, not by the server's. */
  wake(): void {
    if (!this.wakeable || !this.cancelRetry) return;
    this.cancelRetry();
    void this.attempt();
  }

  private async attempt(): Promise<void> {
    if (this.state === 'closed') return;
    this.cancelRetry = undefined;
    const mine: { link?: Link } = {};
    this.current = mine;
    this.setState({ state: 'connecting' });
    try {
      const handshake = await this.options.handshake?.();
      const token = await this.options.tokens.getToken();
      if (this.current !== mine || this.isClosed()) return;
      const auth = { ...handshake, token, instanceId: this.instanceId, protocol: PROTOCOL_VERSION };
      this.open(mine, auth);
    } catch (error) {
      if (this.current !== mine || this.isClosed()) return;
      const failure = toBongsuError(error);
      if (endsLogin(failure)) this.finish({ error: failure });
      else this.retry({ error: failure }, failure.retryAfterMs);
    }
  }

  private open(mine: { link?: Link }, auth: HandshakeInput): void {
    const { url, path, clock } = this.options;
    const manager = new Manager(new URL(url).origin, {
      ...(path === undefined ? {} : { path }),
      // By it a balancer sends all of this connection to one node. The next one may get to another: this one may be the one that hangs.
      query: { k: uuidv4() },
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnection: false,
      autoConnect: false,
      timeout: this.patienceMs(),
    });
    const link: Link = manager.socket('/', { auth });
    mine.link = link;
    this.introduced = { link, token: auth.token, done: Promise.resolve() };
    let closing: SessionClosing | undefined;
    const startedAt = clock.now();
    const cancelTimeout = clock.after(CONNECT_TIMEOUT_MS, () => lose(new BongsuError('UNAVAILABLE')));
    const silence = new Silence(clock, () => lose(unavailable('silence')));
    const lose = (error: BongsuError) => {
      cancelTimeout();
      silence.heard();
      if (this.current !== mine) return;
      this.current = {};
      this.drop(link);
      this.lost(error, closing);
    };
    link.on('session-closing', (said) => {
      if (this.current !== mine) return;
      closing = said;
      this.emit('session-closing', said);
    });
    link.on('ready', (ready) => {
      cancelTimeout();
      this.lastTookMs = clock.now() - startedAt;
      link.io.engine.on('packet', () => silence.heard());
      this.onReady(link, ready);
    });
    link.on('auth-expiring', (expiring) => {
      if (this.current !== mine) return;
      this.emit('auth-expiring', expiring);
      void this.renew();
    });
    link.on('connect_error', (error) => lose(connectError(error)));
    link.on('disconnect', (reason) => lose(unavailable(reason)));
    // Relayed from memory, so answered at once even by a busy server: who calls cannot wait for the heartbeat to notice.
    link.onAnyOutgoing((event) => event === 'signal' && silence.expect());
    this.emit('link', link);
    link.connect();
  }

  /** How long an attempt may take until the socket is open. */
  private patienceMs(): number {
    if (this.attempts >= HASTY_ATTEMPTS) return CONNECT_TIMEOUT_MS;
    return Math.min(CONNECT_TIMEOUT_MS, Math.max(HASTY_TIMEOUT_MS, 3 * this.lastTookMs));
  }

  private onReady(link: Link, ready: Ready): void {
    this.attempts = 0;
    this.expiredInARow = 0;
    this.clockOffsetMs = ready.serverTime - this.options.clock.now();
    this.link = link;
    this.setState({ state: 'online' });
    this.emit('ready', { ready, link });
  }

  private lost(cause: BongsuError, closing: SessionClosing | undefined): void {
    const refused = closing && !closing.reconnect && isErrorCode(closing.code) ? closing.code : undefined;
    const error = refused ? new BongsuError(refused, { cause }) : cause;
    const change = { error, ...(closing ? { closing } : {}) };
    const final = closing ? !closing.reconnect : !cause.retryable;
    if (!final) this.retry(change, closing?.retryAfterMs ?? cause.retryAfterMs);
    else if (error.code === 'TOKEN_EXPIRED' && this.expiredInARow < MAX_EXPIRED_IN_A_ROW)
      this.renewAndRetry(change);
    else this.finish(change);
  }

  private renewAndRetry(change: Omit<StateChange, 'state'>): void {
    this.offline(change);
    this.options.tokens.refresh().then(
      () => {
        this.expiredInARow += 1;
        this.retry(change);
      },
      (refusal: unknown) => {
        if (endsLogin(refusal)) this.finish(change);
        else this.retry(change, toBongsuError(refusal).retryAfterMs);
      },
    );
  }

  private retry(change: Omit<StateChange, 'state'>, retryAfterMs?: number): void {
    if (this.isClosed()) return;
    const delayMs = jittered(reconnectDelayMs(this.attempts), this.options.random());
    this.attempts += 1;
    // What the server asks for is kept, spread by our own delay so that not all come back in one instant.
    const retryInMs = (retryAfterMs ?? 0) + delayMs;
    this.wakeable = retryAfterMs === undefined;
    this.cancelRetry?.();
    this.cancelRetry = this.options.clock.after(retryInMs, () => void this.attempt());
    this.offline({ ...change, retryInMs });
  }

  private offline(change: Omit<StateChange, 'state'>): void {
    this.link = undefined;
    this.setState({ state: 'offline', ...change });
  }

  private finish(change: Omit<StateChange, 'state'>): void {
    if (this.isClosed()) return;
    this.cancelRetry?.();
    for (const stop of this.stops) stop();
    const { link } = this.current;
    const farewell = this.link && this.options.farewell?.(this.link);
    this.current = {};
    this.link = undefined;
    if (link && farewell) this.parting = this.part(link, farewell);
    else if (link) this.drop(link);
    this.setState({ state: 'closed', ...change });
  }

  private part(link: Link, farewell: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.drop(link);
        resolve();
      };
      const cancel = this.options.clock.after(FAREWELL_MS, end);
      link.on('disconnect', end);
      farewell.then(end, end);
    });
  }

  private drop(link: Link): void {
    link.disconnect();
    link.off();
    // Errors of a transport that is being given up have no listener left, and need none.
    link.io.off();
  }

  private async renew(): Promise<void> {
    const { link } = this;
    const renewed = await this.renewToken().catch(() => true);
    if (!renewed && link === this.link) this.finish({ error: new BongsuError('TOKEN_EXPIRED') });
  }

  /** Gives the live socket a new token, once. One of another login is refused, and takes a connection of its own. */
  private reauthenticate(token: string): Promise<void> {
    const { link } = this;
    if (!link) return Promise.resolve();
    if (this.introduced?.link === link && this.introduced.token === token) return this.introduced.done;
    const done = this.introduce(link, token);
    this.introduced = { link, token, done };
    return done;
  }

  private async introduce(link: Link, token: string): Promise<void> {
    try {
      await ask<{ expiresAt: number }>(this.options.clock, link, (ack) =>
        link.emit('auth-refresh', { token }, ack),
      );
    } catch (error) {
      const refusal = toBongsuError(error);
      if (refusal.retryable || link !== this.link) return;
      this.current = {};
      this.drop(link);
      this.retry({ error: refusal });
    }
  }

  private setState(change: StateChange): void {
    this.state = change.state;
    this.emit('state', change);
  }

  // A method, because TypeScript would keep `state` narrowed over an await.
  private isClosed(): boolean {
    return this.state === 'closed';
  }
}

function unavailable(reason: string): BongsuError {
  return new BongsuError('UNAVAILABLE', { details: { reason } });
}

/** `connect_error.data` is the protocol's error; without it the transport failed, which passes. */
function connectError(error: Error): BongsuError {
  const data = 'data' in error ? error.data : undefined;
  return errorFromWire(data) ?? new BongsuError('UNAVAILABLE', { cause: error });
}
