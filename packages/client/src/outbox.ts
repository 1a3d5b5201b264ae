import {
  type Accepted,
  type Answer,
  BongsuError,
  type ErrorCode,
  MAX_BODY_BYTES,
  MAX_DATA_BYTES,
} from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import { jittered, reconnectDelayMs } from './backoff.js';
import type { Clock } from './clock.js';
import { CommandError, errorFromWire, toBongsuError } from './errors.js';

export type CommandEvent = 'trigger' | 'navigate';

/** A command without what is made at its first transmission. */
export type Draft = Record<string, unknown>;

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
  maxQueued: number;
}

interface Waiting {
  event: CommandEvent;
  draft: Draft;
  id: string | undefined;
  timestamp: number | undefined;
  /** `ready` to be sent, `sent` and not answered, or `paused` before another try. */
  phase: 'ready' | 'sent' | 'paused';
  /** Numbers the transmissions, so that the answer of one that was given up on is not taken for the present one's. */
  transmission: number;
  /** A transmission of it ended without a refusal that proves that it was not accepted. */
  doubtful: boolean;
  retries: number;
  /** New timestamps and new tokens it has got. */
  mends: number;
  lastError: BongsuError | undefined;
  cancelTimers: Set<() => void>;
  resolve(accepted: Accepted): void;
  reject(error: unknown): void;
}

/** Silence on a live link. Sending again is safe: the id is the same. */
const ACK_TIMEOUT_MS = 15_000;
const MAX_MENDS = 3;
/** Refusals before anything is stored; after any other retryable one the command may yet be accepted. */
const PROVES_REFUSAL: readonly ErrorCode[] = ['RATE_LIMIT', 'BUSY'];

/**
 * Commands on their way to being accepted, in order of call. In memory only: the persisted queue of the offline
 * issue takes its place by keeping `Waiting` entries durably.
 */
export class Outbox {
  private readonly waiting = new Set<Waiting>();

  constructor(private readonly options: OutboxOptions) {}

