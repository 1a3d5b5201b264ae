import type { BongsuError, Signaled } from '@bongsu/protocol';
import type { Clock } from './clock.js';
import { toBongsuError } from './errors.js';
import type { Outgoing } from './peers-types.js';

/** Refused for now, without a word on when. */
const PAUSE_MS = 250;

/**
 * What is to be said to one participant, in order, until the server has relayed it. After a lost link or a refusal for now all that
 * is unanswered goes out again from the first on; the other side knows what it has been told.
 */
export class SignalQueue {
  private items: Outgoing[] = [];
  private sent = new Set<Outgoing>();
  /** Answers of an earlier round count for nothing. */
  private round = 0;
  private cancelPause: (() => void) | undefined;

  constructor(
    private readonly options: {
      clock: Clock;
      isOpen: () => boolean;
      send: (signal: Outgoing) => Promise<Signaled>;
      onRefused: (error: BongsuError) => void;
      /** A wish for a restart went nowhere. */
      onUnheard: () => void;
    },
  ) {}

  push(signal: Outgoing): void {
    this.items.push(signal);
    this.pump();
  }

  /** What belongs to this negotiation need not be said any more. */
  drop(negotiationId: string): void {
    this.keep((item) => item.negotiationId !== negotiationId);
  }

  clear(): void {
    this.keep(() => false);
    this.again();
  }

  /** There is a seat again. */
  resume(): void {
    this.again();
    this.pump();
  }

  private again(): void {
    this.round += 1;
    this.sent.clear();
    this.cancelPause?.();
    this.cancelPause = undefined;
  }

  private pump(): void {
    if (this.cancelPause || !this.options.isOpen()) return;
    for (const item of [...this.items]) {
      if (this.sent.has(item)) continue;
      this.sent.add(item);
      const { round } = this;
      this.options.send(item).then(
        (answer) => this.round === round && this.onAnswer(item, answer),
        (error: unknown) => this.round === round && this.onRefusal(item, toBongsuError(error)),
      );
    }
  }

  /** Descriptions and candidates that are stale were replaced: nobody waits for them. */
  private onAnswer(item: Outgoing, { stale, unheard }: Signaled): void {
    this.keep((other) => other !== item);
    if (item.restart && (stale || unheard)) this.options.onUnheard();
  }

  private onRefusal(item: Outgoing, error: BongsuError): void {
    if (!error.retryable) {
      this.keep((other) => other !== item);
      this.options.onRefused(error);
      return;
    }
    this.again();
    this.cancelPause = this.options.clock.after(error.retryAfterMs ?? PAUSE_MS, () => {
      this.cancelPause = undefined;
      this.pump();
    });
  }

  private keep(wanted: (item: Outgoing) => boolean): void {
    this.items = this.items.filter(wanted);
    this.sent = new Set([...this.sent].filter(wanted));
  }
}
