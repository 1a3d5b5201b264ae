import {
  type Accepted,
  BongsuError,
  type CommandOrUnknown,
  type CommandStatus,
  type NavigateInput,
  type Ready,
  type SessionClosing,
  type Target,
  type TriggerInput,
} from '@bongsu/protocol';
import { ask } from './ask.js';
import { abortable, type Clock, systemClock } from './clock.js';
import { Connection, type ConnectionState, type Link, type StateChange } from './connection.js';
import { Emitter } from './emitter.js';
import { CommandError } from './errors.js';
import { type CommandEvent, type Draft, Outbox } from './outbox.js';
import { type Outcome, Outcomes } from './outcomes.js';
import type { TokenSource } from './token-manager.js';
import { tokenSource } from './token-source.js';

export interface ConnectOptions {
  /** The server, e.g. "https://bongsu.example.org". */
  url: string | URL;
  /** Where Socket.IO is mounted. Default "/socket.io". */
  path?: string;
  /** A login that renews itself. Either this or `token`. */
  tokens?: TokenSource;
  /** An access token, an API key, or what gives one. A function is asked again when its token expires. */
  token?: string | (() => string | Promise<string>);
  /** How long a command may wait to be accepted, offline or refused for now. Default 60,000 ms. */
  queueTtlMs?: number;
  /** Commands that may wait at once; one more is refused with BUSY. Default 1,000. */
  maxQueued?: number;
  clock?: Clock;
  /** Numbers in [0, 1) for the jitter. Default Math.random. */
  random?: () => number;
}

export interface CommandOptions {
  /** Which display of the screen, 0–15. */
  displayIndex?: number;
  /** How long it may wait for its screen, from acceptance. Default and maximum: the server's retention (24 h). */
  ttlMs?: number;
  /** Which statuses come back: all, the last one, or none. Default all. */
  notify?: 'all' | 'final' | 'none';
  /** Refused as REPLAY_DETECTED when another command of yours carried it within 10 minutes. */
  nonce?: string;
  /** How long it may wait to be accepted. Default: the client's. */
  queueTtlMs?: number;
  /** Only to send again a command whose outcome is in doubt: the id of its CommandError. Default: a new UUIDv7. */
  id?: string;
  /** Stops the waiting, and takes an unsent command back; one that was sent may still be accepted. */
  signal?: AbortSignal;
}

export interface TriggerOptions extends CommandOptions {
  /** Further sends after a `failed` receipt, 0–10. Default: the server's (3). */
  retries?: number;
}

/** The server's ack, and how the command ends. */
export interface AcceptedCommand extends Accepted {
  /**
   * Resolves when every screen's delivery is terminal: look at `status`. Rejects only when nobody can tell any
   * more: NOT_FOUND past the server's retention, UNAVAILABLE once this client is closed.
   */
  readonly executed: Promise<Outcome>;
}

export interface ClientEvents {
  /** After each connect. */
  ready: Ready;
  state: StateChange;
  /** Every status of the user's commands, from this client or another. */
  'command-status': CommandStatus;
  /** A screen that the user owns or controls came or went. Not durable: read GET /api/screens after `ready`. */
  'screen-status': { screenId: string; online: boolean; at: number };
  'session-closing': SessionClosing;
  'auth-expiring': { expiresAt: number };
}

const QUEUE_TTL_MS = 60_000;
const MAX_QUEUED = 1_000;
const STATUS_PAGE = 100;
/** Statuses are pushed; asking now and then covers what a push lost on its way between nodes. */
const STATUS_POLL_MS = 15_000;

/** A controller's connection. Made by `connect`. */
export class Client extends Emitter<ClientEvents> {
  private readonly connection: Connection;
  private readonly outcomes = new Outcomes();
  private readonly outbox: Outbox;
  private readonly clock: Clock;
  private readonly queueTtlMs: number;
  private cancelPoll = () => {};
  private closedBy: BongsuError | undefined;

  constructor(options: ConnectOptions) {
    super();
    const { url, path, clock = systemClock, random = Math.random, maxQueued = MAX_QUEUED } = options;
    const tokens = tokenSource(options);
    this.clock = clock;
    this.queueTtlMs = options.queueTtlMs ?? QUEUE_TTL_MS;
    this.connection = new Connection({ url, path, tokens, clock, random });
    this.outbox = new Outbox({
      clock,
      random,
      maxQueued,
      serverNow: () => this.connection.serverNow(),
      correctClock: (serverTime) => {
        this.connection.clockOffsetMs = serverTime - clock.now();
      },
      isOnline: () => this.connection.link !== undefined,
      transmit: (event, payload, onAnswer) => {
        // The one place where a draft becomes a payload; the server checks it in full.
        if (event === 'trigger')
          this.connection.link?.emit(event, payload as unknown as TriggerInput, onAnswer);
        else this.connection.link?.emit(event, payload as unknown as NavigateInput, onAnswer);
      },
      renewToken: () => this.connection.renewToken(),
      onFirstTransmission: (id) => this.outcomes.track(id),
    });
    this.connection.on('link', (link) => this.listen(link));
    this.connection.on('ready', ({ ready }) => this.onReady(ready));
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
    return this.command('trigger', { target, action, data, retries: options.retries }, options);
  }