  /**
   * Resolves with the ack; rejects with CommandError, or with the signal's reason.
   * @param id only to send a command again whose outcome is in doubt
   */
  send(
    event: CommandEvent,
    draft: Draft,
    { queueTtlMs, signal, id }: { queueTtlMs: number; signal?: AbortSignal; id?: string },
  ): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const fault = sizeFault(draft);
      if (fault) return reject(new CommandError(fault, { definite: true }));
      if (this.waiting.size >= this.options.maxQueued) {
        return reject(new CommandError('BUSY', { definite: true, details: { queued: this.waiting.size } }));
      }
      const command: Waiting = {
        event,
        // A copy: a retry must say the same as the first transmission, whatever the caller does meanwhile.
        draft: JSON.parse(JSON.stringify(draft)) as Draft,
        id,
        timestamp: undefined,
        phase: 'ready',
        transmission: 0,
        doubtful: id !== undefined,
        retries: 0,
        mends: 0,
        lastError: undefined,
        cancelTimers: new Set(),
        resolve,
        reject,
      };
      this.waiting.add(command);
      const onAbort = () => this.end(command, () => reject(signal?.reason));
      signal?.addEventListener('abort', onAbort, { once: true });
      command.cancelTimers.add(() => signal?.removeEventListener('abort', onAbort));
      this.later(command, queueTtlMs, () => this.expire(command));
      this.transmit(command);
    });
  }

  /** A link is ready: everything unanswered goes out again, in order. */
  flush(): void {
    for (const command of [...this.waiting]) if (command.phase === 'ready') this.transmit(command);
  }

  /** The link is gone, and with it the acks that had not come. */
  lost(): void {
    for (const command of this.waiting) {
      if (command.phase !== 'sent') continue;
      command.phase = 'ready';
      command.doubtful = true;
    }
  }

  /** There will be no other link. */
  failAll(error: BongsuError): void {
    for (const command of [...this.waiting]) this.fail(command, error);
  }

  private transmit(command: Waiting): void {
    if (!this.options.isOnline()) return;
    command.timestamp ??= Math.round(this.options.serverNow());
    command.id ??= uuidv7({ msecs: command.timestamp });
    command.transmission += 1;
    command.phase = 'sent';
    const { id, timestamp, transmission } = command;
    const isPresent = () => command.transmission === transmission && command.phase === 'sent';
    if (transmission === 1) this.options.onFirstTransmission(id);
    this.options.transmit(command.event, { ...command.draft, id, timestamp }, (answer) => {
      if (isPresent()) this.onAnswer(command, answer);
    });
    this.later(command, ACK_TIMEOUT_MS, () => {
      if (!isPresent()) return;
      command.doubtful = true;
      this.transmit(command);
    });
  }

  private onAnswer(command: Waiting, answer: Answer<Accepted>): void {
    if (answer.success) {
      this.end(command, () => command.resolve(answer));
      return;
    }
    const error = errorFromWire(answer.error) ?? new BongsuError('INTERNAL_ERROR');
    command.lastError = error;
    const mayMend = command.mends < MAX_MENDS;
    if (error.code === 'REQUEST_EXPIRED' && mayMend) this.restamp(command, error);
    else if (error.code === 'TOKEN_EXPIRED' && mayMend) this.renew(command, error);
    else if (!error.retryable) this.fail(command, error, true);
    else {
      if (!PROVES_REFUSAL.includes(error.code)) command.doubtful = true;
      this.pause(command, (error.retryAfterMs ?? 0) + this.delayMs(command));
    }
  }

  /** REQUEST_EXPIRED proves that this transmission was not accepted, so the same id may carry a new timestamp. */
  private restamp(command: Waiting, error: BongsuError): void {
    const { serverTime } = (error.details ?? {}) as { serverTime?: unknown };
    if (typeof serverTime === 'number') this.options.correctClock(serverTime);
    command.timestamp = Math.round(this.options.serverNow());
    command.mends += 1;
    command.phase = 'ready';
    this.transmit(command);
  }

  private renew(command: Waiting, error: BongsuError): void {
    command.phase = 'paused';
    this.options.renewToken().then(
      (renewed) => {
        command.mends += 1;
        if (renewed) this.resume(command);
        else this.fail(command, error, true);
      },
      (failure: unknown) => this.pause(command, toBongsuError(failure).retryAfterMs ?? this.delayMs(command)),
    );
  }

  private pause(command: Waiting, delayMs: number): void {
    if (!this.waiting.has(command)) return;
    command.phase = 'paused';
    command.retries += 1;
    this.later(command, delayMs, () => this.resume(command));
  }

  private resume(command: Waiting): void {
    if (!this.waiting.has(command) || command.phase !== 'paused') return;
    command.phase = 'ready';
    this.transmit(command);
  }

  private delayMs(command: Waiting): number {
    return jittered(reconnectDelayMs(command.retries), this.options.random());
  }

  private expire(command: Waiting): void {
    this.fail(command, command.lastError ?? new BongsuError('UNAVAILABLE'));
  }

  /** @param refused the server said no to the latest transmission, for good */
  private fail(command: Waiting, error: BongsuError, refused = false): void {
    const doubtful = command.doubtful || (command.phase === 'sent' && !refused);
    // "Try again" says nothing of a command that may have been accepted already.
    const code = doubtful && error.retryable ? 'INDETERMINATE' : error.code;
    const options = { id: command.id, definite: !doubtful, details: error.details, cause: error };
    this.end(command, () => command.reject(new CommandError(code, options)));
  }

  private end(command: Waiting, report: () => void): void {
    if (!this.waiting.delete(command)) return;
    for (const cancel of command.cancelTimers) cancel();
    report();
  }

  private later(command: Waiting, delayMs: number, task: () => void): void {
    const cancel = this.options.clock.after(delayMs, () => {
      command.cancelTimers.delete(cancel);
      task();
    });
    command.cancelTimers.add(cancel);
  }
}

const encoder = new TextEncoder();

/** What would close the whole connection (a frame too large) or never arrive is refused here. */
function sizeFault(draft: Draft): ErrorCode | undefined {
  try {
    const sizeOf = (value: unknown) => encoder.encode(JSON.stringify(value) ?? '').length;
    const tooLarge = sizeOf(draft.data) > MAX_DATA_BYTES || sizeOf(draft) > MAX_BODY_BYTES;
    return tooLarge ? 'PAYLOAD_TOO_LARGE' : undefined;
  } catch {
    return 'VALIDATION_ERROR';
  }
}
