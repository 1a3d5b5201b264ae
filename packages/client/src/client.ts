import {
  type Accepted,
  BongsuError,
  type CommandOrUnknown,
  type NavigateInput,
  type Ready,
  type Target,
  type TriggerInput,
} from '@bongsu/protocol';
import { cancelCommand } from './cancel-command.js';
import type {
  AcceptedCommand,
  ClientEvents,
  CommandOptions,
  ConnectOptions,
  TriggerOptions,
} from './client-types.js';
import { abortable, type Clock, systemClock } from './clock.js';
import { CommandQueue, type Left } from './command-queue.js';
import { Connection, type ConnectionState, type Link, type StateChange } from './connection.js';
import { Emitter } from './emitter.js';
import { CommandError } from './errors.js';
import type { CommandEvent } from './journal.js';
import { type Draft, Outbox } from './outbox.js';
import { askStatus, OutcomeReader, STATUS_PAGE } from './outcome-reader.js';
import { type Outcome, Outcomes } from './outcomes.js';
import type { TokenSource } from './token-manager.js';
import { tokenSource } from './token-source.js';

export type * from './client-types.js';

const QUEUE_TTL_MS = 60_000;
const MAX_QUEUED = 1_000;
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
const RETENTION_MS = 24 * 3_600_000;
/** A longer timer would fire at once. */
const MAX_QUEUE_TTL_MS = 24 * 24 * 3_600_000;

/** A controller's connection. Made by `connect`. */
export class Client extends Emitter<ClientEvents> {
  private readonly connection: Connection;
  private readonly tokens: TokenSource;
  private readonly outcomes = new Outcomes();
  private readonly reader: OutcomeReader;
  private readonly outbox: Outbox;
  private readonly queue: CommandQueue | undefined;
  private readonly clock: Clock;
  private readonly queueTtlMs: number;
  /** Who is connected, or was last. */
  private userId: string | undefined;
  private closedBy: BongsuError | undefined;

