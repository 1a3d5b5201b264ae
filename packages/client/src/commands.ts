import {
  type Accepted,
  BongsuError,
  type CommandOrUnknown,
  type MessageInput,
  type NavigateInput,
  type TriggerInput,
} from '@bongsu/protocol';
import type { Request } from './api.js';
import type {
  AcceptedCommand,
  ClientEvents,
  CommandOptions,
  ConnectOptions,
  SendOptions,
} from './client-types.js';
import { abortable, type Clock } from './clock.js';
import { CommandQueue, type Left } from './command-queue.js';
import type { Connection, Link } from './connection.js';
import { CommandError } from './errors.js';
import type { CommandEvent } from './journal.js';
import { type Draft, Outbox } from './outbox.js';
import { askStatus, OutcomeReader, STATUS_PAGE } from './outcome-reader.js';
import { type Outcome, Outcomes } from './outcomes.js';

const QUEUE_TTL_MS = 60_000;
const MAX_QUEUED = 1_000;
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
const RETENTION_MS = 24 * 3_600_000;
/** A longer timer would fire at once. */
const MAX_QUEUE_TTL_MS = 24 * 24 * 3_600_000;

interface CommandsDeps {
  clock: Clock;
  random: () => number;
  connection: Connection;
  request: Request;
  /** False while what goes to this target has to wait for a seat. */
  mayGo: (target: string, needsSeat: boolean) => boolean;
  onAccepted: (accepted: Accepted) => void;
  tell: <Name extends 'restored' | 'queue-fault' | 'command-status'>(
    event: Name,
    value: ClientEvents[Name],
  ) => void;
}

/** What a client sends, commands and messages, and how it ends. */
export class Commands {
  readonly outbox: Outbox;
  /** Why nothing is sent any more. */
  closedBy: BongsuError | undefined;
  private readonly outcomes = new Outcomes();
  private readonly reader: OutcomeReader;
  private readonly queue: CommandQueue | undefined;
  private readonly queueTtlMs: number;

  constructor(
    options: ConnectOptions,
    private readonly deps: CommandsDeps,
  ) {
    const { clock, connection, tell } = deps;
    const { queue: store, locks, queueTtlMs = QUEUE_TTL_MS } = options;
    if (!isQueueTtl(queueTtlMs)) {
      throw new RangeError(`queueTtlMs must be 0 to ${MAX_QUEUE_TTL_MS} ms (24 days), not ${queueTtlMs}`);
    }
    this.queueTtlMs = queueTtlMs;
    const { outcomes } = this;
    this.reader = new OutcomeReader({ clock, outcomes, link: () => connection.link });
    this.outbox = this.makeOutbox(options);
    if (store) {
      this.queue = new CommandQueue({
        store,
        clock,
        outbox: this.outbox,
        ...(locks ? { locks } : {}),
        onRestored: (left) => this.onRestored(left),
        onFault: (error) => tell('queue-fault', { error }),
      });
    }
  }

  async command(event: CommandEvent, draft: Draft, options: CommandOptions): Promise<AcceptedCommand> {
    const { displayIndex, ttlMs, notify, nonce } = options;
    return this.onAccepted(await this.post(event, { ...draft, displayIndex, ttlMs, notify, nonce }, options));
  }

  /** Nobody carries a message out: with its acceptance all is said. */
  async message(draft: Draft, options: SendOptions): Promise<Accepted> {
    const { executed: _, ...accepted } = this.onAccepted(await this.post('message', draft, options), 0);
    return accepted;
  }

  async status(ids: string[], signal?: AbortSignal): Promise<CommandOrUnknown[]> {
    const { clock, connection } = this.deps;
    const pages: CommandOrUnknown[] = [];
    for (let start = 0; start < ids.length; start += STATUS_PAGE) {
      const page = ids.slice(start, start + STATUS_PAGE);
      const link = await connection.online(signal);
      pages.push(...(await abortable(askStatus(clock, link, page), signal)));
    }
    return pages;
  }

  track(id: string): Promise<Outcome> {
    const outcome = this.outcomes.follow(id);
    this.reader.learn([id]);
    return outcome;
  }

  async cancel(id: string): Promise<void> {
    const remains = await this.outbox.takeBack(id);
    if (remains === 'unsent') return;
    await this.deps
      .request(`/api/commands/${encodeURIComponent(id)}`, { method: 'DELETE' })
      .catch((error: unknown) => {
        const isLost = remains === 'doubtful' && error instanceof BongsuError && error.code === 'NOT_FOUND';
        throw isLost ? new BongsuError('INDETERMINATE', { cause: error }) : error;
      });
  }

