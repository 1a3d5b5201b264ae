import { type Accepted, type Answer, BongsuError, type ErrorCode, FRESHNESS_MS } from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import { jittered, reconnectDelayMs } from './backoff.js';
import type { Clock } from './clock.js';
import { checkedBody } from './command-body.js';
import { CommandError, errorFromWire, toBongsuError } from './errors.js';
import type { CommandEvent, Journal, StoredCommand } from './journal.js';
import { Line, type Waiting } from './line.js';
import { Pace } from './pace.js';

/** A command without what is made at its first transmission. */
export type Draft = Record<string, unknown>;

/**
 * Of a command that was taken back: `unsent` will never run, `accepted` is the server's to cancel, `doubtful` may yet
 * be accepted; one that is `absent` was not waiting here.
 */
export type Remains = 'unsent' | 'accepted' | 'doubtful' | 'absent';

/** Puts one command on the wire, and calls back with its ack. */
type Transmit = (
  event: CommandEvent,
  payload: Draft & { id: string; timestamp: number },
  onAnswer: (answer: Answer<Accepted>) => void,
) => void;

export interface OutboxOptions {
  clock: Clock;
  random: () => number;
  /** Milliseconds by the server's clock, as well as it is known. */
  serverNow: () => number;
  /** Sets the clock right by what a REQUEST_EXPIRED told. */
  correctClock: (serverTime: number) => void;
  isOnline: () => boolean;
  transmit: Transmit;
  /** Makes the link's token good again after a TOKEN_EXPIRED; false if it cannot. */
  renewToken: () => Promise<boolean>;
  onFirstTransmission: (id: string) => void;
  /**
   * False while this has to wait, and with it what comes later for its target (as JSON), until the next `pump`. Default: never.
   * `needsSeat`: a message that an earlier process left, whose seat may be gone with it.
   */
  mayGo?: (target: string, needsSeat: boolean) => boolean;
  maxQueued: number;
  maxQueuedBytes: number;
  /** COMMAND_RETENTION_HOURS of the server, in milliseconds. */
  retentionMs: number;
}

/** Silence on a live link. Sending again is safe: the id is the same. */
const ACK_TIMEOUT_MS = 15_000;
/** New timestamps on one link, and new tokens, before it goes slower or gives up. */
const MAX_MENDS = 3;
/** Refusals before anything is stored; after any other retryable one the command may yet be accepted. */
const PROVES_REFUSAL: readonly ErrorCode[] = ['RATE_LIMIT', 'BUSY'];

/** Commands on their way to being accepted, in order of call: in memory, and with a journal durably as well. */
export class Outbox {
  private readonly line = new Line();
  private journal: Journal | undefined;
  /** False while it is not known yet what an earlier process left, which goes first. */
  private isOpen = true;
  private isLinked = false;
  private readonly pace: Pace;
  /** While several are ended at once, or sent, none of the others goes in between. */
  private isBusy = false;

  constructor(private readonly options: OutboxOptions) {
    const { clock, random } = options;
    this.pace = new Pace({ clock, random, onTimeOver: () => this.pump() });
  }