  constructor(private readonly options: ConnectOptions) {
    super();
    const { url, path, clock = systemClock, random = Math.random, queue } = options;
    this.tokens = tokenSource(options);
    this.clock = clock;
    this.queueTtlMs = options.queueTtlMs ?? QUEUE_TTL_MS;
    if (!isQueueTtl(this.queueTtlMs)) {
      throw new RangeError(
        `queueTtlMs must be 0 to ${MAX_QUEUE_TTL_MS} ms (24 days), not ${this.queueTtlMs}`,
      );
    }
    this.connection = new Connection({ url, path, tokens: this.tokens, clock, random });
    const { connection, outcomes } = this;
    this.reader = new OutcomeReader({ clock, outcomes, link: () => connection.link });
    this.outbox = this.makeOutbox(random);
    if (queue) {
      this.queue = new CommandQueue({
        store: queue,
        clock,
        outbox: this.outbox,
        ...(options.locks ? { locks: options.locks } : {}),
        onRestored: (left) => this.onRestored(left),
        onFault: (error) => this.emit('queue-fault', { error }),
      });
    }
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
      pages.push(...(await abortable(askStatus(this.clock, link, page), signal)));
    }
    return pages;
  }

  /**
   * How a command ends of which only the id is known, e.g. one of an earlier process.
   * @throws BongsuError NOT_FOUND: not yours, never accepted, or past the server's retention; as `executed` else
   */
  track(id: string): Promise<Outcome> {
    if (this.closedBy) return Promise.reject(this.closedBy);
    const outcome = this.outcomes.follow(id);
    this.reader.learn([id]);
    return outcome;
  }

  /**
   * Takes a command back: one that waits here is rejected with CONFLICT, one that waits on the server for its screen
   * is cancelled there. What is under way to the server has its answer waited for.
   * @throws BongsuError CONFLICT once it is on its way to the screen or has ended; NOT_FOUND; INDETERMINATE when it was
   *   sent and the server does not know it: it may yet arrive
   */
  async cancel(id: string): Promise<void> {
    const remains = await this.outbox.takeBack(id);
    if (remains === 'unsent') return;
    const { url, fetch = globalThis.fetch } = this.options;
    await cancelCommand(id, { url, fetch, tokens: this.tokens }).catch((error: unknown) => {
      const isLost = remains === 'doubtful' && error instanceof BongsuError && error.code === 'NOT_FOUND';
      throw isLost ? new BongsuError('INDETERMINATE', { cause: error }) : error;
    });
  }

  /** Resolves when online; rejects when closed for good, or with the signal's reason. */
  async online({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.connection.online(signal);
  }

  /**
   * Disconnects for good. Commands that were not accepted reject; `.executed` promises too. With `queue` they stay
   * in it (INDETERMINATE), for a later client to send. Resolves once the queue is written and free for others.
   */
  async close(): Promise<void> {
    this.connection.close();
    await this.queue?.close();
  }

  private async command(
    event: CommandEvent,
    draft: Draft,
    options: CommandOptions,
  ): Promise<AcceptedCommand> {
    const { signal, id, queueTtlMs = this.queueTtlMs, displayIndex, ttlMs, notify, nonce } = options;
    if (this.closedBy) throw new CommandError(this.closedBy.code, { definite: true, cause: this.closedBy });
    if (!isQueueTtl(queueTtlMs)) {
      const details = { queueTtlMs: `must be 0 to ${MAX_QUEUE_TTL_MS}` };
      throw new CommandError('VALIDATION_ERROR', { definite: true, details });
    }
    const queued = { queueTtlMs, ...(signal ? { signal } : {}), ...(id === undefined ? {} : { id }) };
    const answer = await this.outbox
      .send(event, { ...draft, displayIndex, ttlMs, notify, nonce }, queued)
      .catch((error: unknown) => {
        if (error instanceof CommandError && error.id) this.outcomes.forget(error.id, error);
        throw error;
      });
    return this.onAccepted(answer);
  }

  private onAccepted(answer: Accepted & { success?: true }): AcceptedCommand {
    const { success: _, ...accepted } = answer;
    const { id, screens = 1 } = accepted;
    const executed = this.outcomes.accepted(id, screens);
    this.queue?.onAccepted(accepted, executed);
    // A repeat may have ended long ago, and its statuses come only once.
    if (accepted.duplicate) this.reader.learn([id]);
    return { ...accepted, executed };
  }

  private onRestored({ waiting, open }: Left): void {
    const done = open.map((accepted) => {
      const executed = this.outcomes.accepted(accepted.id, accepted.screens ?? 1);
      this.queue?.onAccepted(accepted, executed);
      return { id: accepted.id, accepted: Promise.resolve({ ...accepted, executed }) };
    });
    const waits = waiting.map(({ id, type, body, accepted: answer }) => {
      const accepted = answer.then((ack) => this.onAccepted(ack));
      // Who does not ask is not told.
      accepted.catch((error: BongsuError) => this.outcomes.forget(id, error));
      return { id, command: { type, ...(JSON.parse(body) as object) }, accepted };
    });
    this.reader.learn(open.map(({ id }) => id));
    this.emit('restored', [...done, ...waits]);
  }

  private makeOutbox(random: () => number): Outbox {
    const {
      maxQueued = MAX_QUEUED,
      maxQueuedBytes = MAX_QUEUED_BYTES,
      retentionMs = RETENTION_MS,
    } = this.options;
    const { clock, connection } = this;
    return new Outbox({
      clock,
      random,
      maxQueued,
      maxQueuedBytes,
      retentionMs,
      serverNow: () => connection.serverNow(),
      correctClock: (serverTime) => {
        connection.clockOffsetMs = serverTime - clock.now();
      },
      isOnline: () => connection.link !== undefined,
      transmit: (event, payload, onAnswer) => {
        // The one place where a draft becomes a payload; the server checks it in full.
        if (event === 'trigger') connection.link?.emit(event, payload as unknown as TriggerInput, onAnswer);
        else connection.link?.emit(event, payload as unknown as NavigateInput, onAnswer);
      },
      renewToken: () => connection.renewToken(),
      onFirstTransmission: (id) => this.outcomes.track(id),
    });
  }

  private listen(link: Link): void {
    link.on('command-status', (status) => {
      this.outcomes.onStatus(status);
      this.emit('command-status', status);
    });
    link.on('screen-status', (status) => this.emit('screen-status', status));
  }

  private onReady(ready: Ready): void {
    this.onUser(ready.userId);
    this.outbox.flush();
    this.reader.start();
    this.emit('ready', ready);
  }

  /** What was called under another login is not this one's to send, to ask for or to be told of. */
  private onUser(userId: string | undefined): void {
    const isOther = this.userId !== undefined && userId !== this.userId;
    this.userId = userId;
    this.queue?.onUser(userId);
    if (!isOther) return;
    const error = new BongsuError('AUTH_ERROR', { details: { reason: 'another account signed in' } });
    this.outbox.refuseAll(error);
    this.outcomes.forgetAll(error);
  }

  private onState(change: StateChange): void {
    if (change.state !== 'online') this.outbox.lost();
    if (change.state !== 'online') this.reader.stop();
    if (change.state === 'closed') {
      const error = change.error ?? new BongsuError('UNAVAILABLE');
      this.closedBy = error;
      // Of a login that is over nothing goes out later; what the app closed goes on in another client.
      this.outbox.failAll(error, { keep: change.error === undefined });
      void this.queue?.close();
      this.outcomes.forgetAll(error);
    }
    this.emit('state', change);
  }
}

function isQueueTtl(ms: number): boolean {
  return ms >= 0 && ms <= MAX_QUEUE_TTL_MS;
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