  /**
   * Shows a page on a screen: an http or https URL, or a path of the app that starts with "/". Otherwise as
   * `trigger`; a later navigate to the same display supersedes one that has not been shown.
   */
  navigate(target: Target, url: string, options: CommandOptions = {}) {
    return this.command('navigate', { target, url }, options);
  }

  /**
   * How commands stand, in the order of `ids`; status "unknown" for what is not the user's or past retention.
   * Waits for the connection.
   * @throws BongsuError, or the signal's reason
   */
  async status(ids: string[], { signal }: { signal?: AbortSignal } = {}): Promise<CommandOrUnknown[]> {
    const pages: CommandOrUnknown[] = [];
    for (let start = 0; start < ids.length; start += STATUS_PAGE) {
      const page = ids.slice(start, start + STATUS_PAGE);
      const link = await this.connection.online(signal);
      pages.push(...(await abortable(this.askStatus(link, page), signal)));
    }
    return pages;
  }

  /** Resolves when online; rejects when closed for good, or with the signal's reason. */
  async online({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.connection.online(signal);
  }

  /** Disconnects for good. Commands that were not accepted reject; `.executed` promises too. */
  close(): void {
    this.connection.close();
  }

  private async command(
    event: CommandEvent,
    draft: Draft,
    options: CommandOptions,
  ): Promise<AcceptedCommand> {
    const { signal, id, queueTtlMs = this.queueTtlMs, displayIndex, ttlMs, notify, nonce } = options;
    if (this.closedBy) throw new CommandError(this.closedBy.code, { definite: true, cause: this.closedBy });
    const queued = { queueTtlMs, ...(signal ? { signal } : {}), ...(id === undefined ? {} : { id }) };
    const answer = await this.outbox
      .send(event, { ...draft, displayIndex, ttlMs, notify, nonce }, queued)
      .catch((error: unknown) => {
        if (error instanceof CommandError && error.id) this.outcomes.forget(error.id, error);
        throw error;
      });
    const { success: _, ...accepted } = answer as Accepted & { success?: true };
    const executed = this.outcomes.accepted(accepted.id, accepted.screens ?? 1);
    // A repeat may have ended long ago, and its statuses come only once.
    if (accepted.duplicate) this.learn([accepted.id]);
    return { ...accepted, executed };
  }

  private listen(link: Link): void {
    link.on('command-status', (status) => {
      this.outcomes.onStatus(status);
      this.emit('command-status', status);
    });
    link.on('screen-status', (status) => this.emit('screen-status', status));
  }

  private onReady(ready: Ready): void {
    this.outbox.flush();
    const open = this.outcomes.open();
    for (let start = 0; start < open.length; start += STATUS_PAGE) {
      this.learn(open.slice(start, start + STATUS_PAGE));
    }
    this.poll(0);
    this.emit('ready', ready);
  }

  private onState(change: StateChange): void {
    if (change.state !== 'online') this.outbox.lost();
    if (change.state !== 'online') this.cancelPoll();
    if (change.state === 'closed') {
      const error = change.error ?? new BongsuError('UNAVAILABLE');
      this.closedBy = error;
      this.outbox.failAll(error);
      this.outcomes.forgetAll(error);
    }
    this.emit('state', change);
  }

  /** Asks page after page, so that many open commands never make a burst. */
  private poll(start: number): void {
    this.cancelPoll = this.clock.after(
      STATUS_POLL_MS,
      () => {
        const open = this.outcomes.open();
        const from = start < open.length ? start : 0;
        if (open.length > 0) this.learn(open.slice(from, from + STATUS_PAGE));
        this.poll(from + STATUS_PAGE);
      },
      { background: true },
    );
  }

  private async askStatus(link: Link, ids: string[]): Promise<CommandOrUnknown[]> {
    const { items } = await ask<{ items: CommandOrUnknown[] }>(this.clock, link, (ack) =>
      link.emit('status', { ids }, ack),
    );
    return items;
  }

  private learn(ids: string[]): void {
    const { link } = this.connection;
    if (!link) return;
    this.askStatus(link, ids).then(
      (items) => {
        for (const item of items) this.outcomes.onAnswer(item);
      },
      // The next poll or reconnect asks again.
      () => {},
    );
  }
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