  /**
   * Resolves with the ack; rejects with CommandError, or with the signal's reason.
   * @param id only to send a command again whose outcome is in doubt
   */
  send(
    event: CommandEvent,
    draft: Draft,
    { queueTtlMs, signal, id }: { queueTtlMs: number; signal?: AbortSignal; id?: string },
  ): Promise<Accepted> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { body, bytes, fault } = checkedBody(draft);
    if (fault) return Promise.reject(new CommandError(fault, { definite: true }));
    const { maxQueued, maxQueuedBytes, clock } = this.options;
    const { size: queued, bytes: queuedBytes } = this.line;
    if (queued >= maxQueued || queuedBytes + bytes > maxQueuedBytes) {
      const details = { queued, queuedBytes };
      return Promise.reject(new CommandError('BUSY', { definite: true, details }));
    }
    const doubtful = id !== undefined;
    return this.enter({ event, body, bytes, id, doubtful, expiresAt: clock.now() + queueTtlMs }, signal);
  }

  /** Sends nothing until `open`. */
  hold(): void {
    this.isOpen = false;
  }

  /** From now on commands are sent; with a journal each is written down before. */
  open(journal?: Journal): void {
    this.journal = journal;
    this.isOpen = true;
    if (journal && this.line.size > 0) {
      for (const command of this.line) command.id ??= this.newId();
      void journal.save();
    }
    this.pump();
  }

  /** Puts in front what an earlier process left; before `open`. */
  restore(left: StoredCommand[]): Promise<Accepted>[] {
    const given = left.map(({ type, ...stored }) => {
      const bytes = stored.body.length;
      // It may have been sent, if it was about to be.
      const wasSent = stored.timestamp !== undefined;
      return { event: type, bytes, isDurable: wasSent, doubtful: wasSent, ...stored };
    });
    return this.line.putFirst(given, (command) => this.watch(command));
  }

  /** What is to be kept, in order. */
  stored(): StoredCommand[] {
    return [...this.line].map(({ id, event, body, expiresAt, timestamp, firstTimestamp }) => ({
      id: id as string,
      type: event,
      body,
      expiresAt,
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(firstTimestamp === undefined ? {} : { firstTimestamp }),
    }));
  }

  /** A link is ready, and it is known whose it is: everything unanswered goes out again, in order. */
  flush(): void {
    this.isLinked = true;
    this.pump();
  }

  /** Sends what may go now: all sending but that of an unanswered command begins here, so that the order holds. */
  pump(): void {
    const held = new Set<string>();
    this.inOrder((command) => {
      if (!this.maySend()) return false;
      if (command.phase !== 'ready') return true;
      if (!this.mayGo(command)) held.add(command.target);
      if (!held.has(command.target) && !this.line.isHeld(command)) this.dispatch(command);
      return true;
    });
  }

  private mayGo({ event, target, place }: Waiting): boolean {
    return this.options.mayGo?.(target, event === 'message' && place < 0) ?? true;
  }

  /** In order, as long as the step does not answer false. What ends on the way frees only what is still to come. */
  private inOrder(step: (command: Waiting) => unknown): void {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      for (const command of this.line) if (step(command) === false) break;
    } finally {
      this.isBusy = false;
    }
  }

  private maySend(): boolean {
    if (!this.isOpen || !this.isLinked || !this.options.isOnline()) return false;
    return this.pace.admits(this.line.underWay, this.line.unanswered);
  }

  /** The link is gone, and with it the acks that had not come. */
  lost(): void {
    this.isLinked = false;
    this.inOrder((command) => {
      command.restamps = 0;
      if (command.phase !== 'sent') return;
      this.line.move(command, 'ready');
      command.doubtful = true;
      this.yieldUp(command);
    });
  }

  /** There will be no other link. `keep`: what is written down stays so, for a later process to send. */
  failAll(error: BongsuError, { keep = false } = {}): void {
    this.isOpen = false;
    this.inOrder((command) => {
      if (keep && this.journal && command.takers.length === 0) this.leave(command, error);
      else this.fail(command, error);
    });
  }

  /** Rejects these; they are forgotten. */
  refuse(ids: ReadonlySet<string>, error: BongsuError): void {
    this.inOrder((command) => {
      if (command.id && ids.has(command.id)) this.fail(command, error);
    });
  }

  /** Rejects all that waits; what comes later is taken as before. */
  refuseAll(error: BongsuError): void {
    this.inOrder((command) => this.fail(command, error));
  }

  /** It waits here, or for its answer. */
  has(id: string): boolean {
    for (const command of this.line) if (command.id === id) return true;
    return false;
  }

  /** Takes one back: at once, or when a transmission is under way with its answer. Resolves to what is left to do. */
  takeBack(id: string): Promise<Remains> {
    const command = [...this.line].find((waiting) => waiting.id === id);
    if (!command) return Promise.resolve('absent');
    return new Promise((resolve) => {
      command.takers.push(resolve);
      if (command.phase !== 'sent') this.yieldUp(command);
    });
  }

  /** Ends one that is to be taken back, now that no answer can come; true if it did. */
  private yieldUp(command: Waiting): boolean {
    if (command.takers.length === 0) return false;
    this.fail(command, new BongsuError('CONFLICT', { cause: new Error('cancelled') }));
    return true;
  }

  private enter(given: Parameters<Line['add']>[0], signal: AbortSignal | undefined): Promise<Accepted> {
    const { command, accepted } = this.line.add(given);
    if (this.journal) command.id ??= this.newId();
    const onAbort = () => this.end(command, () => command.reject(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    command.cancelTimers.add(() => signal?.removeEventListener('abort', onAbort));
    this.watch(command);
    this.pump();
    if (command.phase === 'ready') void this.journal?.save();
    return accepted;
  }

  private watch(command: Waiting): void {
    this.later(command, command.expiresAt - this.options.clock.now(), () => this.expire(command));
  }

  private newId(): string {
    return uuidv7({ msecs: Math.round(this.options.serverNow()) });
  }

  /** What is not written down yet is written first. */
  private dispatch(command: Waiting): void {
    // One that was left behind may be over before its timer gets its turn.
    if (command.expiresAt < this.options.clock.now()) {
      this.expire(command);
      return;
    }
    command.timestamp ??= Math.round(this.options.serverNow());
    command.id ??= uuidv7({ msecs: command.timestamp });
    command.firstTimestamp ??= command.timestamp;
    if (!this.journal || command.isDurable) {
      this.transmit(command);
      return;
    }
    this.line.move(command, 'saving');
    void this.journal.save().then(() => {
      command.isDurable = true;
      if (!this.line.has(command) || command.phase !== 'saving') return;
      this.line.move(command, 'ready');
      this.pump();
    });
  }

  private transmit(command: Waiting): void {
    if (!this.options.isOnline()) return;
    command.transmission += 1;
    this.line.move(command, 'sent');
    const { id, timestamp, transmission, event, body } = command;
    if (id === undefined || timestamp === undefined) throw new Error('sent without an id');
    // It will be refused as expired and stamped anew: later ones for its target would overtake it meanwhile.
    if (this.options.serverNow() - timestamp > FRESHNESS_MS) this.line.hold(command);
    const isPresent = () => command.transmission === transmission && command.phase === 'sent';
    if (transmission === 1) this.options.onFirstTransmission(id);
    this.options.transmit(event, { ...(JSON.parse(body) as Draft), id, timestamp }, (answer) => {
      if (isPresent()) this.onAnswer(command, answer);
    });
    this.later(command, ACK_TIMEOUT_MS, () => {
      if (!isPresent()) return;
      command.doubtful = true;
      if (!this.yieldUp(command)) this.transmit(command);
    });
  }

  private onAnswer(command: Waiting, answer: Answer<Accepted>): void {
    if (answer.success) {
      this.pace.onAccepted();
      this.end(command, () => command.resolve(answer), { accepted: true });
      return;
    }
    const error = errorFromWire(answer.error) ?? new BongsuError('INTERNAL_ERROR');
    command.lastError = error;
    this.line.move(command, 'paused');
    if (error.retryable && !PROVES_REFUSAL.includes(error.code)) command.doubtful = true;
    if (error.code === 'RATE_LIMIT') this.pace.onRefused(error.retryAfterMs ?? 0);
    if (!this.yieldUp(command)) this.mend(command, error);
    // Others may have waited for this answer.
    this.pump();
  }

  private mend(command: Waiting, error: BongsuError): void {
    if (error.code === 'RATE_LIMIT') this.line.move(command, 'ready');
    else if (error.code === 'REQUEST_EXPIRED') this.restamp(command, error);
    else if (error.code === 'TOKEN_EXPIRED' && command.renewals < MAX_MENDS) this.renew(command, error);
    else if (!error.retryable) this.fail(command, error);
    else this.pause(command, (error.retryAfterMs ?? 0) + this.delayMs(command));
  }

  /**
   * REQUEST_EXPIRED proves that this transmission was not accepted, so the same id may carry a new timestamp; but an
   * earlier one may have been, and the server knows its id for no longer than its retention.
   */
  private restamp(command: Waiting, error: BongsuError): void {
    const { retentionMs, correctClock, serverNow } = this.options;
    const { serverTime } = (error.details ?? {}) as { serverTime?: unknown };
    if (typeof serverTime === 'number') correctClock(serverTime);
    const now = Math.round(serverNow());
    const { firstTimestamp = now } = command;
    if (command.doubtful && now - firstTimestamp > retentionMs / 2) {
      this.fail(command, error);
      return;
    }
    command.timestamp = now;
    // One that was ahead of the server's clock was never accepted with it.
    command.firstTimestamp = Math.min(firstTimestamp, now);
    command.restamps += 1;
    if (command.restamps > MAX_MENDS) {
      this.pause(command, this.delayMs(command));
      return;
    }
    this.line.move(command, 'ready');
  }

  private renew(command: Waiting, error: BongsuError): void {
    this.line.hold(command);
    this.options.renewToken().then(
      (renewed) => {
        command.renewals += 1;
        if (renewed) this.resume(command);
        else this.fail(command, error);
      },
      (failure: unknown) => this.pause(command, toBongsuError(failure).retryAfterMs ?? this.delayMs(command)),
    );
  }

  private pause(command: Waiting, delayMs: number): void {
    if (!this.line.has(command)) return;
    this.line.move(command, 'paused');
    command.retries += 1;
    this.line.hold(command);
    this.later(command, delayMs, () => this.resume(command));
  }

  private resume(command: Waiting): void {
    if (!this.line.has(command) || command.phase !== 'paused') return;
    this.line.move(command, 'ready');
    this.pump();
  }

  private delayMs(command: Waiting): number {
    return jittered(reconnectDelayMs(command.retries), this.options.random());
  }

  private expire(command: Waiting): void {
    this.fail(command, command.lastError ?? new BongsuError('UNAVAILABLE'));
  }

  private fail(command: Waiting, error: BongsuError): void {
    const doubtful = isDoubtful(command);
    // "Try again" says nothing of a command that may have been accepted already.
    const code = doubtful && error.retryable ? 'INDETERMINATE' : error.code;
    const options = { id: command.id, definite: !doubtful, details: error.details, cause: error };
    this.end(command, () => command.reject(new CommandError(code, options)));
  }

  /** Rejects, and stays in the line to be written down. */
  private leave(command: Waiting, error: BongsuError): void {
    for (const cancel of command.cancelTimers) cancel();
    const options = { id: command.id, definite: false, cause: error };
    command.reject(new CommandError('INDETERMINATE', options));
  }

  private end(command: Waiting, report: () => void, { accepted = false } = {}): void {
    if (!this.line.remove(command, { accepted })) return;
    for (const cancel of command.cancelTimers) cancel();
    report();
    const remains = accepted ? 'accepted' : isDoubtful(command) ? 'doubtful' : 'unsent';
    for (const tell of command.takers) tell(remains);
    if (accepted) this.journal?.tidy();
    else void this.journal?.save();
    this.pump();
  }

  private later(command: Waiting, delayMs: number, task: () => void): void {
    const cancel = this.options.clock.after(delayMs, () => {
      command.cancelTimers.delete(cancel);
      task();
    });
    command.cancelTimers.add(cancel);
  }
}

/** It may be accepted, for all that is known here. */
function isDoubtful({ doubtful, phase }: Waiting): boolean {
  return doubtful || phase === 'sent';
}