  listen(link: Link): void {
    link.on('command-status', (status) => {
      this.outcomes.onStatus(status);
      this.deps.tell('command-status', status);
    });
  }

  onUser(userId: string | undefined): void {
    this.queue?.onUser(userId);
  }

  onReady(): void {
    this.outbox.flush();
    this.reader.start();
  }

  onLost(): void {
    this.outbox.lost();
    this.reader.stop();
  }

  /** Of a login that is another one now. */
  refuseAll(error: BongsuError): void {
    this.outbox.refuseAll(error);
    this.outcomes.forgetAll(error);
  }

  /** `keep`: what waits in the queue goes out by a later client. */
  onClosed(error: BongsuError, { keep }: { keep: boolean }): void {
    this.closedBy = error;
    this.outbox.failAll(error, { keep });
    void this.queue?.close();
    this.outcomes.forgetAll(error);
  }

  async close(): Promise<void> {
    await this.queue?.close();
  }

  /** By the outbox: sent until it is accepted, once, under one id. */
  private async post(event: CommandEvent, draft: Draft, options: SendOptions): Promise<Accepted> {
    const { signal, id, queueTtlMs = this.queueTtlMs } = options;
    if (this.closedBy) throw new CommandError(this.closedBy.code, { definite: true, cause: this.closedBy });
    if (!isQueueTtl(queueTtlMs)) {
      const details = { queueTtlMs: `must be 0 to ${MAX_QUEUE_TTL_MS}` };
      throw new CommandError('VALIDATION_ERROR', { definite: true, details });
    }
    const queued = { queueTtlMs, ...(signal ? { signal } : {}), ...(id === undefined ? {} : { id }) };
    return this.outbox.send(event, draft, queued).catch((error: unknown) => {
      if (error instanceof CommandError && error.id) this.outcomes.forget(error.id, error);
      throw error;
    });
  }

  private onAccepted(answer: Accepted & { success?: true }, given?: number): AcceptedCommand {
    const { success: _, ...accepted } = answer;
    const { id, screens = given ?? 1 } = accepted;
    this.deps.onAccepted(accepted);
    const executed = this.outcomes.accepted(id, screens);
    this.queue?.onAccepted(accepted, executed);
    // A repeat may have ended long ago, and its statuses come only once.
    if (accepted.duplicate && screens > 0) this.reader.learn([id]);
    return { ...accepted, executed };
  }

  private onRestored({ waiting, open }: Left): void {
    const done = open.map((accepted) => {
      const executed = this.outcomes.accepted(accepted.id, accepted.screens ?? 1);
      this.queue?.onAccepted(accepted, executed);
      return { id: accepted.id, accepted: Promise.resolve({ ...accepted, executed }) };
    });
    const waits = waiting.map(({ id, type, body, accepted: answer }) => {
      const accepted = answer.then((ack) => this.onAccepted(ack, type === 'message' ? 0 : undefined));
      // Who does not ask is not told.
      accepted.catch((error: BongsuError) => this.outcomes.forget(id, error));
      return { id, command: { type, ...(JSON.parse(body) as object) }, accepted };
    });
    this.reader.learn(open.map(({ id }) => id));
    this.deps.tell('restored', [...done, ...waits]);
  }

  private makeOutbox(options: ConnectOptions): Outbox {
    const { maxQueued = MAX_QUEUED, maxQueuedBytes = MAX_QUEUED_BYTES, retentionMs = RETENTION_MS } = options;
    const { clock, random, connection, mayGo } = this.deps;
    return new Outbox({
      clock,
      random,
      maxQueued,
      maxQueuedBytes,
      retentionMs,
      mayGo,
      serverNow: () => connection.serverNow(),
      correctClock: (serverTime) => {
        connection.clockOffsetMs = serverTime - clock.now();
      },
      isOnline: () => connection.link !== undefined,
      transmit: (event, payload, onAnswer) => {
        // The one place where a draft becomes a payload; the server checks it in full.
        if (event === 'trigger') connection.link?.emit(event, payload as unknown as TriggerInput, onAnswer);
        else if (event === 'message')
          connection.link?.emit(event, payload as unknown as MessageInput, onAnswer);
        else connection.link?.emit(event, payload as unknown as NavigateInput, onAnswer);
      },
      renewToken: () => connection.renewToken(),
      onFirstTransmission: (id) => this.outcomes.track(id),
    });
  }
}

function isQueueTtl(ms: number): boolean {
  return ms >= 0 && ms <= MAX_QUEUE_TTL_MS;
}
